// What makes ringfence-stop ready for a machine that has neither memory nor processor time left. At the start, once.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/result.h"

namespace ringfence::supervisor::stop {

struct Readiness {
  std::string realtimeProblem;  // empty: it runs before every ordinary program
  std::string memoryProblem;    // empty: all its memory is there, and stays
};

// All memory and stack present and locked, never chosen when memory runs out, the lowest real-time priority. What the
// machine does not allow is told, and the stop works without it.
Readiness makeReady();

// sd_notify(3), where $NOTIFY_SOCKET names a listener. Best effort.
void tellServiceManager(std::string_view state);

// Fails with kInvalid when this process is in a group below one of the branches: it would freeze itself.
Result<void> refuseOwnGroup(const std::string& cgroupRoot);

}  // namespace ringfence::supervisor::stop
