// What the emergency stop refuses, and who may end it. Pure.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "supervisor/core/peer.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// "the emergency stop is latched since …: TRIGGER".
std::string describe(const Latch& latch);
// Whether that stop ended the runs of `owner`.
bool isKilledBy(const EmergencyStopped& stop, std::uint32_t owner);
// The answer to whoever wants something started or resumed while it is closed, and how to tell it from others.
Error refusedByLatch(const Latch& latch);
bool isRefusedByLatch(const Error& error);
// Who may end the stop of every run, while it is latched: an administrator; and where no run of anybody else was met by
// it (or is alive), whoever owns those that were. Where there was none: who stopped, and of a stop that nobody with an
// id made (keys, a silent daemon), who sits at this machine or alone has had runs here.
bool mayRearm(const State& state, const Peer& peer);

}  // namespace ringfence::supervisor
