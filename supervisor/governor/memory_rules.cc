// Memory that runs out: what is read is how much is left and how fast it goes, so that a program which takes 3 GB in a
// second is stopped before the kernel has to end somebody. In this order: swap out who is held or idle, freeze the
// fastest grower (and swap it out once it is held), end whoever is cheapest when it still falls below half of the
// reserve. Without swap a frozen agent keeps its memory, and there is nothing to swap out.
#include <algorithm>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/victims.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

// Who grows: by so much in a second, and either very fast or by more than a few pages in this spell.
constexpr double kGrowing = 1024 * 1024;
constexpr double kGrowingFast = 64 * 1024 * 1024;
constexpr double kGrown = 4 * 1024 * 1024;
constexpr double kIdleProcessor = 0.01;  // of one
// Time enough to see first whether swapping out is enough.
constexpr double kSecondsForReclaim = 3;
// A freeze under way so short a time may still stop it; below a quarter of the reserve nobody waits for that.
constexpr Microseconds kFreezeMayHelp{150'000};
// Growers this near to the fastest are chosen by what it costs.
constexpr double kAboutAsFast = 0.8;
constexpr double kInteractiveGrowth = 0.25;

double sumOfGrowth(Tick& tick) {
  double growth = tick.state.foregroundGrowth;
  for (const RunSignals& run : tick.signals.runs)
    if (tick.isLoose(run)) growth += tick.seen(run).growth;
  return growth;
}

std::string runOutWords(double available, double growth) {
  if (growth < 1) return bytesWords(available) + " of memory are left";
  const double left = std::min(available / growth, 1e9);
  return "memory would have run out in " + spanWords(Microseconds{static_cast<Microseconds::rep>(left * 1e6)});
}

// Who is swapped out: the idle when memory is short, those we hold for it already before.
bool reclaimFromHeld(Tick& tick, double projected) {
  const double reserve = tick.reserve();
  double need = 2 * reserve - projected;
  bool asked = false;
  for (const RunSignals& run : tick.signals.runs) {
    if (need <= 0) break;
    const Seen& of = tick.seen(run);
    const bool heldForIt = run.hold == Hold::kByGovernor && at(of.reasons, Reason::kMemory);
    const bool now = heldForIt || (projected < reserve && (run.hold != Hold::kNone || isIdle(tick, run)));
    if (!now) continue;
    const std::string state = run.hold != Hold::kNone ? "it is paused" : "it waits for a person";
    const double amount = tick.reclaim(
        run, need,
        bytesWords(std::max(0.0, projected)) + " of memory would be left for the person's programs, and " + state);
    need -= amount;
    asked = asked || amount > 0 || of.reclaimProposed;
  }
  return asked;
}

bool isGrowing(const Seen& of) { return of.growth >= kGrowing && (of.growth >= kGrowingFast || of.grown >= kGrown); }

// The fastest of those who grow; among those about as fast the one whom it costs least. None: absent.
const RunSignals* fastestGrower(Tick& tick, bool heldLongToo) {
  const auto speed = [&](const RunSignals& run) {
    return tick.seen(run).growth * (run.priority == RunClass::kInteractive ? kInteractiveGrowth : 1);
  };
  const auto counts = [&](const RunSignals& run) {
    return tick.isLoose(run) && !run.holdsForeignLock && isGrowing(tick.seen(run)) &&
           (heldLongToo || tick.heldInLastHour(run) < tick.settings.mostHeldAnHour);
  };
  double fastest = 0;
  for (const RunSignals& run : tick.signals.runs)
    if (counts(run)) fastest = std::max(fastest, speed(run));
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < tick.signals.runs.size(); ++i) {
    const RunSignals& run = tick.signals.runs[i];
    if (!counts(run) || speed(run) < kAboutAsFast * fastest) continue;
    const Price price = tick.costs.predict(run, Interruption::kFreeze, tick.holdLasts(run), tick.now);
    candidates.push_back({.index = i,
                          .cost = costOf(price, run),
                          .gain = speed(run),
                          .lastPreempted = tick.seen(run).preempted.value_or(Microseconds{0})});
  }
  const auto chosen = chooseVictims(std::move(candidates), 1);
  return chosen.empty() ? nullptr : &tick.signals.runs[chosen.front()];
}

void freezeGrowers(Tick& tick, double available) {
  const double lookAhead = seconds(tick.settings.lookAhead);
  const double reserve = tick.reserve();
  double othersGrowth = 0;
  for (const RunSignals& run : tick.signals.runs)
    if (tick.heldInLastHour(run) < tick.settings.mostHeldAnHour && !run.holdsForeignLock && tick.isLoose(run))
      othersGrowth += tick.seen(run).growth;
  double growth = sumOfGrowth(tick);
  const bool heldLongToo = available - (growth - othersGrowth) * lookAhead < reserve;
  const std::string words = runOutWords(available, growth);
  while (available - growth * lookAhead < reserve) {
    const RunSignals* run = fastestGrower(tick, heldLongToo);
    if (run == nullptr) return;
    const double itsGrowth = tick.seen(*run).growth;
    if (!tick.freeze(*run, Reason::kMemory,
                     words + ": it grew by " + rateWords(itsGrowth) + " with " + bytesWords(available) + " left",
                     "The machine was running out of memory while this grew by " + rateWords(itsGrowth) +
                         ". Use less at once: fewer jobs or tests in parallel, smaller pieces."))
      return;
    growth -= itsGrowth;
  }
}

