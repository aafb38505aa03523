// The recorder's loop: what is pressed next on any device is printed as a trigger, on standard output alone.
#pragma once

#include "supervisor/stop/keys/input_device.h"

namespace ringfence::supervisor::stop {

// As confined as the watcher is, but told of all keys: they are kept as long as it runs. Devices are those that are
// there when it begins. Fails when there is none, and when nothing was pressed within a minute.
Result<void> recordTrigger(const std::string& directory, const OpenDevice& open);

}  // namespace ringfence::supervisor::stop
