// The directories that the daemon owns, and the lock that says whose they are.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/config.h"

namespace ringfence::supervisor {

struct Places {
  UniqueFd lock;  // held as long as the daemon lives
  std::string controlSocket;
  std::string metricsSocket;
  std::string launcherSocket;
  std::string stopSocket;
  std::string logFile;
  std::string outputDir;    // what ended runs wrote
  std::string reserveFile;  // room that is kept for the log
};

// Makes the run directory (0755) and the state directory with what is in it (0700), all of root, and takes the lock.
// Fails with kBusy when another daemon has it, kDenied when a directory belongs to somebody else or others may write
// into it.
Result<Places> preparePlaces(const Config& config);

}  // namespace ringfence::supervisor
