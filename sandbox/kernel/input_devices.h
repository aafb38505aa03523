// What a program may see of keyboards: the kernel itself withholds every key but those that it asked for, and the
// program can open nothing but input devices.
#pragma once

#include <span>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// From now on this descriptor of an event device tells of these keys and of nothing else, a pointer's movements
// included; what was waiting before still comes. Not of what EVIOCGKEY answers: whoever may ask the device for its
// state learns which keys are down at that moment.
Result<void> showOnlyKeys(int device, std::span<const int> codes);

struct KeyWatcherWalls {
  std::string directory;         // below which files may be opened, for reading alone; one that is absent: none
  std::span<const int> outputs;  // descriptors that may be written to
};

// For good: root's id without capabilities, a Landlock domain that has `directory` alone, and a list of calls that has
// no socket, no process, no signal, no grab of a device and no memory that is executed. Fails, and the program must
// then end, where the kernel lacks one of them.
Result<void> confineKeyWatcher(const KeyWatcherWalls& walls);

}  // namespace ringfence::sandbox
