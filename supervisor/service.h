// ringfenced as a service: directories, lock, log, sockets, launcher, joined to one loop. Everything real is named here
// and in main.cc.
#pragma once

#include "sdk/base/result.h"
#include "supervisor/config.h"

namespace ringfence::supervisor {

// Serves until SIGTERM or SIGINT; SIGHUP reads the policies anew. All three must be blocked, and SIGPIPE ignored. Fails
// with what could not be set up.
Result<void> serve(const Config& config);

// One line to the daemon's own log: standard error, which is the journal under systemd.
void say(const std::string& line);

}  // namespace ringfence::supervisor
