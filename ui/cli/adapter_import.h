// `ringfence adapter import NAME` and `imported`: a login of the person's, copied into the private home of a policy
// once, by a run of that policy, and shown.
#pragma once

#include "policy/adapter.h"
#include "ui/cli/command_line.h"

namespace ringfence::cli {

int importCredentials(const policy::Adapter& adapter, const Parsed& parsed);
int printImported(const Parsed& parsed);

}  // namespace ringfence::cli
