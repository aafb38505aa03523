// The next call to a model is put off while memory is short, before anybody is held: a turn that does not begin starts
// no compiler and no tests. A call that is under way is left alone; so are runs that a person waits for, until it is
// urgent.
#include <algorithm>

#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

// Of the reserve. Freezing begins where the reserve would be reached within a reaction.
constexpr double kShort = 2, kShortForInteractive = 1.5, kPlentyAgain = 2.5;
// An egress ends a deferral by itself after so long.
constexpr Microseconds kCallsDeferredFor{600'000'000};

bool isProposed(const Tick& tick, const RunSignals& run) {
  return std::any_of(tick.proposals.begin(), tick.proposals.end(), [&](const Proposal& proposal) {
    return proposal.run == run.run && proposal.step == Step::kDeferModelCall;
  });
}

void defer(Tick& tick, const RunSignals& run, double available) {
  Seen& of = tick.seen(run);
  if (!run.callsCanWait || !tick.isLoose(run) || of.modelCallsDenied) return;
  const bool spared = run.priority == RunClass::kInteractive || run.watched;
  if (available >= (spared ? kShortForInteractive : kShort) * tick.reserve()) return;
  of.callsDeferred = tick.now;
  tick.propose({.run = run.run,
                .step = Step::kDeferModelCall,
                .cause = Cause::kMemory,
                .reason = bytesWords(available) + " of memory are left: its next calls wait a little"});
}

void lift(Tick& tick, const RunSignals& run, double available) {
  Seen& of = tick.seen(run);
  of.callsDeferred.reset();
  if (of.modelCallsDenied) return;
  tick.propose({.run = run.run,
                .step = Step::kDeferModelCall,
                .cause = Cause::kRelieved,
                .reason = bytesWords(available) + " of memory are available again: its calls wait no more"});
}

}  // namespace

void governCalls(Tick& tick) {
  if (!tick.signals.device.memoryAvailable) return;
  const auto available = static_cast<double>(tick.signals.device.memoryAvailable->count);
  for (const RunSignals& run : tick.signals.runs) {
    Seen& of = tick.seen(run);
    if (isProposed(tick, run)) continue;
    if (of.callsDeferred && tick.now - *of.callsDeferred >= kCallsDeferredFor) of.callsDeferred.reset();
    if (!of.callsDeferred)
      defer(tick, run, available);
    else if (available >= kPlentyAgain * tick.reserve())
      lift(tick, run, available);
  }
}

}  // namespace ringfence::supervisor::governor
