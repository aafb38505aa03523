// What happens here to a call that is handed to a listener.
#pragma once

namespace ringfence::sandbox {

enum class HandingOver {
  kHolds,      // once received, it waits for its answer whatever signals come
  kUncertain,  // a signal may end its wait, or nothing can be handed over at all
  kTaken,      // a program above listens already, and there can be one only
};

// Tried: a child makes such a call and gets a signal in it. A kernel that takes the flag and does not keep its word is
// found out, and so is a wrong number of ours. Forks; takes less than a millisecond where it works, else up to seconds.
HandingOver probeHandingOver();

}  // namespace ringfence::sandbox
