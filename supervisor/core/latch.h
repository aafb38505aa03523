// What the emergency stop refuses, and who may end it. Pure.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "supervisor/core/peer.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// "the emergency stop is latched since …: TRIGGER".
std::string describe(const Latch& latch);
// The answer to whoever wants something started or resumed while it is closed, and how to tell it from others.
Error refusedByLatch(const Latch& latch);
bool isRefusedByLatch(const Error& error);
// It is the stop of every run: an administrator, or whoever has a run here while nobody else has a live one.
bool mayRearm(const State& state, const Peer& peer);

}  // namespace ringfence::supervisor
