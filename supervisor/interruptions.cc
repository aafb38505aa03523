#include "supervisor/interruptions.h"

#include <algorithm>

#include "supervisor/governor/words.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kRecoveryTime{5'000'000};  // what is read back later is not ascribed to a hold
// Not every reading says what was read back. So much later one that does still counts, and so much before a hold.
constexpr Microseconds kBetweenRefaults{3'000'000};
// An egress tells what became of connections a minute after a hold, or when the next one begins.
constexpr Microseconds kReportTime{75'000'000};
constexpr Microseconds kPricedHold{5'000'000};  // nobody knows yet how long it will be
// What reading one page back costs, from compressed swap (foreground measurements): 5.2 to 6.1 microseconds.
constexpr double kSecondsPerRefault = 5.6e-6;

std::uint64_t whole(double number) { return number > 0 ? static_cast<std::uint64_t>(number + 0.5) : 0; }

std::optional<std::uint64_t> usec(const std::optional<Microseconds>& span) {
  return span ? std::optional(static_cast<std::uint64_t>(std::max<Microseconds::rep>(span->count(), 0))) : std::nullopt;
}

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

void Interruptions::took(const Standstills::Taken& taken) {
  if (taken.order != Standstills::Order::kThaw) {
    standstills_[taken.run] = taken.time;
  } else if (const auto held = holding_.find(taken.run); held != holding_.end()) {
    held->second.resume = taken.time;
  } else if (const auto thawed = recovering_.find(taken.run); thawed != recovering_.end()) {
    thawed->second.held.resume = taken.time;
  } else {
    standstills_.erase(taken.run);  // A hold that nobody saw.
  }
}

Interruptions::Work Interruptions::workOf(const governor::RunSignals& run, Microseconds now) {
  const governor::Amounts lost = governor::workAtStake(run, now);
  return {lost, run.cpuUsec ? std::optional(whole(lost.workCpuSeconds * 1e6)) : std::nullopt};
}

std::optional<Microseconds> Interruptions::takeStandstill(const RunId& run) {
  const auto found = standstills_.extract(run);
  return found ? std::optional(found.mapped()) : std::nullopt;
}

void Interruptions::killed(const governor::RunSignals& last, const governor::CostModel& costs, Microseconds now) {
  if (killed_.contains(last.run)) return;  // Ordered again.
  killed_[last.run] = {costs.predict(last, governor::Interruption::kKill, Microseconds{0}, now), workOf(last, now)};
}

std::optional<InterruptionCost> Interruptions::ended(const RunId& run) {
  const auto standstill = takeStandstill(run);
  const auto found = killed_.extract(run);
  if (!found) return std::nullopt;
  const auto& [predicted, work] = found.mapped();
  return InterruptionCost{run,
                          {.killed = true,
                           .predicted = stored(predicted, predicted.why),
                           .real = stored(work.lost, ""),
                           .standstillUsec = usec(standstill),
                           .workUsec = whole(work.lost.seconds * 1e6),
                           .workCpuUsec = work.cpuUsec}};
}

void Interruptions::told(const RunId& run, const sandbox::HoldReport& report) {
  const auto found = recovering_.find(run);
  if (found != recovering_.end()) found->second.report = report;
}

std::optional<std::uint64_t> Interruptions::lastRefaults(const RunId& run, Microseconds now) const {
  const auto found = refaults_.find(run);
  if (found == refaults_.end() || now - found->second.at > kBetweenRefaults) return std::nullopt;
  return found->second.count;
}

// What is known of a run when it is held, whoever does it.
void Interruptions::noteHold(const governor::RunSignals& run, const governor::CostModel& costs, Microseconds now) {
  const auto known = holding_.find(run.run);
  if (run.hold == governor::Hold::kNone) {
    if (known == holding_.end()) return;
    recovering_[run.run] = {.held = known->second, .thawed = now, .pages = {}, .report = {}};
    holding_.erase(known);
    refaults_.erase(run.run);  // Of before it read back.
  } else if (known == holding_.end()) {
    holding_[run.run] = {.since = run.heldSince,
                         .refaults = run.refaults ? run.refaults : lastRefaults(run.run, now),
                         .areOfHold = run.refaults.has_value(),
                         .predicted = costs.predict(run, governor::Interruption::kFreeze, kPricedHold, now),
                         .activity = run.activity,
                         .awaitsReport = run.callsCanWait && governor::isOnNetwork(run.activity),
                         .work = workOf(run, now),
                         .standstill = takeStandstill(run.run),
                         .resume = {}};
  } else if (run.refaults && !known->second.areOfHold) {
    known->second.refaults = run.refaults;
    known->second.areOfHold = true;
  }
}

