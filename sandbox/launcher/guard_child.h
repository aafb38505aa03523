// The child that becomes a guard of a run (ringfence-warden, or a half of ringfence-egress): joins its control groups,
// waits until the run is built, takes its place there, gives up every right that a guard does not need, and becomes its
// program.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

// Of a launch that needs a listener.
inline constexpr const char* kListenerTaken =
    "seccomp: a program above Ringfence listens to the system calls of everything that it started, and the kernel has "
    "room for one listener: start ringfenced outside of it, or use a policy that asks nothing";

enum class GuardRole { kWarden, kEgressInner, kEgressOuter };

// What is known when it is forked; the rest comes with its order, descriptors in this sequence:
//   of a warden           program, pidfd of the run, then what becomes 3 to 8: its end of the pair with the daemon, the
//                         listener, the journal of calls, the ring of actions, the denials, and of the launcher's
//                         /proc what makeWardenProc (guard_view.h) leaves of it
//   of an inner egress    program, pidfd of the run, then 3: its end of the pair with the outer half
//   of an outer egress    program, then 3 to 6: that pair's other end, its end of the pair with the daemon, the ring of
//                         actions, the denials
struct GuardSpec {
  GuardRole role = GuardRole::kWarden;
  RunId run;
  Identity identity;               // ids and groups that it takes
  bool restarted = false;          // takes over from one that died
  bool preparesNetwork = false;    // of an inner egress: the first of its run
  const char* attachPoint = "/";   // the launcher's run directory, which a new root is put on for a moment
  std::string canary;              // of a warden that a stem forks: what its domain keeps it from reaching
  std::vector<std::string> joins;  // as CgroupTree::joinFiles gives them; none: it is where it belongs
};

// `control`: its end of a pair; `launcher`: a pidfd, with whose end it ends. What fails is said over the pair.
[[noreturn]] void runGuard(int control, int launcher, const GuardSpec& spec);

}  // namespace ringfence::sandbox
