#include "supervisor/told_prices.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "supervisor/steering.h"

namespace ringfence::supervisor {
namespace {

using governor::Interruption;

Milliseconds milliseconds(Microseconds time) {
  return std::chrono::ceil<Milliseconds>(std::max(time, Microseconds{0}));
}

api::AgentInterruption forAgent(const ToldPrice& told, Microseconds now) {
  api::AgentInterruption cost{.seconds = told.price.seconds,
                              .tokens = told.tokens,
                              .workCpuSeconds = told.workCpuSeconds,
                              .claimedSeconds = told.price.claimed,
                              .forbidden = told.price.forbidden,
                              .why = told.price.why,
                              .cheaperAfter = {}};
  if (told.price.cheaperAfter) cost.cheaperAfter = milliseconds(*told.price.cheaperAfter - now);
  return cost;
}

}  // namespace

std::string activityName(governor::Activity activity) {
  switch (activity) {
    case governor::Activity::kWaitingForPerson: return "waiting-for-person";
    case governor::Activity::kWaitingForModel: return "waiting-for-model";
    case governor::Activity::kStreaming: return "streaming";
    case governor::Activity::kToolRunning: return "tool-running";
    case governor::Activity::kUnknown: break;
  }
  return {};
}

Result<ToldPrices> pricesOf(const Steering& steering, const RunId& run, Microseconds hold) {
  ToldPrices prices;
  const std::pair<Interruption, ToldPrice*> wanted[] = {{Interruption::kFreeze, &prices.freeze},
                                                        {Interruption::kFreezeAndReclaim, &prices.freezeAndReclaim},
                                                        {Interruption::kKill, &prices.kill}};
  const auto known = steering.signalsOf(run);
  for (const auto& [interruption, told] : wanted) {
    told->price = RF_TRY(steering.priceOf(run, interruption, hold));
    if (known->tokens) told->tokens = told->price.tokens;
    if (interruption != Interruption::kKill || known->cpuUsec) told->workCpuSeconds = told->price.workCpuSeconds;
  }
  prices.known = *known;
  prices.at = steering.now();
  return prices;
}

Result<api::AgentInterruptionCosts> costsForAgent(const Steering& steering, const RunId& run, Microseconds hold) {
  const ToldPrices prices = RF_TRY(pricesOf(steering, run, hold));
  const Microseconds now = prices.at.boottime;
  api::AgentInterruptionCosts costs{.freeze = forAgent(prices.freeze, now),
                                    .freezeAndReclaim = forAgent(prices.freezeAndReclaim, now),
                                    .kill = forAgent(prices.kill, now),
                                    .activity = activityName(prices.known.activity),
                                    .sinceSafePoint = {}};
  if (prices.known.safePoint) costs.sinceSafePoint = milliseconds(now - *prices.known.safePoint);
  return costs;
}

}  // namespace ringfence::supervisor
