// What a denied agent is told, in a form that a program can read: as a line of the run's denials file by every guard,
// and in the body of an egress's 403.
#pragma once

#include <string>

#include "policy/document.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxDenialsFile = mebibytes(1);  // then it begins anew

enum class DenialOutcome { kForbidden, kDenied, kExpired, kStopped };

struct Denial {
  policy::Operation operation = policy::Operation::kConnect;
  std::string target;
  DenialOutcome outcome = DenialOutcome::kForbidden;
  GuardRule rule;
  std::string say;  // words of a person; none: why the rule is there
};
// One line without its newline, nothing in it that a terminal obeys; of a connection at most 4 KiB.
std::string denialJson(const Denial& denial);

// What stopped it was no action of its own but a limit.
struct LimitTold {
  std::string limit;  // "memory": of limits.memory
  std::string place;  // where that is written, "file:line"; empty: nowhere
  std::string say;
  std::string next;  // what it can do: "use less"
};
// A denial of the operation "limit" with the outcome "stopped".
std::string limitJson(const LimitTold& told);

// Appends to `file`; -1: there is none. A line that cannot be written is lost to the agent, which has its errno; the
// log has it anyway.
void tellAgent(int file, const Denial& denial);
void tellOfLimit(int file, const LimitTold& told);

}  // namespace ringfence::sandbox