// What a run reads back after a hold, it would not have read without it. A run that is held again reads nothing back,
// so that a later reading says the same, up to the end of that hold.
void Interruptions::notePages(Recovering& one, const governor::RunSignals& run, Microseconds now) const {
  const auto again = holding_.find(run.run);
  const bool heldAgain = again != holding_.end();
  Microseconds due = one.thawed + kRecoveryTime;
  if (heldAgain) due = std::min(due, again->second.since);
  if (one.isReadBack || (now < due && !heldAgain)) return;
  const bool goesOn = heldAgain && run.hold == governor::Hold::kNone;
  std::optional<std::uint64_t> after = run.refaults;
  if (goesOn) after = again->second.areOfHold ? again->second.refaults : std::nullopt;
  if (after && one.held.refaults) one.pages = *after - std::min(*after, *one.held.refaults);
  one.isReadBack = after || !one.held.refaults || goesOn || now - due >= kBetweenRefaults;
}

bool Interruptions::isKnown(Recovering& one, const governor::RunSignals& run, Microseconds now) const {
  const Microseconds passed = now - one.thawed;
  notePages(one, run, now);
  const bool waits = one.held.awaitsReport && !one.report && passed < kReportTime;
  return one.isReadBack && !waits;
}

InterruptionCost Interruptions::learn(const RunId& run, const Recovering& one, governor::CostModel& costs) {
  const Microseconds held = one.thawed - one.held.since;
  governor::MeasuredCost measured{.run = run,
                                  .interruption = governor::Interruption::kFreeze,
                                  .activity = one.held.activity,
                                  .held = held,
                                  .real = {},
                                  .basis = one.held.predicted.basis,
                                  .broken = {}};
  if (one.pages) measured.real = governor::Amounts{.seconds = static_cast<double>(*one.pages) * kSecondsPerRefault};
  std::optional<governor::Amounts> real = measured.real;
  std::string why;
  if (one.held.awaitsReport && one.report) {
    const double part = brokenPart(*one.report);
    const governor::Amounts& again = one.held.predicted.again;
    measured.broken = part;
    if (part > 0) {
      if (!real) real.emplace();
      real->seconds += part * again.seconds;
      real->tokens += part * again.tokens;
      why = brokenWords(*one.report, part * again.seconds);
    }
  }
  costs.learn(measured);
  InterruptionMeasured fact{.heldUsec = *usec(held),
                            .predicted = stored(one.held.predicted, one.held.predicted.why),
                            .real = real ? std::optional(stored(*real, std::move(why))) : std::nullopt,
                            .standstillUsec = usec(one.held.standstill),
                            .resumeUsec = usec(one.held.resume),
                            .pagesReadBack = one.pages,
                            .workUsec = whole(one.held.work.lost.seconds * 1e6),
                            .workCpuUsec = one.held.work.cpuUsec};
  if (one.report) {
    fact.connections = one.report->connections;
    fact.brokenConnections = std::min(one.report->reset, one.report->connections);
  }
  return {run, std::move(fact)};
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
    if (run.refaults) refaults_[run.run] = {*run.refaults, now};
  }
  const auto isGone = [&](const auto& entry) {
    return std::ranges::none_of(signals.runs, [&](const governor::RunSignals& run) { return run.run == entry.first; });
  };
  std::erase_if(recovering_, isGone);
  std::erase_if(holding_, isGone);
  std::erase_if(refaults_, isGone);
  std::erase_if(standstills_, [&](const auto& entry) { return isGone(entry) && !killed_.contains(entry.first); });
  return known;
}

}  // namespace ringfence::supervisor
