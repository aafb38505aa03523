#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

const char* wallName(Wall wall) {
  switch (wall) {
    case Wall::kMount: return "mount";
    case Wall::kPid: return "pid";
    case Wall::kNet: return "net";
    case Wall::kIpc: return "ipc";
    case Wall::kUts: return "uts";
    case Wall::kCgroup: return "cgroup";
    case Wall::kSeccomp: return "seccomp";
    case Wall::kLandlock: return "landlock";
    case Wall::kPrivileges: return "privileges";
    case Wall::kLimits: return "limits";
  }
  return "unknown";
}

}  // namespace ringfence::sandbox
