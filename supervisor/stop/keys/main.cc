// ringfence-stop-keys: looks at keyboards for ringfence-stop, which starts it; by itself only with --record.
#include "supervisor/stop/keys/evdev_device.h"
#include "supervisor/stop/keys/program.h"

int main(int argc, char** argv) {
  return ringfence::supervisor::stop::runKeysProgram(argc, argv, ringfence::supervisor::stop::openEvdevDevice);
}
