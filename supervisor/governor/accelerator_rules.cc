// NPUs and GPUs, of which the scheduler of no kernel keeps shares: a run that used more than its share is paused until
// the share is kept again, and so is one that uses what the person's programs want. Runs of the class interactive are
// left alone by the latter: a person waits for them.
#include <algorithm>
#include <array>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr double kResumeUsec = 1e6;  // of the share, that must be there again
constexpr double kWanted = 0.1;      // of one: the person's programs use it
constexpr double kAtRest = 0.05;     // of one: and they do not, when it was less for so long
constexpr Microseconds kAtRestFor{5'000'000};
constexpr double kUses = 0.01;
constexpr Microseconds kDemandSpan{200'000};

struct Kind {
  const char* name;
  Reason share, foreground;
  std::optional<std::uint32_t> RunLimits::*percent;
  std::uint32_t RunLimits::*devices;
  std::optional<std::uint64_t> RunSignals::*busyUsec;
  std::optional<std::uint64_t> DeviceSignals::*foregroundBusyUsec;
  AcceleratorUse Seen::*use;
  AcceleratorDemand GovernorState::*demand;
};
constexpr std::array kKinds{
    Kind{"NPU", Reason::kNpuShare, Reason::kForegroundNpu, &RunLimits::npuPercent, &RunLimits::npuDevices,
         &RunSignals::npuBusyUsec, &DeviceSignals::foregroundNpuBusyUsec, &Seen::npu, &GovernorState::npuDemand},
    Kind{"GPU", Reason::kGpuShare, Reason::kForegroundGpu, &RunLimits::gpuPercent, &RunLimits::gpuDevices,
         &RunSignals::gpuBusyUsec, &DeviceSignals::foregroundGpuBusyUsec, &Seen::gpu, &GovernorState::gpuDemand}};

std::string percentOf(double usecPerSecond) { return numberWords(usecPerSecond / 1e4, 0) + " %"; }

// Its time that it used, and that passed, since the last look. Who is held submits nothing, so that its share comes
// back also where the counter is not read meanwhile.
struct Span {
  double used = 0, passed = 0;
};
Span spanOf(const Tick& tick, const RunSignals& run, const std::optional<std::uint64_t>& busy, AcceleratorUse& use) {
  const bool counts = busy || run.hold != Hold::kNone;
  Span span;
  if (use.at && counts) span.passed = static_cast<double>((tick.now - *use.at).count());
  if (busy && use.used && *busy > *use.used) span.used = static_cast<double>(*busy - *use.used);
  if (busy) use.used = busy;
  if (counts) use.at = tick.now;
  return span;
}

// What must be there before it goes on: enough to keep all of its devices busy until it may be held again. With less it
// would use more than its share until then, and would have to stand still for minutes afterwards.
double neededToGoOn(const Tick& tick, const Seen& of, double share, double devices) {
  const Microseconds until =
      of.preempted ? *of.preempted + tick.settings.leastBetweenHolds - tick.now : Microseconds{0};
  return std::max(share * kResumeUsec, (devices - share) * static_cast<double>(until.count()));
}

// The time that it may still use grows by its share and is used up by what it does. It may save up what its share
// brings between two holds, and it owes no more than what all of its devices can do in the time in which it cannot be
// held.
void governShare(Tick& tick, const RunSignals& run, const Kind& kind) {
  Seen& of = tick.seen(run);
  AcceleratorUse& use = of.*kind.use;
  const Span span = spanOf(tick, run, run.*kind.busyUsec, use);
  const auto& percent = run.limits.*kind.percent;
  if (!percent) {
    at(of.reasons, kind.share) = false;
    use.credit.reset();
    return;
  }
  const double share = static_cast<double>(*percent) / 100;
  const double devices = run.limits.*kind.devices;
  const Microseconds between = tick.settings.leastBetweenHolds;
  const double burst = share * static_cast<double>(between.count());
  const double debt = devices * static_cast<double>((between + run.pauseNotice.value_or(Microseconds{0})).count());
  use.credit = std::clamp(use.credit.value_or(burst) + share * span.passed - span.used, -debt, burst);
  if (*use.credit >= std::min(burst, neededToGoOn(tick, of, share, devices))) at(of.reasons, kind.share) = false;
  if (*use.credit >= burst) at(of.overridden, kind.share) = false;
  if (*use.credit >= 0 || !use.busy.perSecond) return;
  const std::string name = kind.name;
  tick.freeze(run, kind.share,
              "it used " + percentOf(*use.busy.perSecond) + " of the " + name + "; its share is " +
                  std::to_string(*percent) + " %",
              "Your share of the " + name + " is " + std::to_string(*percent) + " %. Send it less work at once.");
}

// What uses about as much as makes it wanted, a film for one, must not let runs go and hold them again while it plays.
void judgeDemand(AcceleratorDemand& demand, Microseconds now) {
  const auto& busy = demand.busy.perSecond;
  if (!busy) return;
  if (*busy > kWanted * 1e6) demand.wanted = true;
  if (*busy >= kAtRest * 1e6)
    demand.atRestSince.reset();
  else if (!demand.atRestSince)
    demand.atRestSince = now;
  if (demand.atRestSince && now - *demand.atRestSince >= kAtRestFor) demand.wanted = false;
}

void governDemand(Tick& tick, const Kind& kind) {
  AcceleratorDemand& demand = tick.state.*kind.demand;
  demand.busy.add(tick.signals.device.*kind.foregroundBusyUsec, tick.now, kDemandSpan);
  judgeDemand(demand, tick.now);
  const auto& busy = demand.busy.perSecond;
  if (!demand.wanted) {
    for (auto& [run, of] : tick.state.seen)
      at(of.reasons, kind.foreground) = at(of.overridden, kind.foreground) = false;
    return;
  }
  if (!busy || demand.atRestSince) return;
  for (const RunSignals& run : tick.signals.runs) {
    const auto& used = (tick.seen(run).*kind.use).busy.perSecond;
    if (run.priority == RunClass::kInteractive || !used || *used < kUses * 1e6) continue;
    tick.freeze(run, kind.foreground,
                std::string("the person's programs use the ") + kind.name + " (" + percentOf(*busy) +
                    ") and so does it (" + percentOf(*used) + ")");
  }
}

}  // namespace

void governAccelerators(Tick& tick) {
  for (const Kind& kind : kKinds) {
    for (const RunSignals& run : tick.signals.runs) governShare(tick, run, kind);
    governDemand(tick, kind);
  }
}

}  // namespace ringfence::supervisor::governor
