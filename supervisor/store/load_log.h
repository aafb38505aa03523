// What the file says the state is. For this folder alone.
#pragma once

#include "supervisor/core/state.h"
#include "supervisor/store/log_file.h"

namespace ringfence::supervisor {

struct LoadedLog {
  State state;
  ChainPoint head;
  std::uint64_t retiredSeq = 0;
  std::uint64_t snapshotSeq = 0;
};

// The pages are sound (PRAGMA quick_check).
Result<void> checkPages(Connection& connection);

// Last snapshot and the facts after it, their chain checked. What is before the snapshot is left to verifyLog. Fails
// with kInvalid, naming file and fact.
Result<LoadedLog> loadLog(Connection& connection);

}  // namespace ringfence::supervisor
