// Which mechanism enforces which key of a policy: nothing is accepted in silence.
#pragma once

#include <vector>

#include "policy/document.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/masks.h"
#include "sandbox/plan/walls.h"

namespace ringfence::sandbox {

struct EnforcedBy {
  const policy::Document& document;
  const std::vector<Grant>& grants;
  const Masks& masks;
  const WallChoice& choice;
  const KernelFeatures& features;
  const Guards& guards;
  bool ownIdentity = false;
  bool hasNpu = false, hasGpu = false;
};
// One entry for each key that some file wrote and for each rule of a list, in the order of the keys.
std::vector<EnforcedKey> listEnforced(const EnforcedBy& by);

}  // namespace ringfence::sandbox
