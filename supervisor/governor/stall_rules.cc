// The person's programs wait for memory or for disks while agents are at work: the cheapest background run that takes
// of it is held, one after another, each time after it was seen what that brought. Three things let it go: nobody waits
// any more, it was no use (they wait as long without it), or it has waited long enough itself.
//
// A short wait decides nothing: programs wait when they start, and a file that is copied waits for its disk whoever
// else is there. So it takes several readings in a row, and a run that takes of what is short.
#include <algorithm>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/victims.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kReading{900'000};  // the least between two of them
constexpr Microseconds kReadingStale{5'000'000};
constexpr Microseconds kSettles{3'000'000};  // what the last step brought is seen after that
constexpr Microseconds kUselessAfter{20'000'000};
constexpr Microseconds kUselessFor{600'000'000};
constexpr double kStillWaits = 0.5;  // of what it was: the hold brought nothing
constexpr Microseconds kBetweenLettingGo{5'000'000};
constexpr Microseconds kCalmFor{10'000'000};
constexpr Microseconds kHoldAgain{120'000'000};  // so soon after the last: it lasts twice as long
constexpr std::uint32_t kMostDoublings = 4;
// Memory is what they wait for only where it is short; a group at a limit of its own waits with the machine half empty.
constexpr double kShortOfMemory = 0.25;
constexpr double kLeastMemory = 64.0 * 1024 * 1024;
// Of a processor: a run that is kept from it by others still gets more, one that sleeps less.
constexpr double kAtWork = 0.002;
constexpr double kLeastMoved = 4.0 * 1024 * 1024;  // bytes a second
constexpr double kReclaimedAtOnce = 256.0 * 1024 * 1024;

// One kind of waiting: how it is judged, and of whom.
struct Kind {
  Reason reason;
  StallWatch& watch;
  const char* what;
  double waits, calm;  // microseconds in a second
  std::uint32_t readings;
};

std::string sharesWords(const Kind& kind) {
  return "the person's programs waited " + numberWords(*kind.watch.rate.perSecond / 1000, 0) + " ms a second for " +
         kind.what;
}

// Whether there is a new reading; what it says is noted.
bool note(Tick& tick, const Kind& kind, std::optional<std::uint64_t> total) {
  StallWatch& watch = kind.watch;
  watch.rate.add(total, tick.now, kReading);
  if (watch.rate.at != tick.now || !watch.rate.perSecond) {
    if (tick.now - watch.rate.at > kReadingStale) watch.inARow = 0;
    return false;
  }
  const double stall = *watch.rate.perSecond;
  watch.inARow = stall >= kind.waits ? watch.inARow + 1 : 0;
  if (stall > kind.calm)
    watch.calmSince.reset();
  else if (!watch.calmSince)
    watch.calmSince = tick.now;
  return true;
}

bool isShort(Tick& tick) {
  const DeviceSignals& device = tick.signals.device;
  if (!device.memoryAvailable || !device.memoryTotal) return false;
  return static_cast<double>(device.memoryAvailable->count) <
         std::max(kShortOfMemory * static_cast<double>(device.memoryTotal->count), 2 * tick.reserve());
}

// How much of what is short the run takes; 0: nothing that a hold would give back.
double takes(Tick& tick, const Kind& kind, const RunSignals& run) {
  const Seen& of = tick.seen(run);
  if (kind.reason == Reason::kForegroundDisk) {
    const double moved = of.moved.perSecond.value_or(0);
    return moved >= kLeastMoved ? moved : 0;
  }
  // Who does nothing touches no memory; it may be swapped out, and holding it would bring nothing.
  const bool atWork = of.growth > 0 || (of.cpu.perSecond && *of.cpu.perSecond >= kAtWork * 1e6);
  const double bytes = static_cast<double>(run.memoryBytes.value_or(run.anonymousBytes.value_or(0)));
  return atWork && bytes >= kLeastMemory ? bytes : 0;
}

bool mayBeHeld(Tick& tick, const Kind& kind, const RunSignals& run) {
  const Seen& of = tick.seen(run);
  const auto& useless = of.stallUseless;
  return run.priority != RunClass::kInteractive && tick.isLoose(run) && !run.holdsForeignLock && !of.announced &&
         !at(of.overridden, kind.reason) && tick.heldInLastHour(run) < tick.settings.mostHeldAnHour &&
         !(useless && tick.now - *useless < kUselessFor) &&
         !(of.preempted && tick.now - *of.preempted < tick.settings.leastBetweenHolds);
}

const RunSignals* cheapest(Tick& tick, const Kind& kind) {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < tick.signals.runs.size(); ++i) {
    const RunSignals& run = tick.signals.runs[i];
    if (!mayBeHeld(tick, kind, run)) continue;
    const Price price = tick.costs.predict(run, Interruption::kFreeze, kCalmFor, tick.now);
    candidates.push_back({.index = i,
                          .cost = costOf(price, run),
                          .gain = takes(tick, kind, run),
                          .lastPreempted = tick.seen(run).preempted.value_or(Microseconds{0})});
  }
  const auto chosen = chooseVictims(std::move(candidates), 1);
  return chosen.empty() ? nullptr : &tick.signals.runs[chosen.front()];
}

