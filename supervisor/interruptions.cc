#include "supervisor/interruptions.h"

#include <algorithm>

#include "supervisor/governor/words.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kRecoveryTime{5'000'000};  // what is read back later is not ascribed to a hold
// An egress tells what became of connections a minute after a hold, or when the next one begins.
constexpr Microseconds kReportTime{75'000'000};
constexpr Microseconds kPricedHold{5'000'000};  // nobody knows yet how long it will be
// What reading one page back costs, from compressed swap (foreground measurements): 5.2 to 6.1 microseconds.
constexpr double kSecondsPerRefault = 5.6e-6;

std::uint64_t whole(double number) { return number > 0 ? static_cast<std::uint64_t>(number + 0.5) : 0; }

// Of those that were open: how many broke. What a server closed may have been the end of an answer, and does not count.
double brokenPart(const sandbox::HoldReport& report) {
  if (report.connections == 0) return 0;
  return std::min(1.0, static_cast<double>(report.reset) / static_cast<double>(report.connections));
}

std::string brokenWords(const sandbox::HoldReport& report, double seconds) {
  const Microseconds again{static_cast<Microseconds::rep>(seconds * 1e6)};
  return std::to_string(report.reset) + " of " + std::to_string(report.connections) + " connections broke, so " +
         governor::spanWords(again) + " must be done again";
}

}  // namespace

InterruptionPrice stored(const governor::Amounts& amounts, std::string why) {
  return {whole(amounts.seconds * 1e6), whole(amounts.tokens), whole(amounts.workCpuSeconds * 1e6), std::move(why)};
}

void Interruptions::told(const RunId& run, const sandbox::HoldReport& report) {
  const auto found = recovering_.find(run);
  if (found != recovering_.end()) found->second.report = report;
}

// What is known of a run when it is held, whoever does it.
void Interruptions::noteHold(const governor::RunSignals& run, const governor::CostModel& costs, Microseconds now) {
  const auto known = holding_.find(run.run);
  if (run.hold == governor::Hold::kNone) {
    if (known == holding_.end()) return;
    recovering_[run.run] = {.held = known->second, .thawed = now, .readBackSeconds = {}, .report = {}};
    holding_.erase(known);
  } else if (known == holding_.end()) {
    holding_[run.run] = {.since = run.heldSince,
                         .refaults = run.refaults.value_or(0),
                         .predicted = costs.predict(run, governor::Interruption::kFreeze, kPricedHold, now),
                         .activity = run.activity,
                         .awaitsReport = run.callsCanWait && governor::isOnNetwork(run.activity)};
  }
}

// What a run reads back after a hold, it would not have read without it.
bool Interruptions::isKnown(Recovering& one, const governor::RunSignals& run, Microseconds now) const {
  const Microseconds passed = now - one.thawed;
  const bool heldAgain = holding_.contains(run.run);
  if (!one.readBackSeconds && (passed >= kRecoveryTime || heldAgain)) {
    const std::uint64_t refaults = run.refaults.value_or(one.held.refaults);
    one.readBackSeconds =
        refaults > one.held.refaults ? static_cast<double>(refaults - one.held.refaults) * kSecondsPerRefault : 0;
  }
  const bool waits = one.held.awaitsReport && !one.report && passed < kReportTime;
  return one.readBackSeconds && !waits;
}

InterruptionCost Interruptions::learn(const RunId& run, const Recovering& one, governor::CostModel& costs) {
  const Microseconds held = one.thawed - one.held.since;
  governor::MeasuredCost measured{.run = run,
                                  .interruption = governor::Interruption::kFreeze,
                                  .activity = one.held.activity,
                                  .held = held,
                                  .real = {.seconds = one.readBackSeconds.value_or(0)},
                                  .basis = one.held.predicted.basis,
                                  .broken = {}};
  governor::Amounts real = measured.real;
  std::string why;
  if (one.held.awaitsReport && one.report) {
    const double part = brokenPart(*one.report);
    const governor::Amounts& again = one.held.predicted.again;
    measured.broken = part;
    real.seconds += part * again.seconds;
    real.tokens += part * again.tokens;
    if (part > 0) why = brokenWords(*one.report, part * again.seconds);
  }
  costs.learn(measured);
  const auto heldUsec = static_cast<std::uint64_t>(std::max<Microseconds::rep>(held.count(), 0));
  return {run, {false, heldUsec, stored(one.held.predicted, one.held.predicted.why), stored(real, std::move(why))}};
}

std::vector<InterruptionCost> Interruptions::tick(const governor::Signals& signals, governor::CostModel& costs) {
  const Microseconds now = signals.device.at.boottime;
  std::vector<InterruptionCost> known;
  for (const governor::RunSignals& run : signals.runs) {
    if (const auto found = recovering_.find(run.run); found != recovering_.end()) {
      if (isKnown(found->second, run, now)) {
        known.push_back(learn(run.run, found->second, costs));
        recovering_.erase(found);
      }
    }
    noteHold(run, costs, now);
  }
  const auto isGone = [&](const auto& entry) {
    return std::ranges::none_of(signals.runs, [&](const governor::RunSignals& run) { return run.run == entry.first; });
  };
  std::erase_if(recovering_, isGone);
  std::erase_if(holding_, isGone);
  return known;
}

}  // namespace ringfence::supervisor
