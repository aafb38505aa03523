// The emergency stop, as commands. Part of supervisor/core/command.h.
#pragma once

#include "supervisor/core/peer.h"
#include "supervisor/core/stop_facts.h"

namespace ringfence::supervisor {

// ringfence-stop has stopped everything, whoever asked it to; or its latch was found closed.
struct StopHeard {
  EmergencyStopped stop;
};
// It is about to end every run, or those of one user: whatever ends from now on ends by that.
struct StopKills {
  std::string trigger;
  std::optional<std::uint32_t> uid;  // of who asked
  std::optional<std::uint32_t> of;   // whose; absent: everybody's
};
// A person says that it may go on.
struct RearmStop {
  Peer peer;
};
// Its latch is open, on the disk and in the kernel.
struct LatchOpened {};

}  // namespace ringfence::supervisor
