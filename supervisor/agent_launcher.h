// The seam to ringfence-launcher: what the daemon asks of it. One real implementation (launcher_link.h); tests have
// another.
#pragma once

#include <span>

#include "sandbox/wire/messages.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

class AgentLauncher {
 public:
  virtual ~AgentLauncher() = default;
  // Queues a message; descriptors are duplicated where they must wait. Fails with kUnavailable when there is no
  // launcher.
  virtual Result<void> send(const sandbox::LauncherRequest& request, std::span<const int> fds) = 0;
  // A copy of a descriptor that the launcher handed up for that run. Fails with kNotFound.
  virtual Result<UniqueFd> copyOf(const RunId& run, sandbox::HeldFd which) const = 0;
};

}  // namespace ringfence::supervisor
