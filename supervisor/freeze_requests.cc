// Freezes that people ask for, and what else is done to runs for them.
#include <algorithm>

#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

bool isHeldForGood(const Run* run) {
  const auto* frozen = run != nullptr ? std::get_if<Frozen>(&run->life) : nullptr;
  return frozen != nullptr && !frozen->preemption && frozen->itself != SelfHeld::kNoRecords;
}

}  // namespace

// A freeze that is asked for again, while an earlier one is put off, comes at once.
bool Requests::putOffFreeze(const RunId& run, std::map<RunId, FreezeMoment>& to) {
  const auto isWaiting = [&](const Freezing& one) { return one.runs.contains(run); };
  const auto found = world_.turns.state().runs.find(run);
  if (found == world_.turns.state().runs.end() || std::ranges::any_of(freezing_, isWaiting)) return false;
  const auto moment = putOff(world_.agents, found->second, world_.clock.now().boottime);
  if (!moment) return false;
  to.emplace(run, *moment);
  world_.announcePause(run, moment->until - moment->asked);
  return true;
}

void Requests::settleFreezes() {
  const Microseconds now = world_.clock.now().boottime;
  const auto& runs = world_.turns.state().runs;
  for (Freezing& one : freezing_) {
    for (auto it = one.runs.begin(); it != one.runs.end();) {
      const auto found = runs.find(it->first);
      const Run* run = found == runs.end() ? nullptr : &found->second;
      if (!isDue(world_.agents, run, it->second, now)) {
        ++it;
        continue;
      }
      const RunId id = it->first;
      it = one.runs.erase(it);
      // One that a person holds, as after an impatient second request, is done. One that the governor came to hold is
      // not: it would let it go again.
      if (isHeldForGood(run))
        one.acted.done.runs.push_back(id.text());
      else
        act(one.peer, api::Verb::kFreeze, id, one.acted);
    }
  }
  for (auto it = freezing_.begin(); it != freezing_.end();) {
    if (!it->runs.empty()) {
      ++it;
      continue;
    }
    const Freezing done = std::move(*it);
    it = freezing_.erase(it);
    tellActed(done.asker, api::Verb::kFreeze, done.acted);
  }
}

}  // namespace ringfence::supervisor
