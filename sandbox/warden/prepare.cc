#include <cerrno>

#include "sandbox/warden/deeds.h"

namespace ringfence::sandbox {

PreparedDeed preparePathCall(const Caller& caller, PathCall call) {
  switch (call.call) {
    case GuardedCall::kOpen:
    case GuardedCall::kOpenat:
    case GuardedCall::kOpenat2:
    case GuardedCall::kCreat: return prepareOpen(caller, std::move(call));
    case GuardedCall::kMkdir:
    case GuardedCall::kMkdirat:
    case GuardedCall::kMknod:
    case GuardedCall::kMknodat:
    case GuardedCall::kSymlink:
    case GuardedCall::kSymlinkat:
    case GuardedCall::kLink:
    case GuardedCall::kLinkat:
    case GuardedCall::kRename:
    case GuardedCall::kRenameat:
    case GuardedCall::kRenameat2:
    case GuardedCall::kUnlink:
    case GuardedCall::kUnlinkat:
    case GuardedCall::kRmdir: return prepareNames(caller, std::move(call));
    default: return prepareAttributes(caller, std::move(call));
  }
}

PreparedDeed preparePath(const Caller& caller) {
  const GuardedCall call = guardedCallOf(caller.notification().number);
  if (call == GuardedCall::kUnknown || call == GuardedCall::kExecve || call == GuardedCall::kExecveat) {
    return Errno{EACCES};
  }
  PathCall copied = RF_OR_ERRNO(copyPathCall(caller));
  return preparePathCall(caller, std::move(copied));
}

}  // namespace ringfence::sandbox
