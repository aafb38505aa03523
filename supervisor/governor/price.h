// What an interruption costs the agent, in seconds, tokens and work: the time it stands still beyond the hold, the
// chance of a broken stream or tool times what must be done again, pages to be read back, and for a kill the work since
// the last safe point. Seeded with priors, fed by what was measured for this very run:
//
//   costs.observe(signals);                                        // each tick
//   Price price = costs.predict(run, Interruption::kFreeze, hold, now);
//   costs.learn({run.run, Interruption::kFreeze, run.activity, held, real, price.basis});   // when it is over
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "supervisor/governor/signals.h"

namespace ringfence::supervisor::governor {

enum class Interruption { kFreeze, kFreezeAndReclaim, kKill };

struct Amounts {
  double seconds = 0;         // until the agent is where it would have been; the hold itself is not counted
  double tokens = 0;          // to be bought again
  double workCpuSeconds = 0;  // done since the last safe point and lost
  bool operator==(const Amounts&) const = default;
};

struct Price : Amounts {
  Amounts basis;           // what was known of its state says alone, before anything learned; learn() wants it back
  Amounts again;           // what must be done again when what it does breaks
  double claimed = 0;      // of its seconds, what is there because the agent says so
  bool forbidden = false;  // somebody outside waits for it: no price would be right
  std::optional<Microseconds>
      cheaperAfter;  // boottime up to when it is cheaper to wait; absent: waiting brings nothing, or nobody knows
  std::string why;   // the greatest part of it, in words
};

// What an interruption did cost, read back afterwards.
struct MeasuredCost {
  RunId run;
  Interruption interruption{};
  Activity activity{};
  Microseconds held{};
  std::optional<Amounts> real;  // absent: nobody could read it, so that no amounts are learned
  Amounts basis;                // of the Price that was predicted for it
  // The part of its connections that broke over the hold; absent: nobody knows. What that cost is not in `real`: it is
  // learned as a chance, because what happens now and then has no middle.
  std::optional<double> broken = {};
};

// What it did since its last safe point, or since its start where none is known, without the time in which it was held,
// and what it says that was not kept there: what a kill would lose. A number that cannot be read counts as nothing.
Amounts workAtStake(const RunSignals& run, Microseconds now);

// A hold waits for the end of a critical section (boottime; absent: it is in none), unless it would lose less work, as
// the agent says, than that end is away. To say little is believed: it costs nobody else anything.
bool paysToWait(std::optional<Microseconds> until, std::optional<Microseconds> redo, Microseconds now);

// It waits for somebody at the other end of a connection.
bool isOnNetwork(Activity activity);

class CostModel {
 public:
  Price predict(const RunSignals& run, Interruption interruption, Microseconds hold, Microseconds now) const;
  // How long its streams, tools and turns last, to say when waiting is cheaper. Time in which it is held does not
  // count.
  void observe(const Signals& signals);
  // A run learns for itself, and all together for runs that are new. The middle of what was seen counts, so that one
  // odd measurement changes nothing. Bounded memory; what is not a number is left out.
  void learn(const MeasuredCost& cost);
  void forget(const RunId& run);

 private:
  struct Sample {
    int span = 0;  // of the hold: a column of the table of broken connections
    Amounts real, basis;
  };
  using Kind = std::pair<Interruption, Activity>;
  using Samples = std::map<Kind, std::deque<Sample>>;
  struct Breaks {
    double holds = 0, broken = 0;
  };
  using BreaksSeen = std::map<std::pair<Activity, int>, Breaks>;  // by the span of the hold
  struct History {
    Samples samples;
    BreaksSeen breaks;
    std::optional<Activity> activity;
    bool sawItBegin = false;               // else how long it lasted is not known when it ends
    Microseconds activitySince{}, seen{};  // boottime; activitySince is moved on by the time held
    std::map<Activity, std::deque<Microseconds>> lengths;
    std::optional<Microseconds> safePoint;
    Microseconds turnBegan{};  // safePoint, moved on by the time held
    std::deque<Microseconds> turns;
  };

  const History* findHistory(const RunId& run) const;
  Amounts brokenRedo(const RunSignals& run, Microseconds now) const;
  void learnBreaks(const MeasuredCost& cost, int span);
  double learnedChance(const RunSignals& run, int span) const;
  Amounts learned(const Amounts& basis, const RunId& run, Kind kind, int span) const;
  std::optional<Microseconds> cheaperAfter(const RunSignals& run, Interruption interruption, Microseconds now) const;

  std::map<RunId, History> runs_;
  Samples pooled_;
  BreaksSeen pooledBreaks_;
};

}  // namespace ringfence::supervisor::governor
