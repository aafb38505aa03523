// Finds what goes wrong slowly: memory that only grows, a processor that is busy with nothing, processes that multiply,
// a program that is started again and again. Pure, over what the governor is told, with bounded memory for each run.
//
// It does not know why. A program that fills its memory evenly for as long as the window is a leak to it, and one that
// computes for so long without reading, writing, talking or changing its size is a spin; that is why an alarm alone
// stops nobody. Bursts do not hide a leak where memory falls back to its floor in each window, or in each third of one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/governor/signals.h"

namespace ringfence::supervisor::governor {

enum class AlarmKind { kLeak, kAcceleratorLeak, kSpin, kForkGrowth, kRestartLoop };

struct Alarm {
  RunId run;
  AlarmKind kind{};
  std::string reason;  // "its memory has grown by 1.1 MiB/s for 40 s and gave none back"
};

struct AlarmSettings {
  std::uint64_t leakBytesPerSec = 512 * 1024;  // 1 MiB/s is found within 60 s
  Bytes leastLeak = mebibytes(32);             // what a heap takes before it is collected is less
  Microseconds leakWindow{45'000'000};
  Microseconds spinWindow{120'000'000};
  double forksPerSec = 0.5, leastForks = 24;
  Microseconds restartLived{10'000'000};   // a run that lived for less counts
  Microseconds restartWindow{60'000'000};  // and so many of one name in so long a time are a loop
  std::uint32_t restarts = 5;
};

class AlarmWatch {
 public:
  explicit AlarmWatch(AlarmSettings settings);
  ~AlarmWatch();
  // About one call a second; each alarm is given once, and again only after it was over. A run that is held is not
  // looked at, and one that is not in `signals` any more is forgotten.
  std::vector<Alarm> tick(const Signals& signals);
  // A run of that name ended so soon after its start. `now` is boottime.
  std::optional<Alarm> ended(const RunId& run, const std::string& name, Microseconds lived, Microseconds now);

 private:
  struct Watched;
  struct Restarts {
    std::deque<Microseconds> ends;
    bool told = false;
  };
  AlarmSettings settings_;
  std::map<RunId, Watched> watched_;
  std::map<std::string, Restarts> restarts_;  // by name
};

}  // namespace ringfence::supervisor::governor
