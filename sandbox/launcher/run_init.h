// Pid 1 of a run: starts the command, reaps, forwards signals, reports. Under every wall of the run itself.
#pragma once

#include <functional>

#include "sandbox/kernel/folder_memory.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// A session of the run's own, with the terminal on descriptor 0 when the Plan has one. Before the walls stand.
Result<void> leadSession(const Plan& plan);

// Waits for the release on `report`, starts the command, and ends the run with it. When the command has run for a
// moment `forgetBuilding` gives up what the walls were made of; it leaves the mounts of the plan, and how its command
// is started. `folders`: what was read of the workspace, for the looks at the end.
[[noreturn]] void runInit(const Plan& plan, int report, FolderMemory& folders,
                          const std::function<void()>& forgetBuilding);

}  // namespace ringfence::sandbox