std::string takesWords(Tick& tick, const Kind& kind, const RunSignals& run) {
  const double taken = takes(tick, kind, run);
  if (kind.reason == Reason::kForegroundDisk) return "it moves " + rateWords(taken);
  return bytesWords(static_cast<double>(tick.signals.device.memoryAvailable->count)) + " are left and it has " +
         bytesWords(taken);
}

// Swapping out who is held or idle comes first: nobody has to stop for it.
bool reclaim(Tick& tick, const Kind& kind) {
  if (kind.reason != Reason::kForegroundMemory) return false;
  for (const RunSignals& run : tick.signals.runs) {
    const bool held = run.hold != Hold::kNone;
    if (!held && !isIdle(tick, run)) continue;
    const std::string words = sharesWords(kind) + ", and " + (held ? "it is paused" : "it waits for a person");
    if (tick.reclaim(run, kReclaimedAtOnce, words) > 0) return true;
  }
  return false;
}

void holdOne(Tick& tick, const Kind& kind) {
  StallWatch& watch = kind.watch;
  if (watch.inARow < kind.readings || (watch.acted && tick.now - *watch.acted < kSettles)) return;
  if (kind.reason == Reason::kForegroundMemory && !isShort(tick)) return;
  if (reclaim(tick, kind)) {
    watch.acted = tick.now;
    return;
  }
  const RunSignals* run = cheapest(tick, kind);
  if (run == nullptr) return;
  Seen& of = tick.seen(*run);
  const bool again = of.resumed && tick.now - *of.resumed < kHoldAgain;
  const std::string words =
      sharesWords(kind) + ": " + takesWords(tick, kind, *run) + ", and holding it costs the least";
  if (!tick.freeze(*run, kind.reason, words)) return;
  of.stallHolds = again ? std::min(of.stallHolds + 1, kMostDoublings) : 0;
  of.stallBefore = *watch.rate.perSecond;
  watch.acted = tick.now;
}

void letGo(Tick& tick, const Kind& kind, Seen& of, std::string words) {
  at(of.reasons, kind.reason) = false;
  if (!any(of.reasons)) of.relieved = std::move(words);
  kind.watch.letGo = tick.now;
}

// `isNew`: a new reading, by which a hold may be found of no use.
void letGoOf(Tick& tick, const Kind& kind, const RunSignals& run, bool isNew) {
  Seen& of = tick.seen(run);
  const StallWatch& watch = kind.watch;
  if (run.hold != Hold::kByGovernor || !at(of.reasons, kind.reason)) return;
  const Microseconds held = tick.now - of.frozen;
  const Microseconds calmFor = kCalmFor * (1U << of.stallHolds);
  if (isNew && held >= kUselessAfter && *watch.rate.perSecond >= kStillWaits * of.stallBefore) {
    of.stallUseless = tick.now;
    return letGo(tick, kind, of, sharesWords(kind) + " without it too: holding it was no use");
  }
  if (watch.letGo && tick.now - *watch.letGo < kBetweenLettingGo) return;
  if (watch.calmSince && tick.now - *watch.calmSince >= calmFor)
    return letGo(tick, kind, of, std::string("the person's programs do not wait for ") + kind.what + " any more");
  if (held >= tick.settings.patience * (1U << of.stallHolds))
    letGo(tick, kind, of, "it has waited " + spanWords(held) + " for the person's programs");
}

// Who was told of a hold runs yet: it need not bring calm first, as a hold does, that nobody waits is enough.
void takeBackAnnounced(Tick& tick, const Kind& kind) {
  if (kind.watch.inARow > 0) return;
  for (auto& [run, of] : tick.state.seen)
    if (of.announced) at(of.reasons, kind.reason) = false;
}

void govern(Tick& tick, const Kind& kind, std::optional<std::uint64_t> total) {
  const bool isNew = note(tick, kind, total);
  if (isNew) takeBackAnnounced(tick, kind);
  for (const RunSignals& run : tick.signals.runs) letGoOf(tick, kind, run, isNew);
  const auto& calm = kind.watch.calmSince;
  if (calm && tick.now - *calm >= kCalmFor)
    for (auto& [run, of] : tick.state.seen) at(of.overridden, kind.reason) = false;
  if (isNew) holdOne(tick, kind);
}

}  // namespace

void governStalls(Tick& tick) {
  GovernorState& state = tick.state;
  const DeviceSignals& device = tick.signals.device;
  govern(tick, {Reason::kForegroundMemory, state.memoryWaits, "memory", 50'000, 10'000, 3},
         device.foregroundMemoryStallUsec);
  govern(tick, {Reason::kForegroundDisk, state.diskWaits, "the disk", 200'000, 50'000, 5},
         device.foregroundIoStallUsec);
}

}  // namespace ringfence::supervisor::governor
