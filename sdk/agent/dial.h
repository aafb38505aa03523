// A new connection to the agent's own socket: it carries packets, never blocks, and nothing is said on it yet.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::agent {

Result<UniqueFd> dial(const std::string& path);

}  // namespace ringfence::agent
