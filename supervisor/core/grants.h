// Decisions of people that hold for more than one action, and for whom they are in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/command.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// Why it has ended: its time is over on either clock, or after a reboot the wall clock is behind the moment at which it
// was given, so that nobody can say. A grant without an end never has.
std::optional<std::string> whyEnded(const StandingGrant& grant, const Now& now, const std::string& bootId);

bool isFor(const StandingGrant& grant, const RunId& run, std::uint32_t callerUid, const std::string& workspace);

struct GrantsAt {
  Now now;
  std::string bootId;
  std::uint64_t durableSeq = 0;  // what was given later is not in force yet
};
// As a policy has them, for a run of that person in that workspace; `run` empty: one that is yet to begin.
// As a rule of a policy.
policy::Grant grantOf(const StandingGrant& grant);
// The number in the name that grantOf gives a rule; 0: it is another rule.
std::uint64_t grantNamed(std::string_view rule);
std::vector<policy::Grant> grantsFor(const State& state, const GrantsAt& at, const RunId& run, std::uint32_t callerUid,
                                     const std::string& workspace);

// What a person who allows that question for that long gives, but for its number, its end and who they are.
GrantIssued grantOf(const Run& run, const Question& question, GrantScope scope);

// What a person can read: the [[grant]] table that a policy file would hold, and for whom it is in force as a comment.
// `run`: of kRun.
std::string policyTextOf(const GrantIssued& grant, const RunId& run);
// The same with who gave it and when.
std::string policyTextOf(const GrantIssued& grant, const RunId& run, const Now& issuedAt);

// Why an action cannot be allowed for longer than once: its text was cut, or it would be everything.
std::optional<std::string> whyNotLasting(const sandbox::GuardedAction& action);

}  // namespace ringfence::supervisor
