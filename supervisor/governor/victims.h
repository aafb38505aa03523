// Who is interrupted when something is needed: whoever gives it at the least cost.
#pragma once

#include <cstddef>
#include <vector>

#include "supervisor/governor/price.h"

namespace ringfence::supervisor::governor {

struct Candidate {
  std::size_t index = 0;  // the caller's
  double cost = 0;
  double gain = 0;  // what is really returned, in the unit of the need; 0: never chosen
  Microseconds lastPreempted{};
  bool lastResort = false;  // had its share, or is not ours to decide: others first, where they are enough
};

// One number for a price: seconds, with processor time and tokens made into them, times how much somebody minds.
double costOf(const Price& price, const RunSignals& run);

// The cheapest for each byte first, until the need is met or nobody is left; among equals who was left alone the
// longest. Then whoever is not needed any more, because a later one gives so much, is let off, the dearest first. The
// indices of the chosen, in the order in which they were chosen.
std::vector<std::size_t> chooseVictims(std::vector<Candidate> candidates, double need);

}  // namespace ringfence::supervisor::governor
