// The walls of the key watcher; before it opens a device.
#pragma once

#include <span>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::stop {

// Small limits, memory that stays in memory where that is allowed, then the walls of sandbox/kernel/input_devices.h:
// nothing can be opened but files below `directory`, for reading, and nothing written but to `outputs`.
Result<void> raiseWalls(const std::string& directory, std::span<const int> outputs);

// Standard input, output and error lead nowhere from then on. Yields what standard error was, on which a failure of the
// walls can still be told; to be closed once they are up.
Result<UniqueFd> silence();

}  // namespace ringfence::supervisor::stop
