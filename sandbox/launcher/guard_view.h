// What guards see of the host: an egress next to nothing of its files, a warden its processes.
#pragma once

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

enum class HostView {
  kNothing,   // an empty root
  kResolver,  // and, read-only, what says where names are resolved and whom TLS trusts
};

// By root in the host's mount namespace; afterwards in one of its own. `attachPoint`: the launcher's run directory,
// where the copies of name_files.h are too.
Result<void> enterHostView(HostView view, const char* attachPoint);

// A procfs of the caller's pid namespace that is mounted nowhere: nothing is in it but processes that whoever looks may
// trace, which of a warden are those of its run, and no file of it can be opened for writing. So a warden sees neither
// the run's pid 1, whose memory belongs to the launcher, nor before its exec the command that pid 1 starts; without
// Landlock's scopes it also sees the person's own processes outside.
Result<UniqueFd> makeWardenProc();

}  // namespace ringfence::sandbox
