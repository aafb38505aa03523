// What holds of runs did cost, once that can be said: what a run read back from disk or swap afterwards, and what it
// must do again because a connection broke that it waited for. The model of prices learns it, and the log has it beside
// what was predicted. Pure.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "supervisor/core/command.h"
#include "supervisor/governor/price.h"

namespace ringfence::supervisor {

class Interruptions {
 public:
  // A reading. Holds that are over and known, as `costs` learned them.
  std::vector<InterruptionCost> tick(const governor::Signals& signals, governor::CostModel& costs);
  // What became of the connections of its last hold, as its egress says. A guard may be hijacked by its agent: what it
  // says makes an interruption of that run dearer or cheaper, within what the run would have to do again.
  void told(const RunId& run, const sandbox::HoldReport& report);

 private:
  struct Holding {
    Microseconds since{};
    std::uint64_t refaults = 0;
    governor::Price predicted;
    governor::Activity activity{};
    bool awaitsReport = false;
  };
  struct Recovering {
    Holding held;
    Microseconds thawed{};
    std::optional<double> readBackSeconds;  // absent: too early to say
    std::optional<sandbox::HoldReport> report;
  };

  void noteHold(const governor::RunSignals& run, const governor::CostModel& costs, Microseconds now);
  bool isKnown(Recovering& one, const governor::RunSignals& run, Microseconds now) const;
  static InterruptionCost learn(const RunId& run, const Recovering& one, governor::CostModel& costs);

  std::map<RunId, Holding> holding_;
  std::map<RunId, Recovering> recovering_;
};

// As it is stored in facts.
InterruptionPrice stored(const governor::Amounts& amounts, std::string why);

}  // namespace ringfence::supervisor
