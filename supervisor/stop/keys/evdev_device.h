// Event devices of the kernel through libevdev: passive, without a grab. Thin on purpose, as only a machine with a
// keyboard can run it.
#pragma once

#include "supervisor/stop/keys/input_device.h"

namespace ringfence::supervisor::stop {

Result<std::unique_ptr<InputDevice>> openEvdevDevice(int directory, const std::string& name, const WantedKeys& wanted);

}  // namespace ringfence::supervisor::stop
