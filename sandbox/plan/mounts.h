// The file tree of a run, as steps in the order in which they can be obeyed.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan/accelerators.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/masks.h"

namespace ringfence::sandbox {

struct TreeContent {
  const std::vector<Grant>& grants;
  const std::vector<MaskPath>& masks;
  std::vector<MakeFile> files;  // of /etc and /run
  std::vector<MakeSymlink> rootLinks;
  const Accelerators& accelerators;  // that the policy gives
};

std::vector<MountStep> makeMounts(TreeContent content);

// The device nodes that a run has.
const std::vector<std::string>& deviceNodes();

}  // namespace ringfence::sandbox
