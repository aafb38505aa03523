// What an interruption of a run would cost now, as it is told to people and to the agent itself. The model of prices
// counts what it was not told as nothing; who asks is told that it is not known.
#pragma once

#include <optional>
#include <string>

#include "supervisor/api/agent_wire.h"
#include "supervisor/governor/price.h"

namespace ringfence::supervisor {

class Steering;

struct ToldPrice {
  governor::Price price;
  std::optional<double> tokens, workCpuSeconds;  // absent: not known
};
struct ToldPrices {
  ToldPrice freeze, freezeAndReclaim, kill;
  governor::RunSignals known;  // that they are made of
  Now at;
};

// Fails with kNotFound for a run that was not read yet.
Result<ToldPrices> pricesOf(const Steering& steering, const RunId& run, Microseconds hold);
// As an agent is told of its own run.
Result<api::AgentInterruptionCosts> costsForAgent(const Steering& steering, const RunId& run, Microseconds hold);
std::string activityName(governor::Activity activity);  // empty: not known

}  // namespace ringfence::supervisor
