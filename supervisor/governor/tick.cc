#include "supervisor/governor/tick.h"

#include <algorithm>
#include <utility>

namespace ringfence::supervisor::governor {
namespace {

// What was proposed and is not seen done after that was not done.
constexpr Microseconds kUnderWay{1'000'000};
constexpr Microseconds kBetweenReclaims{1'000'000};
// A reclaim that returned nothing (no swap that works) is not tried again for so long.
constexpr Microseconds kReclaimRest{60'000'000};
// One reclaim: more would keep the caller for seconds.
constexpr double kReclaimAtOnce = 256.0 * 1024 * 1024;
constexpr double kReserveShare = 0.05, kMostReserveShare = 0.125;
constexpr double kLeastReclaim = 1024 * 1024;
// A freeze for memory so soon after the last one lasts twice as long, up to the last.
constexpr Microseconds kHoldAgain{60'000'000};
constexpr Microseconds kLongestLeastHold{64'000'000};

}  // namespace

Cause causeOf(Reason reason) {
  switch (reason) {
    case Reason::kMemory: return Cause::kMemory;
    case Reason::kNpuShare:
    case Reason::kForegroundNpu:
    case Reason::kGpuShare:
    case Reason::kForegroundGpu: return Cause::kAccelerator;
    case Reason::kBattery: return Cause::kBattery;
    case Reason::kHeat: return Cause::kHeat;
    case Reason::kQuietHours: return Cause::kQuiet;
    case Reason::kForegroundMemory: return Cause::kMemory;
    case Reason::kForegroundDisk: return Cause::kIo;
    case Reason::kMemoryLimit:
    case Reason::kWallTime:
    case Reason::kWallTimePerDay:
    case Reason::kTokens:
    case Reason::kTokensPerDay:
    case Reason::kCost:
    case Reason::kCostPerDay:
    case Reason::kFileWrites:
    case Reason::kForgotten: return Cause::kLimit;
  }
  return Cause::kLimit;
}

const char* limitOf(Reason reason) {
  switch (reason) {
    case Reason::kMemoryLimit: return "memory";
    case Reason::kWallTime: return "wall_time";
    case Reason::kWallTimePerDay: return "wall_time_per_day";
    case Reason::kTokens: return "tokens";
    case Reason::kTokensPerDay: return "tokens_per_day";
    case Reason::kCost: return "cost";
    case Reason::kCostPerDay: return "cost_per_day";
    case Reason::kNpuShare: return "npu";
    case Reason::kGpuShare: return "gpu";
    case Reason::kFileWrites: return "io_write";
    case Reason::kMemory:
    case Reason::kForegroundNpu:
    case Reason::kForegroundGpu:
    case Reason::kBattery:
    case Reason::kHeat:
    case Reason::kQuietHours:
    case Reason::kForegroundMemory:
    case Reason::kForegroundDisk:
    case Reason::kForgotten: break;
  }
  return "";
}

bool isBudget(Reason reason) {
  switch (reason) {
    case Reason::kWallTime:
    case Reason::kWallTimePerDay:
    case Reason::kTokens:
    case Reason::kTokensPerDay:
    case Reason::kCost:
    case Reason::kCostPerDay: return true;
    default: return false;
  }
}

double reserveOf(const GovernorSettings& settings, const DeviceSignals& device) {
  const double least = static_cast<double>(settings.reserve.count);
  if (!device.memoryTotal) return least;
  const auto total = static_cast<double>(device.memoryTotal->count);
  return std::max(std::min(least, total * kMostReserveShare), total * kReserveShare);
}

bool any(const Reasons& reasons) {
  return std::any_of(reasons.begin(), reasons.end(), [](bool set) { return set; });
}

Tick::Tick(const GovernorSettings& settingsOf, GovernorState& stateOf, const Signals& signalsOf,
           const CostModel& costsOf)
    : settings(settingsOf), state(stateOf), signals(signalsOf), costs(costsOf), now(signalsOf.device.at.boottime) {}

Seen& Tick::seen(const RunSignals& run) { return state.seen[run.run]; }

double Tick::reserve() const { return reserveOf(settings, signals.device); }

bool Tick::isLoose(const RunSignals& run) {
  const Seen& of = seen(run);
  return run.hold == Hold::kNone && !of.freezeProposed && !of.killProposed;
}

Microseconds Tick::heldInLastHour(const RunSignals& run) {
  Microseconds held{};
  for (const std::uint32_t milliseconds : seen(run).heldMilliseconds) held += Milliseconds{milliseconds};
  return held;
}

Microseconds Tick::holdLasts(const RunSignals& run) {
  const std::uint32_t doublings = std::min<std::uint32_t>(seen(run).memoryHolds, 6);
  return std::min(std::max(kLongestLeastHold, settings.leastHold),
                  settings.leastHold * static_cast<Microseconds::rep>(1U << doublings));
}

bool Tick::freeze(const RunSignals& run, Reason reason, std::string words, std::string tellAgent) {
  Seen& of = seen(run);
  if (run.holdsForeignLock || run.hold == Hold::kByOther || of.killProposed || at(of.overridden, reason)) return false;
  if (run.hold == Hold::kByGovernor || of.freezeProposed) {
    at(of.reasons, reason) = true;
    return false;
  }
  // It is told already, and has the time that it was told.
  if (of.announced && reason != Reason::kMemory) {
    at(of.reasons, reason) = true;
    return false;
  }
  // What was written through the page cache in half a minute is too much to be waited for, and so is what was spent.
  const bool isUrgent = reason == Reason::kMemory || reason == Reason::kFileWrites || isBudget(reason);
  if (!isUrgent && of.preempted && now - *of.preempted < settings.leastBetweenHolds) return false;
  // Memory that runs out waits for nobody.
  if (reason != Reason::kMemory && run.pauseNotice) {
    announce(*this, run, reason, std::move(words), std::move(tellAgent));
    return true;
  }
  if (reason != Reason::kMemory && paysToWait(run.criticalUntil, run.criticalRedo, now)) return false;
  if (!of.announced) of.reasons = {};
  freezeNow(run, reason, std::move(words), std::move(tellAgent));
  return true;
}

void Tick::freezeNow(const RunSignals& run, Reason reason, std::string words, std::string tellAgent) {
  Seen& of = seen(run);
  of.lastGrowth = 0;
  if (reason == Reason::kMemory) {
    const bool again = of.resumed && now - *of.resumed < kHoldAgain;
    of.memoryHolds = again ? of.memoryHolds + 1 : 0;
    of.lastGrowth = of.grown;
  }
  const bool swaps =
      reason == Reason::kMemory && signals.device.canReclaim && signals.device.swapFree.value_or(Bytes{0}) > Bytes{0};
  const Interruption interruption = swaps ? Interruption::kFreezeAndReclaim : Interruption::kFreeze;
  of.announced.reset();
  at(of.reasons, reason) = true;
  of.freezeProposed = now;
  of.frozen = now;
  of.preempted = now;
  of.reclaimed = 0;
  propose({.run = run.run,
           .step = Step::kFreeze,
           .cause = causeOf(reason),
           .reason = std::move(words),
           .tellAgent = std::move(tellAgent),
           .limit = limitOf(reason),
           .predicted = costs.predict(run, interruption, holdLasts(run), now)});
}

bool Tick::kill(const RunSignals& run, Cause cause, std::string words, std::string tellAgent) {
  Seen& of = seen(run);
  if (run.holdsForeignLock || of.killProposed) return false;
  of.killProposed = now;
  of.preempted = now;
  propose({.run = run.run,
           .step = Step::kKill,
           .cause = cause,
           .reason = std::move(words),
           .tellAgent = std::move(tellAgent),
           .predicted = costs.predict(run, Interruption::kKill, Microseconds{0}, now)});
  return true;
}

double Tick::reclaim(const RunSignals& run, double bytes, std::string words) {
  Seen& of = seen(run);
  const DeviceSignals& device = signals.device;
  // Pages of files count as available already, so that only what goes to swap is gained.
  if (!device.canReclaim || !device.swapFree || !run.anonymousBytes || run.holdsForeignLock || of.killProposed)
    return 0;
  if (of.reclaimProposed && now - *of.reclaimProposed < kBetweenReclaims) return 0;
  if (of.reclaimFailed && now - *of.reclaimFailed < kReclaimRest) return 0;
  const double amount = std::min(
      {bytes, kReclaimAtOnce, static_cast<double>(*run.anonymousBytes), static_cast<double>(device.swapFree->count)});
  if (amount < kLeastReclaim) return 0;
  of.reclaimProposed = now;
  of.anonymousBeforeReclaim = *run.anonymousBytes;
  propose({.run = run.run,
           .step = Step::kReclaim,
           .cause = Cause::kMemory,
           .reason = std::move(words),
           .reclaim = Bytes{static_cast<std::uint64_t>(amount)}});
  return amount;
}

bool Tick::resume(const RunSignals& run, std::string words) {
  Seen& of = seen(run);
  if (run.hold != Hold::kByGovernor || of.killProposed) return false;
  if (of.reclaimProposed == now) return false;
  if (of.resumeProposed && now - *of.resumeProposed < kUnderWay) return false;
  of.resumeProposed = now;
  propose({.run = run.run, .step = Step::kResume, .cause = Cause::kRelieved, .reason = std::move(words)});
  return true;
}

}  // namespace ringfence::supervisor::governor
