// The walls of the key watcher; before it opens a device.
#pragma once

#include <span>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::supervisor::stop {

// Small limits, memory that stays in memory where that is allowed, then the walls of sandbox/kernel/input_devices.h:
// nothing can be opened but files below `directory`, for reading, and nothing written but to `outputs`.
Result<void> raiseWalls(const std::string& directory, std::span<const int> outputs);

// Standard output and error become nowhere, until the walls are up the latter is kept as what is yielded, for their
// failure to be told.
Result<int> silence();

}  // namespace ringfence::supervisor::stop
