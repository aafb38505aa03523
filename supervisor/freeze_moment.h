// When a person's freeze comes: at once, or where its policy gives it a `priority.preempt_grace`, at the end of what
// the agent said that it must not be interrupted in, and after it was told, if it asked to be. Pure. What is urgent
// does not ask here.
#pragma once

#include <optional>

#include "supervisor/agent_claims.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// Boottime.
struct FreezeMoment {
  Microseconds asked{};
  Microseconds until{};  // not later
};

// Absent: it comes at once.
std::optional<FreezeMoment> putOff(const AgentClaims& claims, const Run& run, Microseconds now);

// It is frozen now. `run`: null when it is gone.
bool isDue(const AgentClaims& claims, const Run* run, const FreezeMoment& moment, Microseconds now);

// When to look again, if nothing is said before.
Microseconds nextLook(const AgentClaims& claims, const RunId& run, const FreezeMoment& moment);

}  // namespace ringfence::supervisor
