// The log at start, or what stands in its place.
//
// A log that is damaged, cannot be read or was written by a newer build makes a *locked start*: the file stays as it
// was found, the daemon comes up and says what is wrong and what a person can do, nothing is started, let go or
// allowed, and the runs that the launcher still has are held.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "supervisor/disk_reserve.h"
#include "supervisor/store/sqlite_store.h"

namespace ringfence::supervisor {

struct OpenedLog {
  std::unique_ptr<Store> store;
  SqliteStore* file = nullptr;  // of `store`; null: a locked start
  State state;
  std::string locked;  // why; empty: it is none
};

// Fails where trying again soon is right: another daemon or process has the log, or the disk is full even with the
// reserve given up.
Result<OpenedLog> openLog(const std::string& path, DiskReserve& reserve,
                          const std::function<void(const std::string&)>& say);

}  // namespace ringfence::supervisor
