// The arguments of one execve(2) or execveat(2), read once out of the caller's memory. Everything that follows uses
// this copy and never the memory again, which other threads may change at any time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/warden/caller.h"
#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

// Of an argv; what is beyond is compared by nothing.
inline constexpr Bytes kMaxExecArguments = kibibytes(128);

struct ExecCopy {
  GuardedCall call = GuardedCall::kExecve;
  std::string path;  // as the caller wrote it
  std::vector<std::string> argv;
  bool argvCut = false;  // there is more than was read
  int directory = -100;  // AT_FDCWD, or what `path` is relative to
  int flags = 0;
  std::uint64_t environment = 0;  // where it is in the caller's memory
  bool operator==(const ExecCopy&) const = default;
};

// Fails with sysErrno as the kernel would: EFAULT, ENAMETOOLONG. May block for as long as whoever backs the caller's
// memory likes.
Result<ExecCopy> copyExec(const Caller& caller);

// The value of PATH in the environment at `address`, or what a shell takes when there is none.
std::string copySearchPath(const Caller& caller, std::uint64_t address);

}  // namespace ringfence::sandbox
