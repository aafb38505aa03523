// What a denied agent is told, in a form that a program can read: in the body of a 403, and as a line of the run's
// denials file. Pure.
#pragma once

#include <string>
#include <string_view>

#include "policy/evaluate.h"
#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

enum class DenialOutcome { kForbidden, kDenied, kExpired, kStopped };

struct Denial {
  std::string target;  // "host:port"
  DenialOutcome outcome = DenialOutcome::kForbidden;
  GuardRule rule;
  std::string say;  // words of a person, or why
};
// One line without its newline, at most 4 KiB, nothing in it that a terminal obeys.
std::string denialJson(const Denial& denial);

GuardRule ruleOf(const policy::Verdict& verdict);

}  // namespace ringfence::sandbox
