// Finds where the kernel held a run at a limit of its policy, by what it counts then: processes that it did not make,
// processor time that it did not give, processes that it ended for memory; and where a run's time is nearly over. Pure,
// over what the governor is told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/governor/signals.h"

namespace ringfence::supervisor::governor {

struct LimitSeen {
  RunId run;
  std::string limit;      // below "limits." in the policy: "pids", "cpu", "memory", "wall_time", "wall_time_per_day"
  std::string reason;     // for the person: "3 more processes were refused; it may have 64"
  std::string tellAgent;  // what it can act on
  bool isNear = false;    // it was not held: the limit comes near
};

class LimitWatch {
 public:
  // About one call a second. Each limit of a run at most once a minute, of the processor once in ten. A run that is not
  // in `signals` any more is forgotten.
  std::vector<LimitSeen> tick(const Signals& signals);

 private:
  struct Counted {
    std::uint64_t told = 0;  // what it was when it was told
    std::optional<Microseconds> at;
  };
  struct Periods {
    std::uint64_t all = 0, held = 0;
    Microseconds since{};
  };
  struct Watched {
    Counted pids, memory;
    std::optional<Periods> began;
    std::optional<Microseconds> processorTold;
    std::optional<Microseconds> timeTold, dayTold;  // for which end of its time, and of the day's
  };
  static std::optional<std::uint64_t> more(Counted& counted, std::optional<std::uint64_t> count, Microseconds now);
  static void lookAtProcessor(Watched& watched, const RunSignals& run, Microseconds now, std::vector<LimitSeen>& seen);

  std::map<RunId, Watched> watched_;
};

}  // namespace ringfence::supervisor::governor
