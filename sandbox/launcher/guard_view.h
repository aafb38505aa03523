// What an egress sees of the host's files: next to nothing.
#pragma once

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

enum class HostView {
  kNothing,   // an empty root
  kResolver,  // and, read-only, what says where names are resolved and whom TLS trusts
};

// By root in the host's mount namespace; afterwards in one of its own. `attachPoint`: the launcher's run directory,
// where the copies of name_files.h are too.
Result<void> enterHostView(HostView view, const char* attachPoint);

}  // namespace ringfence::sandbox
