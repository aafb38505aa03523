// The filters of the two halves of ringfence-egress over themselves; no_new_privs must be set.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// What an inner half makes: sockets of IPv4, and packets over its pair.
Result<void> filterInnerEgress();
// What an outer half makes: sockets of IPv4 and IPv6, and reading; no file is made or written that is not open.
Result<void> filterOuterEgress();

}  // namespace ringfence::sandbox
