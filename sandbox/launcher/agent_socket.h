// The socket at which a program inside a run asks the daemon about that run (sandbox/plan/agent_socket.h).
#pragma once

#include <string>

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

// How many connections wait to be accepted while there is no daemon.
inline constexpr int kAgentBacklog = 16;

// A listening SEQPACKET socket at `path`, which nobody but the run's id may connect to. Not blocking. Where the kernel
// can (6.16), descriptors cannot be sent through it; elsewhere whoever accepts refuses them. By root, before the run
// begins: `path` leads nowhere but to what was made for it.
Result<UniqueFd> listenForRun(const std::string& path, const Identity& run);

}  // namespace ringfence::sandbox
