// A process that gets only the processors that nobody else wants, by itself: where no control group can say it.
#pragma once

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Puts a process with one thread, and whatever it starts from now on, into the scheduler's idle class, and the group
// that the kernel makes of its session (autogroup) at the least weight, for inside such a group a class says nothing to
// those outside. A process without CAP_SYS_NICE cannot leave the class again while its RLIMIT_NICE is 0.
// Fails when the kernel shows afterwards that it is not so. Weaker than an idle control group: each thread is weighed
// for itself, so that many of them together take more.
Result<void> makeIdle(int pid);

}  // namespace ringfence::sandbox
