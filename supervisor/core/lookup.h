// Which run is meant: by an id, or by a person.
//
//   const Run* run = RF_TRY(findRun(state, peer, "coder"));
#pragma once

#include <string_view>

#include "sdk/base/result.h"
#include "supervisor/core/peer.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// nullptr: the state has no such run. The pointer lives as long as `state` is unchanged.
const Run* findKnown(const State& state, const RunId& id);
Run* findKnown(State& state, const RunId& id);
// As above, and nullptr when it has ended.
const Run* findLive(const State& state, const RunId& id);
Run* findLive(State& state, const RunId& id);

// By id; else by name among the live runs that `peer` may see; else by name among the ended ones, the latest first.
// The pointer lives as long as `state` is unchanged. Fails with kNotFound (also for a run that the peer may not see),
// and with kInvalid, listing the ids, when several live runs have that name.
Result<const Run*> findRun(const State& state, const Peer& peer, std::string_view text);

// The run with that id, when the peer may see it. Fails with kNotFound.
Result<const Run*> findRun(const State& state, const Peer& peer, const RunId& id);
// As above, and kDenied when the peer may see it but not act on it.
Result<const Run*> findControllable(const State& state, const Peer& peer, const RunId& id);

// "r-0123456789abcdef (coder)", printable whatever the name holds.
std::string describe(const Run& run);

}  // namespace ringfence::supervisor
