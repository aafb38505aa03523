// The emergency stop for C++ programs: everything that runs inside a fence is frozen, or killed, now. Needs neither the
// daemon nor its log; anybody may. Ending it is a person's business: Client::rearm.
//
//   auto receipt = client::askStop("stop the red button", std::chrono::seconds(10));   // JSON, one object
#pragma once

#include <chrono>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::client {

// The socket of ringfence-stop: beside that of the daemon.
std::string stopSocketPath();

// One request ("stop [WORDS]", "kill [WORDS]", "status") and its answer, one JSON object: the receipt, {"error":…}, or
// the status. Waits for one that has just died for up to 2 s, in which the daemon starts another. Fails with
// kUnavailable when nobody is there or takes it, kDenied when whoever is there is neither root nor this user: then
// nothing was asked of anybody. Fails with kUncertain when it was sent and no answer came, in time or at all: it may
// have happened. It is never sent twice.
Result<std::string> askStop(const std::string& request, std::chrono::seconds patience);
Result<std::string> askStopAt(const std::string& socketPath, const std::string& request, std::chrono::seconds patience);

}  // namespace ringfence::client
