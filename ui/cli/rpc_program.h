// The program that stands between programs which speak JSON-RPC: where it is, and becoming it.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::cli {

// Its real path. Fails with kNotFound, and says where it was looked for.
Result<std::string> findRpcProgram();

// Becomes it; returns the status to end with only when it cannot.
int becomeRpcProgram(const std::vector<std::string>& words);

}  // namespace ringfence::cli
