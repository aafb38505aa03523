// Places that are never given to a run, with the reason a person reads. Pure text rules: the launcher sees the objects
// and refuses what a symbolic link hid.
#pragma once

#include <string>

#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {

// Fails with kInvalid or kDenied; the message begins with `what` ("workspace", "read rule").
Result<void> checkWorkspace(const std::string& path, const LaunchRequest& request);
Result<void> checkGrant(const std::string& what, const std::string& path, Access access, const LaunchRequest& request);

}  // namespace ringfence::sandbox
