// A hold that the run is told of before: it may come to a good moment by itself and say so, within the time that its
// policy gives it. Not for memory that runs out, which waits for nobody.
#include <utility>

#include "supervisor/governor/tick.h"

namespace ringfence::supervisor::governor {
namespace {

// What it was to be held for is over, or somebody outside came to wait for a lock of it.
bool isOver(const RunSignals& run, const Seen& of) { return !any(of.reasons) || run.holdsForeignLock; }

bool isDue(Tick& tick, const RunSignals& run, const Announced& announced) {
  return tick.now >= announced.until || (run.readyAt && *run.readyAt > announced.at);
}

void withdraw(Tick& tick, const RunSignals& run) {
  Seen& of = tick.seen(run);
  of.announced.reset();
  of.reasons = {};
  tick.propose({.run = run.run,
                .step = Step::kWithdraw,
                .cause = Cause::kRelieved,
                .reason = "what it was to be paused for is over"});
}

}  // namespace

void announce(Tick& tick, const RunSignals& run, Reason reason, std::string words, std::string tellAgent) {
  Seen& of = tick.seen(run);
  const Microseconds within = *run.pauseNotice;
  of.reasons = {};
  at(of.reasons, reason) = true;
  tick.propose({.run = run.run,
                .step = Step::kAnnounce,
                .cause = causeOf(reason),
                .reason = words,
                .limit = limitOf(reason),
                .within = within});
  of.announced = Announced{tick.now, tick.now + within, reason, std::move(words), std::move(tellAgent)};
}

void holdAnnounced(Tick& tick) {
  for (const RunSignals& run : tick.signals.runs) {
    Seen& of = tick.seen(run);
    if (!of.announced) continue;
    if (run.hold != Hold::kNone || of.killProposed) {
      // Somebody was faster; it reads why when it goes on.
      of.announced.reset();
      if (run.hold == Hold::kByOther) of.reasons = {};
    } else if (isOver(run, of)) {
      withdraw(tick, run);
    } else if (isDue(tick, run, *of.announced)) {
      Announced announced = *std::exchange(of.announced, std::nullopt);
      tick.freezeNow(run, announced.reason, std::move(announced.words), std::move(announced.tellAgent));
    }
  }
}

}  // namespace ringfence::supervisor::governor
