// Landlock: rulesets from the Plan's rules, each restriction a layer of its own on the calling thread.
#pragma once

#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Needs no_new_privs. Rules whose path does not exist grant nothing and are left out. Paths are looked up from "/".
// Rights on a file are cut to those that a file can carry.
Result<void> restrictByLandlock(const Landlock& landlock);

// What opening each canary of the Plan for reading gives: 0 or errno.
struct CanaryErrnos {
  int inner = -1;
  int outer = -1;
};
CanaryErrnos probeCanaries();

}  // namespace ringfence::sandbox
