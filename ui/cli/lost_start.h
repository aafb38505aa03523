// The daemon went away while it started a run: what became of it, asked from the next daemon.
#pragma once

#include <string>
#include <variant>

#include "sdk/client/client.h"
#include "ui/cli/run_request.h"
#include "ui/cli/session.h"

namespace ringfence::cli {

struct FoundStart {
  client::Client client;
  client::RunAccepted accepted;
};

// Waits at most ten seconds for a daemon that knows. NotStarted: it was refused or never recorded, and will not run.
std::variant<FoundStart, SessionEnd, NotStarted> findLostStart(const std::string& run,
                                                               const client::RunRequest& request);

}  // namespace ringfence::cli
