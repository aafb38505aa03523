// Where a run can change what is there outside as well.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {

// The workspace and what was granted for writing, by their names inside, none within another. Not its private home,
// which is Ringfence's own, nor memory of its own as /tmp.
std::vector<std::string> writablePlaces(const Plan& plan);

}  // namespace ringfence::sandbox
