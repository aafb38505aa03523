#include "supervisor/core/evolve_actions.h"

namespace ringfence::supervisor {

void evolveAction(State& state, const Fact& fact, const EmergencyStopped& body) {
  state.latch = Latch{body, fact.at, std::nullopt};
}

void evolveAction(State& state, const Fact&, const Rearmed& body) {
  if (state.latch) state.latch->rearmedBy = body.uid;
}

void evolveAction(State& state, const Fact&, const LatchReleased&) {
  if (state.latch && state.latch->rearmedBy) state.latch.reset();
}

}  // namespace ringfence::supervisor
