// The stem of a run: a small process of the launcher's own that is in a Landlock domain above the agent's, from birth
// on. It forks the run's first process, and later each warden, as children of its own parent, the launcher: they
// inherit its domain. Below it the agent enters two layers of its own, so a warden may look at the agent and at nobody
// else, and reaches with no signal who is not of its run. It does nothing but wait, reads nothing but orders, and
// survives its launcher: the next one finds it by the other end of `orders`, which the daemon keeps. It ends with the
// run, or when nobody holds that end any more.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sandbox/launcher/guard_child.h"

namespace ringfence::sandbox {

struct StemBirth {
  int orders = -1;                // its end of the pair
  int cgroup = -1;                // that the run's first process is born in
  std::uint64_t leftOut = 0;      // namespaces that it is not born in
  std::uint32_t landlockAbi = 0;  // for which canScope() holds
  std::string canary;             // of a ScopeCanary
  // What the run's first process does, and never returns from; told what ScopeCanary::tryFrom gave in it.
  std::function<void(int scope)> becomeRun;
};

// Says kBorn of the run's first process over the pair, or kFailed.
[[noreturn]] void runStem(const StemBirth& birth);

// An order to fork a warden: kWarden, value: the launcher's pid, descriptors: what runGuard() takes and the directory
// of the control group that the warden is born in, which the stem moves to as well. Both say kBorn over the warden's
// pair, so that it is known before whatever else the warden says.
std::string wardenOrderText(const GuardSpec& spec);

}  // namespace ringfence::sandbox
