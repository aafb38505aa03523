// Who is behind a call: the process that made it, its parent, and so on up to the run's pid 1. For people to read, not
// to decide by: names are chosen by processes, and a chain is read while they live on.
//
//   auto chain = readProcessChain(procFd, notification.pid);
#pragma once

#include <vector>

#include "sandbox/kernel/procfs.h"
#include "sandbox/plan/process_link.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// `proc`: a /proc directory of the launcher's pid namespace; `thread` is a pid there. Fails with kNotFound when the
// thread is gone. Blocks for no one.
Result<ThreadStatus> readThreadStatus(int proc, int thread);

// When it was made, in the kernel's ticks: with its number, that names it for ever.
Result<std::uint64_t> readStartTime(int proc, int thread);

// The process of a thread; 0: it is gone.
int processOf(int proc, int thread);

// The nearest kMaxProcessChain, the caller first, each process once. Ends early where a parent is gone or is not of the
// run. Empty when the caller itself is gone.
std::vector<ProcessLink> readProcessChain(int proc, int thread);

}  // namespace ringfence::sandbox
