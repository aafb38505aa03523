#include <algorithm>

#include "supervisor/core/evolve_actions.h"

namespace ringfence::supervisor {
namespace {

void addOwner(std::vector<std::uint32_t>& owners, std::uint32_t owner) {
  if (std::ranges::find(owners, owner) == owners.end()) owners.push_back(owner);
}

void addKills(EmergencyStopped& to, const EmergencyStopped& earlier) {
  if (earlier.killed.value_or(false)) to.killed = true;
  if (!earlier.killedOf) return;
  if (!to.killedOf) to.killedOf.emplace();
  for (const std::uint32_t owner : *earlier.killedOf) addOwner(*to.killedOf, owner);
}

}  // namespace

void evolveAction(State& state, const Fact& fact, const EmergencyStopped& body) {
  Latch latch{.stop = body, .at = fact.at, .rearmedBy = {}, .closedBy = body.uid, .owners = {}};
  // One that kills what the first one froze is part of the same emergency.
  if (state.latch && !state.latch->rearmedBy) {
    latch.closedBy = state.latch->closedBy;
    latch.owners = std::move(state.latch->owners);
    addKills(latch.stop, state.latch->stop);
  }
  for (const auto& [id, run] : state.runs) {
    if (isLive(run)) addOwner(latch.owners, run.what.callerUid);
  }
  // It met them alive.
  for (const std::uint32_t owner : body.killedOf.value_or(std::vector<std::uint32_t>())) addOwner(latch.owners, owner);
  state.latch = std::move(latch);
}

void evolveAction(State& state, const Fact&, const Rearmed& body) {
  if (state.latch) state.latch->rearmedBy = body.uid;
}

void evolveAction(State& state, const Fact&, const LatchReleased&) {
  if (state.latch && state.latch->rearmedBy) state.latch.reset();
}

}  // namespace ringfence::supervisor
