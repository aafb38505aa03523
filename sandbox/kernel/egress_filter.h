// The filters of the two halves of ringfence-egress over themselves; no_new_privs must be set.
#pragma once

#include <vector>

#include "sandbox/kernel/own_filter.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// What an inner half with this process id makes: sockets of IPv4, and packets over its pair.
std::vector<OwnCall> innerEgressCalls(pid_t own);
Result<void> filterInnerEgress();
// What an outer half makes: sockets of IPv4 and IPv6, and reading; no file is made or written that is not open.
std::vector<OwnCall> outerEgressCalls(pid_t own);
Result<void> filterOuterEgress();

}  // namespace ringfence::sandbox
