// A person's freeze: at once, or first a state of its own in which the run goes on until its agent's moment. That is in
// the log before anybody is told of it, so that no restart loses the person's word.
#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {

bool mayFreeze(const Run& run) {
  const auto* frozen = std::get_if<Frozen>(&run.life);
  if (frozen == nullptr) return std::holds_alternative<Running>(run.life);
  return frozen->preemption || frozen->itself == SelfHeld::kNoRecords;
}

void freezeFor(Deciding& deciding, const Run& run, std::uint32_t byUid, std::string reason) {
  holdAgent(deciding, run);
  deciding.record(run.id, RunFrozen{byUid, std::move(reason)});
  settleOwnQuestionsOf(deciding, run.id, "the run was frozen; ask again");
}

void decidePauseDue(Deciding& deciding, const PauseDue& command) {
  const Pausing* pausing = findPausing(deciding.state(), command.run);
  const Run* run = findKnown(deciding.state(), command.run);
  if (pausing == nullptr || run == nullptr || !mayFreeze(*run)) return;
  freezeFor(deciding, *run, pausing->what.byUid, pausing->what.reason);
}

bool takeBackPause(Deciding& deciding, const Run& run, std::uint32_t byUid) {
  // One that somebody holds meanwhile is let go of as well, which is more than to take that back.
  if (!std::holds_alternative<Running>(run.life) || findPausing(deciding.state(), run.id) == nullptr) return false;
  deciding.record(run.id, RunResumed{byUid});
  return true;
}

}  // namespace ringfence::supervisor
