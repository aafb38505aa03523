// What a run made under names that patterns of its policy forbid only as they are at launch: repositories in folders of
// the workspace above all.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

// For pid 1 at the end, alone inside the fence: nobody with more rights than the agent follows what the agent made. Of
// a repository its ".git" is named once; of many things the first ones. Only for a run with a warden whose opens are
// not all notified: we must wait for nobody.
std::vector<std::string> madeDespitePatterns(const Plan& plan);

}  // namespace ringfence::sandbox
