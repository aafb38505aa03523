// The governor: from what was read to what is to be done, with the reason in words a person understands. Pure: the same
// signals over the same memory give the same proposals. It leaves the processor's time to the scheduler (the idle
// branch decides that at each wake-up) and acts only on what a scheduler cannot see: memory that runs out, writing that
// holds up the person's disk, accelerators, limits of the policy, battery and heat.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/governor/price.h"
#include "supervisor/governor/signals.h"

namespace ringfence::supervisor::governor {

// In the order of how much they take from an agent. kDeferModelCall: no new call to a model; with the cause kRelieved:
// they are allowed again. kAnnounce: it is told that it will be frozen; kWithdraw: that it will not.
enum class Step { kReclaim, kLimitWrites, kDeferModelCall, kAnnounce, kWithdraw, kFreeze, kResume, kKill };

enum class Cause { kMemory, kIo, kAccelerator, kBattery, kHeat, kQuiet, kLimit, kRelieved };

struct Proposal {
  RunId run;
  Step step = Step::kFreeze;
  Cause cause = Cause::kMemory;
  std::string reason;                        // for the person: "memory would have run out in 180 ms"
  std::string tellAgent;                     // what it can act on; empty: it is told nothing
  std::string limit;                         // of which limit that speaks: "wall_time"; with tellAgent
  std::optional<Bytes> reclaim;              // kReclaim
  std::optional<std::uint64_t> bytesPerSec;  // kLimitWrites; absent: no limit any more
  std::optional<Price> predicted;            // kFreeze, kKill
  Microseconds within{};                     // kAnnounce: it is frozen after that at the latest
};

// Minutes of the machine's own day, from one up to the other; over midnight where `to` is the earlier one.
struct QuietHours {
  std::uint32_t from = 0, to = 0;
  bool operator==(const QuietHours&) const = default;
};

struct GovernorSettings {
  Bytes reserve = mebibytes(256);                          // an eighth of the memory where that is less, 5 % where more
  Microseconds lookAhead{200'000};                         // what a reaction takes at the worst
  Microseconds leastHold{2'000'000};                       // a freeze lasts at least so long
  Microseconds leastBetweenHolds{30'000'000};              // of the same run, but for memory
  Microseconds mostHeldAnHour{1'200'000'000};              // then others are frozen first, where that is enough
  Microseconds patience{60'000'000};                       // held for memory so long: it is tried, alone
  std::optional<Microseconds> endStuckAfter{600'000'000};  // all held for each other's memory: the cheapest is ended
  std::optional<std::uint32_t> pauseBelowBatteryPercent;   // absent: the battery pauses nobody
  bool pauseWhenHot = false;
  std::optional<QuietHours> quietHours;  // absent: no hour pauses anybody
  std::uint32_t reserveProcessors = 0;   // kept from background agents while the person's programs work
};

// What an agent and a person read when memory was at its limit, whether we paused it or the kernel ended it:
// "peak 1.8 GiB of 2.0 GiB; run fewer tests at once".
using ringfence::memoryLimitWords;

struct GovernorState;  // what is remembered between ticks

class Governor {
 public:
  explicit Governor(GovernorSettings settings);
  Governor(Governor&&) noexcept;
  ~Governor();
  // One tick. What it remembers of runs that are not in `signals` is forgotten.
  std::vector<Proposal> tick(const Signals& signals, const CostModel& costs);
  // When it wants to be called again: 100 ms while some run can grow, 25 ms when one could use up what is left before
  // the next; absent: there is nothing to watch.
  std::optional<Microseconds> nextTick(const Signals& signals) const;
  // When the first hold that was announced is due; boottime.
  std::optional<Microseconds> nextAnnounced() const;

 private:
  GovernorSettings settings_;
  std::unique_ptr<GovernorState> state_;
};

}  // namespace ringfence::supervisor::governor
