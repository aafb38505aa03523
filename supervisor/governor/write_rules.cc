// Writing that holds up the person's programs: those who write in the background are halved as long as the person's
// programs wait for the disk for more than 10 ms in a second, then let up by a tenth each second, and freed when
// nothing holds them any more.
#include <algorithm>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kJudgeEvery{1'000'000};
constexpr double kStallUsec = 10'000;    // in a second
constexpr double kWrites = 1024 * 1024;  // bytes a second; who writes less holds up nobody
constexpr double kLeastLimit = 1024 * 1024;
constexpr double kUp = 1.1;
constexpr double kUnneeded = 0.5;  // of its limit: who writes less does not need it
constexpr Microseconds kUnneededFor{10'000'000};

void limit(Tick& tick, const RunSignals& run, std::optional<double> bytesPerSec, std::string words) {
  Seen& of = tick.seen(run);
  const double before = of.writeLimit.value_or(of.written.perSecond.value_or(0));
  of.writeLimit = bytesPerSec;
  if (bytesPerSec && *bytesPerSec < before) of.writesNeeded = tick.now;
  Proposal proposal{.run = run.run,
                    .step = Step::kLimitWrites,
                    .cause = bytesPerSec ? Cause::kIo : Cause::kRelieved,
                    .reason = std::move(words)};
  if (bytesPerSec) proposal.bytesPerSec = static_cast<std::uint64_t>(*bytesPerSec);
  tick.propose(std::move(proposal));
}

void halve(Tick& tick, const RunSignals& run, double stall) {
  Seen& of = tick.seen(run);
  if (!of.written.perSecond || *of.written.perSecond < kWrites) return;
  if (!of.writeLimit) of.writeRateAtLimit = *of.written.perSecond;
  // A limit far above what it writes would be halved for long without any effect.
  const double from = std::min(of.writeLimit.value_or(*of.written.perSecond), 2 * *of.written.perSecond);
  const double to = std::max(kLeastLimit, from / 2);
  if (of.writeLimit && to >= *of.writeLimit) return;
  limit(tick, run, to,
        "the person's programs waited " + numberWords(stall / 1000, 0) +
            " ms of the last second for the disk while it wrote " + rateWords(*of.written.perSecond) + ": at most " +
            rateWords(to));
}

void letUp(Tick& tick, const RunSignals& run) {
  Seen& of = tick.seen(run);
  if (!of.writeLimit) return;
  const bool needed = !of.written.perSecond || *of.written.perSecond >= kUnneeded * *of.writeLimit;
  if (needed) of.writesNeeded = tick.now;
  const double to = *of.writeLimit * kUp;
  if (to > 2 * of.writeRateAtLimit || tick.now - of.writesNeeded >= kUnneededFor)
    return limit(tick, run, std::nullopt, "nobody waits for the disk any more: it writes without a limit");
  // What does not hold it is not moved.
  if (needed) limit(tick, run, to, "the person's programs do not wait for the disk: at most " + rateWords(to));
}

// What a governor before this one has set is this one's to let up.
void takeOver(Tick& tick, const RunSignals& run) {
  Seen& of = tick.seen(run);
  if (of.writeLimit || !run.writeLimit) return;
  of.writeLimit = of.writeRateAtLimit = static_cast<double>(*run.writeLimit);
  of.writesNeeded = tick.now;
}

}  // namespace

void governWrites(Tick& tick) {
  GovernorState& state = tick.state;
  state.ioStall.add(tick.signals.device.foregroundIoStallUsec, tick.now, Microseconds{900'000});
  if (state.writesJudged && tick.now - *state.writesJudged < kJudgeEvery) return;
  state.writesJudged = tick.now;
  // Unknown, or not read lately: nothing is tightened and nothing let up.
  if (!state.ioStall.perSecond || tick.now - state.ioStall.at > 3 * kJudgeEvery) return;
  const double stall = *state.ioStall.perSecond;
  for (const RunSignals& run : tick.signals.runs) {
    if (run.holdsForeignLock || tick.seen(run).killProposed) continue;
    takeOver(tick, run);
    if (stall > kStallUsec && run.priority != RunClass::kInteractive)
      halve(tick, run, stall);
    else if (stall <= kStallUsec)
      letUp(tick, run);
  }
}

}  // namespace ringfence::supervisor::governor
