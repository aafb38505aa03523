// Who a process is and what it inherited: the caller's rights for a moment, and the way down to a run's identity.
#pragma once

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Effective ids and groups of the caller for as long as it lives: paths are opened with the caller's rights and no
// capability. A process that cannot become root again afterwards aborts.
class CallerRights {
 public:
  static Result<CallerRights> assume(const Identity& identity);
  CallerRights(CallerRights&& other) noexcept : active_(std::exchange(other.active_, false)) {}
  CallerRights& operator=(CallerRights&&) = delete;
  ~CallerRights();

 private:
  CallerRights() = default;
  bool active_ = true;
};

// Signals, mask, nice, scheduling, affinity, umask, timer slack, personality, a session keyring of its own. What was
// inherited from the launcher never reaches a run. Needs /proc of the host for oom_score_adj.
Result<void> resetInherited();

// The shortest turns of the processor that the kernel gives: whoever works for a moment at a time, of little weight, is
// then soon heard and soon over, and gets no more of it in all. A kernel before 6.12 does not know them and changes
// nothing. resetInherited() undoes it.
void takeShortTurns();

// A hard limit above the inherited one is cut to it where the kernel does not let it rise.
Result<void> setLimits(const std::vector<RlimitSetting>& rlimits);

// Of the user namespace that the caller is in: a new one begins with a full set.
Result<void> emptyBoundingSet();

// Groups, ids, ambient set, securebits, capabilities, no_new_privs, undumpable: for ever. After emptyBoundingSet().
Result<void> dropPrivileges(const Identity& identity);

// The same with CAP_SYS_PTRACE over the user namespace that the caller is in, which its next exec keeps. Empties the
// bounding set itself.
Result<void> dropAllButTracing(const Identity& identity);

// Root's id without any capability, for good, an exec included; undumpable. For a program of ours that must open what
// root owns and that nobody else may signal.
Result<void> keepOnlyTheId();

// Of a process that starts guards and nothing else: root without the capabilities that no guard is made with.
Result<void> keepWhatMakesGuards();

// SIGKILL when `parent`, a pidfd, ends; false: it has ended. Giving up ids undoes it, so it is for after that.
Result<bool> dieWith(int parent);

}  // namespace ringfence::sandbox
