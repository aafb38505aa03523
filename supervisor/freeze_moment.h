// When a person's freeze comes: at once, or where the run's policy gives a `priority.preempt_grace`, at the end of what
// its agent said that it must not be interrupted in (unless less work would be lost, as it says, than that end is
// away), and after it was told, if it asked to be. Pure. What is urgent does not ask here.
#pragma once

#include <optional>

#include "supervisor/agent_claims.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// For how long it may be put off; absent: it comes at once.
std::optional<Milliseconds> graceFor(const AgentClaims& claims, const Run& run, Microseconds now);

// It is frozen now; also where something that lets go by itself holds the run meanwhile, so that it does not go on.
bool isDue(const AgentClaims& claims, const Run& run, const Pausing& pausing, Microseconds now);

// When to look again (boottime), if nothing is said before.
Microseconds nextLook(const AgentClaims& claims, const Pausing& pausing);

}  // namespace ringfence::supervisor
