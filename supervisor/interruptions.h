// What holds and kills of runs did cost, once that can be said: how fast they came, what a run read back from disk or
// swap afterwards, what it must do again because a connection broke that it waited for, and the work that a kill lost.
// The model of prices learns it of holds, and the log has it beside what was predicted. A kill teaches nothing: what it
// costs is read from the numbers that predicted it. Pure.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "supervisor/core/command.h"
#include "supervisor/governor/price.h"
#include "supervisor/standstills.h"

namespace ringfence::supervisor {

class Interruptions {
 public:
  // A reading. Holds that are over and known, as `costs` learned them.
  std::vector<InterruptionCost> tick(const governor::Signals& signals, governor::CostModel& costs);
  // What became of the connections of its last hold, as its egress says. A guard may be hijacked by its agent: what it
  // says makes an interruption of that run dearer or cheaper, within what the run would have to do again.
  void told(const RunId& run, const sandbox::HoldReport& report);
  // The kernel has done what was ordered of it.
  void took(const Standstills::Taken& taken);
  // It is being killed; `last`: how it was.
  void killed(const governor::RunSignals& last, const governor::CostModel& costs, Microseconds now);
  // It is gone. After a kill: what that cost.
  std::optional<InterruptionCost> ended(const RunId& run);

 private:
  struct Work {
    governor::Amounts lost;
    std::optional<std::uint64_t> cpuUsec;  // absent: its processor time could not be read
  };
  struct Refaults {
    std::uint64_t count = 0;
    Microseconds at{};
  };
  struct Holding {
    Microseconds since{};
    std::optional<std::uint64_t> refaults;  // of before it was let go: a run that is held reads nothing back
    bool areOfHold = false;                 // else they are of the last reading before that had them
    governor::Price predicted;
    governor::Activity activity{};
    bool awaitsReport = false;
    Work work;  // at stake when it was held
    std::optional<Microseconds> standstill, resume;
  };
  struct Recovering {
    Holding held;
    Microseconds thawed{};
    bool isReadBack = false;  // false: too early to say
    std::optional<std::uint64_t> pages;
    std::optional<sandbox::HoldReport> report;
  };
  struct Killed {
    governor::Price predicted;
    Work work;
  };

  static Work workOf(const governor::RunSignals& run, Microseconds now);
  std::optional<Microseconds> takeStandstill(const RunId& run);
  std::optional<std::uint64_t> lastRefaults(const RunId& run, Microseconds now) const;
  void noteHold(const governor::RunSignals& run, const governor::CostModel& costs, Microseconds now);
  void notePages(Recovering& one, const governor::RunSignals& run, Microseconds now) const;
  bool isKnown(Recovering& one, const governor::RunSignals& run, Microseconds now) const;
  static InterruptionCost learn(const RunId& run, const Recovering& one, governor::CostModel& costs);

  std::map<RunId, Refaults> refaults_;  // not every reading has them
  std::map<RunId, Holding> holding_;
  std::map<RunId, Recovering> recovering_;
  std::map<RunId, Killed> killed_;
  std::map<RunId, Microseconds> standstills_;  // of orders whose hold or end was not seen yet
};

// As it is stored in facts.
InterruptionPrice stored(const governor::Amounts& amounts, std::string why);

}  // namespace ringfence::supervisor
