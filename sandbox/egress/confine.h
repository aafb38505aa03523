// What each half can still do once it has started: a list of system calls of its own, no new rights, small limits.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Sockets of IPv4, and the pair.
Result<void> confineInner();
// Sockets of IPv4 and IPv6, and opening files to read: what says where names are resolved changes when a machine moves
// to another network. Which files there are is the launcher's business. None can be written that is not open.
Result<void> confineOuter();

}  // namespace ringfence::sandbox
