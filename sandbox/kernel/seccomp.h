// Compiles a SeccompTable with libseccomp and installs the program with seccomp(2) itself.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "sandbox/plan/seccomp_table.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

enum class Architecture { kX86_64, kAarch64, kRiscv64 };
Architecture nativeArchitecture();

using BpfProgram = std::vector<sock_filter>;

// Foreign ABIs are killed; calls that `architecture` lacks are left out. Fails with kInvalid naming the rule, also
// where two rules of one call with different actions could both match, and for a table that allows what it does not
// name. Takes tens of milliseconds for the default table: compile a table once and keep the program.
Result<BpfProgram> compile(const SeccompTable& table, Architecture architecture);

// Installs on the calling thread (no_new_privs must be set). Async-signal-safe. Returns 0 or errno.
int install(const BpfProgram& program);

// Some call is handed to whoever listens.
bool notifies(const SeccompTable& table);
// The same with a listener, which is close-on-exec. A call that was received then waits for its answer whatever signals
// come, SIGKILL excepted. Async-signal-safe. Returns the listener or -errno; EBUSY: somebody above listens already.
int installWithListener(const BpfProgram& program);
// Whoever answers a call makes way for its caller. Best effort: a kernel that cannot is only slower.
void preferSynchronousWakeUp(int listener);

}  // namespace ringfence::sandbox
