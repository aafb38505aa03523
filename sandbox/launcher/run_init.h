// Pid 1 of a run: starts the command, reaps, forwards signals, reports. Under every wall of the run itself.
#pragma once

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// A session of the run's own, with the terminal on descriptor 0 when the Plan has one. Before the walls stand.
Result<void> leadSession(const Plan& plan);

// Waits for the release on `report`, starts the command, and ends the run with it.
[[noreturn]] void runInit(const Plan& plan, int report);

}  // namespace ringfence::sandbox
