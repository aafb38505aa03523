// The daemon's answer to what an interruption would cost.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sdk/agent/agent.h"

namespace ringfence::agent {

// Absent: it says none.
std::optional<AgentInterruptionCosts> interruptionCostsIn(const nlohmann::json& answer);

}  // namespace ringfence::agent
