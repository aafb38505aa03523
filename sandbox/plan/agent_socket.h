// Where a program inside a run reaches the daemon about that run (sdk/proto/agent.proto), and about nothing else.
#pragma once

#include <algorithm>

#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

// The listening end is handed to the keeper: who asks is known by it alone.
inline constexpr const char* kAgentSocket = "/run/ringfence/agent.sock";
// As its environment names it. No policy and no caller can set that.
inline constexpr const char* kAgentSocketSetting = "RINGFENCE_AGENT_SOCKET=/run/ringfence/agent.sock";

inline bool hasAgentSocket(const Plan& plan) {
  return std::ranges::find(plan.environment, kAgentSocketSetting) != plan.environment.end();
}

}  // namespace ringfence::sandbox
