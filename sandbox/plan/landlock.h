// The Landlock wall of a plan: two layers, all rights that the kernel's ABI has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/plan/accelerators.h"
#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {

// The outer layer is what a warden may do on the agent's behalf; the inner one what the agent may do without asking. A
// right holds for everything below a path, also for what is mounted there: a tree that has anything asked about in it
// is not writable in the inner layer at all. Both layers leave the controls of the accelerators that it is given to the
// agent, and those of no other node but its terminals. `abi` 0: not enabled.
Landlock makeLandlock(const std::vector<Grant>& grants, const std::vector<AskedPlace>& asked,
                      const Accelerators& accelerators, std::uint32_t abi);

// What this ABI does not cover and which walls carry instead; empty when nothing is missing.
std::string landlockShortfall(std::uint32_t abi);

}  // namespace ringfence::sandbox
