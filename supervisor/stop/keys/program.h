// ringfence-stop-keys but for what a keyboard is.
#pragma once

#include "supervisor/stop/keys/input_device.h"

namespace ringfence::supervisor::stop {

// Its main: reads the command line, builds the walls, watches or records. Returns the status to end with.
int runKeysProgram(int argc, char** argv, const OpenDevice& open);

}  // namespace ringfence::supervisor::stop
