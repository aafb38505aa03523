// The daemon's program, for what needs no running daemon.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/error.h"
#include "ui/cli/output.h"

namespace ringfence::cli {

// Becomes `ringfenced ARGUMENTS`. Returns only when that fails, with the exit status of `whyAway`, which it tells.
int becomeDaemonProgram(std::vector<std::string> arguments, const Error& whyAway, Form form);

}  // namespace ringfence::cli
