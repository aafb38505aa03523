// The loop between standard input and output and a program that was started: lines go through a mediator, and its
// effects are done here. One thread, one poll; blocks until either side is done.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/rpc/mediator.h"

namespace ringfence::rpc {

struct Server {
  std::string program;            // absolute, or looked for on $PATH; empty: there is none
  std::vector<std::string> argv;  // all its words
};

// The status to end with: the server's own, 128+N for a signal N; without a server 0. Fails with kNotFound or kDenied
// when the server cannot be started, and with kInternal when the loop cannot go on.
Result<int> relay(Mediator& mediator, const Server& server);

// Bytes between standard input and output and a socket at a path, until the socket's other end is done. Fails with
// kUnavailable when nobody listens there.
Result<int> connectTo(const std::string& path);

}  // namespace ringfence::rpc
