// Facts about leases of accelerators, about what the governor did to runs and why, and about what goes wrong slowly.
// Part of supervisor/core/fact.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::supervisor {

// Where a limit of the policy is written: "memory", "/etc/ringfence/policies/base.toml:12".
struct BoundOrigin {
  std::string limit, place;
  bool operator==(const BoundOrigin&) const = default;
};
// What the governor goes by; absent: not bounded.
struct RunBounds {
  std::optional<std::uint64_t> memoryBytes, wallTimeSec;
  bool kill = false;  // at a bound; else it is held
  // What the kernel goes by: at that much memory it ends what needs more, whether the governor holds it before or not.
  std::optional<std::uint64_t> memoryHardBytes;
  std::optional<std::uint64_t> pids, cpuPercent;      // the kernel's as well
  std::optional<std::uint64_t> fileWriteBytesPerSec;  // on average
  std::optional<bool> holdOnAlarm;
  std::optional<std::uint64_t> tokens;              // of models, in and out
  std::optional<std::uint64_t> preemptGraceSec;     // how long a hold or freeze may be put off
  std::optional<std::vector<BoundOrigin>> origins;  // of those that some file wrote
  std::optional<std::uint64_t> costMicroUsd, costPerDayMicroUsd, tokensPerDay, prompts;
  std::optional<std::uint64_t> warnAtPercent;  // of each budget
  std::optional<bool> denyPrompts;             // at the end of questions they are denied, and nothing is held
  std::optional<std::uint64_t> promptsPerDay, wallTimePerDaySec;
  bool operator==(const RunBounds&) const = default;
};

// Accelerators of one kind that a run may open for as long as it lives, and how much of one it may use, in percent.
struct AcceleratorShare {
  std::vector<std::string> devices;
  std::uint32_t percent = 100;
  bool operator==(const AcceleratorShare&) const = default;
};
// The run holds the device's lease from here on; until LeaseEnded.
struct LeaseGiven {
  std::string device;
  std::uint32_t percent = 100;
  bool operator==(const LeaseGiven&) const = default;
};
struct LeaseEnded {
  std::string device;
  bool operator==(const LeaseEnded&) const = default;
};

// kAlarm: an alarm found it. Of all causes the only one that does not pass: a person lets it go on.
enum class PreemptCause { kMemory, kIo, kAccelerator, kBattery, kHeat, kLimit, kRelieved, kAlarm, kQuiet };
std::string_view nameOf(PreemptCause cause);

// What an interruption was thought to cost, or did: time until the agent is where it would have been, the hold itself
// not counted; tokens to be bought again; processor time of work that is lost.
struct InterruptionPrice {
  std::uint64_t delayUsec = 0;
  std::uint64_t tokens = 0;
  std::uint64_t workCpuUsec = 0;
  std::string why;
  bool operator==(const InterruptionPrice&) const = default;
};

// Why the governor holds a run. In RunFrozen.
struct Preemption {
  PreemptCause cause = PreemptCause::kMemory;
  std::optional<InterruptionPrice> predicted;
  bool operator==(const Preemption&) const = default;
};

// Who holds a run where neither a person asked for it nor the governor: it was found so after a restart, it went on
// asking while nobody answered, nothing that it does could be recorded, another program froze its groups, the emergency
// stop has it, its own agent pulled the brake, or it has asked as often as it may: then a person lets it go on, and
// nobody else.
enum class SelfHeld { kRestart, kQuestions, kNoRecords, kAnotherProgram, kEmergencyStop, kAgent, kPrompts };
std::string_view nameOf(SelfHeld holder);

// Something less than holding it.
enum class MilderStep { kReclaim, kLimitWrites, kDeferModelCall };
struct RunRestrained {
  MilderStep step = MilderStep::kReclaim;
  PreemptCause cause = PreemptCause::kMemory;
  std::string reason;
  std::optional<std::uint64_t> bytes;  // to reclaim; a second, of writes; absent: no limit any more
  bool operator==(const RunRestrained&) const = default;
};

// What an interruption did cost, once that can be said. Absent: nobody could read it.
struct InterruptionMeasured {
  bool killed = false;  // else it was held
  std::uint64_t heldUsec = 0;
  std::optional<InterruptionPrice> predicted;
  std::optional<InterruptionPrice> real;
  std::optional<std::uint64_t> standstillUsec = std::nullopt;  // from the order until nothing of the agent ran
  std::optional<std::uint64_t> resumeUsec = std::nullopt;      // from the order until something of it ran again
  std::optional<std::uint64_t> pagesReadBack = std::nullopt;
  std::optional<std::uint64_t> connections = std::nullopt;  // that were open when it was held
  std::optional<std::uint64_t> brokenConnections = std::nullopt;
  std::optional<std::uint64_t> workUsec =
      std::nullopt;  // since its last safe point, or its start, up to the interruption
  std::optional<std::uint64_t> workCpuUsec = std::nullopt;  // the same in processor time
  bool operator==(const InterruptionMeasured&) const = default;
};

// kSoft: it comes near a budget (`limits.warn_at`), and nothing happens to it.
enum class LimitEdge { kSoft, kHard };
// The kernel held it at a limit of its policy, or ended something of it there; or it comes near the end of a budget.
struct LimitReached {
  std::string limit;  // below "limits.": "pids"
  std::string reason;
  std::optional<LimitEdge> edge = std::nullopt;  // absent: hard
  bool operator==(const LimitReached&) const = default;
};

// kControlGroup: another program did something to the groups that hold the run. kHookSilent: its agent works, and the
// hook that its adapter gave it says nothing.
enum class AlarmKind { kLeak, kAcceleratorLeak, kSpin, kForkGrowth, kRestartLoop, kControlGroup, kHookSilent };
std::string_view nameOf(AlarmKind kind);
struct AlarmRaised {
  AlarmKind kind = AlarmKind::kLeak;
  std::string reason;
  bool operator==(const AlarmRaised&) const = default;
};

}  // namespace ringfence::supervisor
