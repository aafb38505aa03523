// The half inside the run's network namespace: makes sockets for the other half, and nothing else.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Until the outer half is gone. `pair`: a blocking SEQPACKET socket to it.
Result<void> serveInner(int pair);

}  // namespace ringfence::sandbox
