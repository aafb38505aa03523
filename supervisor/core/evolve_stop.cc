#include <algorithm>

#include "supervisor/core/evolve_actions.h"

namespace ringfence::supervisor {

void evolveAction(State& state, const Fact& fact, const EmergencyStopped& body) {
  Latch latch{.stop = body, .at = fact.at, .rearmedBy = {}, .closedBy = body.uid, .owners = {}};
  // One that kills what the first one froze is part of the same emergency.
  if (state.latch && !state.latch->rearmedBy) {
    latch.closedBy = state.latch->closedBy;
    latch.owners = std::move(state.latch->owners);
  }
  for (const auto& [id, run] : state.runs) {
    const bool isKnown = std::ranges::find(latch.owners, run.what.callerUid) != latch.owners.end();
    if (isLive(run) && !isKnown) latch.owners.push_back(run.what.callerUid);
  }
  state.latch = std::move(latch);
}

void evolveAction(State& state, const Fact&, const Rearmed& body) {
  if (state.latch) state.latch->rearmedBy = body.uid;
}

void evolveAction(State& state, const Fact&, const LatchReleased&) {
  if (state.latch && state.latch->rearmedBy) state.latch.reset();
}

}  // namespace ringfence::supervisor
