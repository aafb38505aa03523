// Measures what protection.h judges: three seconds in which this program, a short-lived agent in a real fence, and as
// much work beside this program take turns. And what is kept of it, below the person's own state directory.
#pragma once

#include <optional>
#include <variant>

#include "sdk/client/client.h"
#include "ui/cli/protection.h"

namespace ringfence::cli {

// Blocks for about three seconds. Starts a run and ends it; uses every processor meanwhile. Fails when no run can be
// started, with what the daemon said.
std::variant<Protection, client::Failure> measureProtection(client::Client& client, const std::string& layout);

// $XDG_STATE_HOME/ringfence/protection.json, else below ~/.local/state.
Result<void> keepProtection(const Protection& protection);
// That of the kernel that runs, with this layout.
std::optional<Protection> keptProtection(const std::string& layout);

}  // namespace ringfence::cli
