// How many milliseconds of each second a control group waited for memory ("some" of its memory.pressure), recorded on
// Linux 6.18 with two processors that others kept busy, of programs in a group with less memory than they use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringfence::supervisor::governor::test {

struct StallTrace {
  std::string what;
  std::size_t began = 0;  // seconds from its start to the waiting
  std::vector<std::uint64_t> milliseconds;
};

// Twelve processes that read 96 MiB of a file in no order.
inline const std::vector<StallTrace> kThrashing{
    {"in 60 MiB", 3, {0, 0, 0, 143, 102, 159, 214, 173, 171, 143, 78, 211, 278, 346, 348, 196, 268, 278, 240, 195}},
    {"in 48 MiB", 3, {0, 0, 0, 143, 268, 223, 271, 217, 177, 193, 275, 238, 108, 224, 192, 110, 183, 159, 199, 258}},
};

inline const std::vector<StallTrace> kBursts{
    {"programs that start, read for a second and end, every six",
     0,
     {0,   0,  0, 0, 0, 0, 0, 0,   0,  0, 0, 0, 0, 124, 106, 0, 0, 0,   0,  0,
      133, 53, 0, 0, 0, 0, 0, 110, 54, 0, 0, 0, 0, 0,   0,   0, 0, 219, 60, 0}},
    {"150 MiB that are copied every five seconds", 0, {0, 0,   0, 0,   0, 83, 0,  0, 0,  0, 129, 0,  0,   0,
                                                       0, 104, 0, 0,   0, 0,  98, 0, 0,  0, 0,   22, 103, 0,
                                                       0, 0,   0, 104, 0, 0,  0,  0, 99, 0, 0,   0}},
};

}  // namespace ringfence::supervisor::governor::test
