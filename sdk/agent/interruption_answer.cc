#include "sdk/agent/interruption_answer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/agent/answer_fields.h"

namespace ringfence::agent {
namespace {

using Json = nlohmann::json;

std::optional<std::chrono::milliseconds> timeIn(const Json& object, const char* name) {
  const auto number = numberIn(object, name);
  if (!number) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(*number));
}

std::optional<AgentInterruption> interruptionIn(const Json& answer, const char* name) {
  const Json* object = objectIn(answer, name);
  const auto seconds = object != nullptr ? realIn(*object, "seconds") : std::nullopt;
  if (!seconds) return std::nullopt;
  AgentInterruption cost;
  cost.seconds = *seconds;
  cost.tokens = realIn(*object, "tokens");
  cost.workCpuSeconds = realIn(*object, "work_cpu_seconds");
  cost.claimedSeconds = realIn(*object, "claimed_seconds").value_or(0);
  cost.forbidden = flagIn(*object, "forbidden");
  cost.why = textIn(*object, "why");
  cost.cheaperAfter = timeIn(*object, "cheaper_after_ms");
  return cost;
}

}  // namespace

std::optional<AgentInterruptionCosts> interruptionCostsIn(const Json& answer) {
  auto freeze = interruptionIn(answer, "freeze");
  auto freezeAndReclaim = interruptionIn(answer, "freeze_and_reclaim");
  auto kill = interruptionIn(answer, "kill");
  if (!freeze || !freezeAndReclaim || !kill) return std::nullopt;
  AgentInterruptionCosts costs;
  costs.freeze = *std::move(freeze);
  costs.freezeAndReclaim = *std::move(freezeAndReclaim);
  costs.kill = *std::move(kill);
  costs.activity = textIn(answer, "activity");
  costs.sinceSafePoint = timeIn(answer, "since_safe_point_ms");
  return costs;
}

}  // namespace ringfence::agent