bool aFreezeMayStillHelp(Tick& tick) {
  return std::any_of(tick.signals.runs.begin(), tick.signals.runs.end(), [&](const RunSignals& run) {
    const auto& proposed = tick.seen(run).freezeProposed;
    return proposed && tick.now - *proposed < kFreezeMayHelp;
  });
}

double bytesGivenBack(const RunSignals& run) {
  return static_cast<double>(run.anonymousBytes.value_or(run.memoryBytes.value_or(0)));
}

// Who gives back so much at the least cost. What a person paused is theirs to decide: only where nobody else is enough.
std::vector<const RunSignals*> cheapestToEnd(Tick& tick, double need) {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < tick.signals.runs.size(); ++i) {
    const RunSignals& run = tick.signals.runs[i];
    const Seen& of = tick.seen(run);
    if (run.holdsForeignLock || of.killProposed) continue;
    const Price price = tick.costs.predict(run, Interruption::kKill, Microseconds{0}, tick.now);
    candidates.push_back({.index = i,
                          .cost = costOf(price, run),
                          .gain = bytesGivenBack(run),
                          .lastPreempted = of.preempted.value_or(Microseconds{0}),
                          .lastResort = run.hold == Hold::kByOther});
  }
  std::vector<const RunSignals*> chosen;
  for (const std::size_t index : chooseVictims(std::move(candidates), need))
    chosen.push_back(&tick.signals.runs[index]);
  return chosen;
}

void endForMemory(Tick& tick, const RunSignals& run, const std::string& words) {
  const double bytes = bytesGivenBack(run);
  if (!tick.kill(
          run, Cause::kMemory, words + "; ending it gives back " + bytesWords(bytes) + " at the least cost",
          "Ended because the machine was running out of memory. Use less at once: fewer jobs or tests in parallel."))
    return;
  tick.state.gainOfKills += bytes;
  tick.state.killedAt = tick.now;
}

void endWhenStillFalling(Tick& tick, double available) {
  const double reserve = tick.reserve();
  if (available >= reserve / 2 || !tick.state.fell) return;
  if (available >= reserve / 4 && aFreezeMayStillHelp(tick)) return;
  const double need = reserve - available - tick.state.gainOfKills;
  if (need <= 0) return;
  const std::string words =
      "memory still fell with " + bytesWords(available) + " left, below half of the reserve of " + bytesWords(reserve);
  for (const RunSignals* run : cheapestToEnd(tick, need)) endForMemory(tick, *run, words);
}

// Agents that are held for memory which the others of them have: none can go on, and nothing will change that.
void endTheStuck(Tick& tick, double available) {
  std::vector<Candidate> waiting;
  bool anyRuns = false;
  double leastNeed = 1e18;
  for (std::size_t i = 0; i < tick.signals.runs.size(); ++i) {
    const RunSignals& run = tick.signals.runs[i];
    const Seen& of = tick.seen(run);
    // One that is tried counts as waiting until it has gone on for a while.
    const bool tried = of.memoryHolds > 0 && of.resumed && tick.now - *of.resumed < tick.settings.patience;
    if (!at(of.reasons, Reason::kMemory) && !tried) {
      anyRuns = anyRuns || run.hold == Hold::kNone;
      continue;
    }
    leastNeed = std::min(leastNeed, of.lastGrowth + of.reclaimed);
    const Price price = tick.costs.predict(run, Interruption::kKill, Microseconds{0}, tick.now);
    waiting.push_back({.index = i, .cost = costOf(price, run), .gain = run.holdsForeignLock ? 0 : bytesGivenBack(run)});
  }
  if (waiting.size() < 2 || anyRuns || available > 2 * tick.reserve()) {
    tick.state.stuckSince.reset();
    return;
  }
  if (!tick.state.stuckSince) tick.state.stuckSince = tick.now;
  const Microseconds stuck = tick.now - *tick.state.stuckSince;
  if (!tick.settings.endStuckAfter || stuck < *tick.settings.endStuckAfter) return;
  tick.state.stuckSince.reset();
  const std::string words =
      std::to_string(waiting.size()) + " agents have waited " + spanWords(stuck) + " for each other's memory";
  const auto chosen = chooseVictims(std::move(waiting), std::max(1.0, 2 * tick.reserve() + leastNeed - available));
  if (!chosen.empty()) endForMemory(tick, tick.signals.runs[chosen.front()], words);  // one, and then it is seen
}

}  // namespace

bool isIdle(Tick& tick, const RunSignals& run) {
  const Seen& of = tick.seen(run);
  return tick.isLoose(run) && run.activity == Activity::kWaitingForPerson && !run.watched && of.growth < kGrowing &&
         of.cpu.perSecond && *of.cpu.perSecond < kIdleProcessor * 1e6;
}

void governMemory(Tick& tick) {
  if (!tick.signals.device.memoryAvailable) return;
  const double available = static_cast<double>(tick.signals.device.memoryAvailable->count);
  const double growth = sumOfGrowth(tick);
  const double projected = available - growth * seconds(tick.settings.lookAhead);
  const bool reclaiming = projected < 2 * tick.reserve() && reclaimFromHeld(tick, projected);
  endTheStuck(tick, available);
  if (projected >= tick.reserve()) return;
  const bool canWait = reclaiming && available > tick.reserve() / 2 && growth * kSecondsForReclaim < available;
  if (!canWait) freezeGrowers(tick, available);
  endWhenStillFalling(tick, available);
}

}  // namespace ringfence::supervisor::governor
