// One helper for each user and seat: the lock is a file in $XDG_RUNTIME_DIR, and ends with the process.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::ui {

// Fails with kBusy when one runs already, kUnsupported without a folder for it.
Result<UniqueFd> lockInstance(const std::string& runtimeDir, const std::string& seat);

}  // namespace ringfence::ui
