// A file that a person hands to a run as its standard input is theirs: the run is to read it, and the descriptor that
// they have it open with would also let it change its mode, times and attributes.
#pragma once

#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// The same file at the same position, open for reading on a read-only mount of its own that is mounted nowhere. From
// there on its position is no longer that of whoever gave it. By root, in the mount namespace that `given` was opened
// in. Nothing: `given` stays as it is, for it is no plain file (a terminal, a pipe, a socket), is open for writing too,
// or is on a file system that may not be opened again as root (a network's, one of a process, /proc), or in a mount
// namespace of its own.
UniqueFd openedReadOnly(int given);

}  // namespace ringfence::sandbox
