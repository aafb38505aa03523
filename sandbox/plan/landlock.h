// The Landlock wall of a plan: two layers, all rights that the kernel's ABI has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {

// `abi` 0: not enabled.
Landlock makeLandlock(const std::vector<Grant>& grants, std::uint32_t abi);

// What this ABI does not cover and which walls carry instead; empty when nothing is missing.
std::string landlockShortfall(std::uint32_t abi);

}  // namespace ringfence::sandbox
