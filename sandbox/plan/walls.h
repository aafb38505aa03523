// The strength that a policy wants of each wall against what the kernel can give, and the limits of a run.
#pragma once

#include <vector>

#include "policy/document.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

policy::WallStrength strengthOf(const policy::Walls& walls, Wall wall);

struct WallChoice {
  policy::Walls walls;  // kOff where the kernel cannot and the policy allows it
  std::vector<Weakening> weakened;
  ResourceLimits limits;
};

// Fails with kUnsupported, the message beginning with the wall's name, when a required wall cannot be given; kInvalid
// when the policy switches off a wall that the others stand on.
Result<WallChoice> chooseWalls(const policy::Document& document, bool ownIdentity, const KernelFeatures& features);

// The limits of every process, whatever it inherited.
std::vector<RlimitSetting> makeRlimits();
const char* rlimitName(int resource);

}  // namespace ringfence::sandbox
