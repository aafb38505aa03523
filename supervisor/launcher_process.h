// The program ringfence-launcher: reaching it and starting it. For LauncherLink.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

// A non-blocking socket to the launcher that serves `path`; kDenied when that is not a process of our own user.
Result<UniqueFd> connectToLauncher(const std::string& path);

// Starts it in a session of its own, as a child of nobody. Whether it comes up shows when it is connected to; that it
// is gone shows on the pipe returned, which hangs up then.
Result<UniqueFd> startLauncher(const std::string& program, const std::vector<std::string>& arguments);

// Does not block.
bool hasHungUp(int pipe);

}  // namespace ringfence::supervisor
