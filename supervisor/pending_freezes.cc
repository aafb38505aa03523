#include "supervisor/pending_freezes.h"

#include <algorithm>
#include <vector>

#include "supervisor/core/lookup.h"
#include "supervisor/freeze_moment.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kRetryInterval{1000};

}  // namespace

void PendingFreezes::settle() {
  const Microseconds now = world_.clock.now().boottime;
  if (notBefore_ && now < *notBefore_) return;
  std::vector<RunId> due;
  for (const Pausing& pausing : world_.turns.state().pausing) {
    const Run* run = findKnown(world_.turns.state(), pausing.run);
    if (run != nullptr && isDue(world_.agents, *run, pausing, now)) due.push_back(pausing.run);
  }
  notBefore_.reset();
  for (const RunId& run : due) {
    const auto outcome = world_.turns.submit(PauseDue{run});
    // The kernel holds it all the same; that it was a person is recorded when that can be.
    if (!outcome) notBefore_ = now + kRetryInterval;
    world_.report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
  }
}

std::optional<Microseconds> PendingFreezes::nextWake() const {
  std::optional<Microseconds> next;
  for (const Pausing& pausing : world_.turns.state().pausing) {
    const Microseconds at = std::max(nextLook(world_.agents, pausing), notBefore_.value_or(Microseconds{0}));
    next = std::min(next.value_or(at), at);
  }
  return next;
}

}  // namespace ringfence::supervisor
