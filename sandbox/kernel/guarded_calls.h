// The system calls that a warden knows how to perform, whatever number they have on this architecture.
#pragma once

#include <string_view>

namespace ringfence::sandbox {

enum class GuardedCall {
  kUnknown,  // must not have been notified: refused
  kOpen,
  kOpenat,
  kOpenat2,
  kCreat,
  kMkdir,
  kMkdirat,
  kMknod,
  kMknodat,
  kSymlink,
  kSymlinkat,
  kLink,
  kLinkat,
  kRename,
  kRenameat,
  kRenameat2,
  kUnlink,
  kUnlinkat,
  kRmdir,
  kTruncate,
  kChmod,
  kFchmod,
  kFchmodat,
  kFchmodat2,
  kChown,
  kFchown,
  kLchown,
  kFchownat,
  kUtime,
  kUtimes,
  kFutimesat,
  kUtimensat,
  kSetxattr,
  kLsetxattr,
  kFsetxattr,
  kRemovexattr,
  kLremovexattr,
  kFremovexattr,
  kExecve,
  kExecveat,
};

GuardedCall guardedCallOf(int number);
// As the kernel's manual calls it: "openat".
std::string_view guardedCallName(GuardedCall call);

}  // namespace ringfence::sandbox
