// The filter of a program of ours over itself: what it needs and nothing else. Small and compiled here, without
// libseccomp, because it costs each start.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <span>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// A call, and where `argument` is not negative only with (arguments[argument] & mask) == value, of its low 32 bits. One
// call may be there several times.
struct OwnCall {
  int number = 0;
  int argument = -1;
  unsigned mask = 0xffffffff;
  unsigned value = 0;
};

// As confineTo() installs it. What is not in `calls` is ENOSYS, another architecture's calls kill.
std::vector<sock_filter> filterOver(std::span<const OwnCall> calls);

// For all threads to come and this one; no_new_privs must be set.
Result<void> confineTo(std::span<const OwnCall> calls);

// What a warden with this process id makes: threads, memory without execution, its listener, files, ptrace of an exec,
// SIGKILL.
std::vector<OwnCall> wardenCalls(pid_t own);
Result<void> confineWarden();

}  // namespace ringfence::sandbox
