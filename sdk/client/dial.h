// Reaching a socket of the daemon's, or of ringfence-stop beside it. For this folder alone.
#pragma once

#include <sys/time.h>

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::client {

// $RINGFENCE_SOCKET, else /run/ringfence/control.sock.
std::string controlSocketPath();

// Fails with kUnavailable when nobody is there, kDenied when whoever is there is neither root nor this user, or when
// the socket may not be reached. `patience`: of connecting, sending and receiving, each; zero: for ever.
Result<UniqueFd> dial(const std::string& path, timeval patience = {0, 0});

}  // namespace ringfence::client
