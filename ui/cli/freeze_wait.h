// The wait of `ringfence freeze` for runs that are frozen at a moment of their agents'.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ui/cli/output.h"

namespace ringfence::cli {

// Blocks until none of `runs` (ids) is pausing any more; calls `frozen` for each that was frozen, and says of every
// other one what became of it. On a terminal stderr shows for whom it waits. Ctrl-C ends the wait and nothing else.
// Returns the status to end with.
int awaitFrozen(client::Client& client, std::vector<std::string> runs, Form form,
                const std::function<void(const std::string&)>& frozen);

}  // namespace ringfence::cli
