// The half inside the run's network namespace: makes sockets for the other half, and nothing else.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Serves the outer half until it is gone, blocking. `pair`: a blocking SEQPACKET socket to it. Fails when a socket of
// the start cannot be made, and when an order is none.
Result<void> serveInner(int pair);

}  // namespace ringfence::sandbox
