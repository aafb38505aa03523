// What kind of file system a device number stands for, asked once: the mounts of a run stay as they are.
#pragma once

#include <sys/types.h>

namespace ringfence::sandbox {

enum class FileSystemKind {
  kLocal,   // of this machine, answers by itself
  kRemote,  // answers when somebody else does, or is not known
  kProc,
};
// `object` is on `device`.
FileSystemKind fileSystemOf(int object, dev_t device);

// Whether it lies in a mount that cannot be written through, or on a file system that cannot. False also where it is
// not known.
bool isReadOnly(int object);

}  // namespace ringfence::sandbox
