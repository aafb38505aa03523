// The filter of a program of ours over itself: what it needs and nothing else. Small and compiled here, without
// libseccomp, because it costs each start.
#pragma once

#include <span>

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

// For all threads to come and this one; no_new_privs must be set. What is not there is ENOSYS, another architecture's
// calls kill.
Result<void> confineTo(std::span<const OwnCall> calls);

// What a warden makes: threads, memory without execution, its listener, files, ptrace of an exec, SIGKILL.
Result<void> confineWarden();

}  // namespace ringfence::sandbox
