// One process of those that lead to an action, for people to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxProcessChain = 16;

// From the process that acts up to the run's pid 1. Pids as the launcher's pid namespace counts them; names are chosen
// by the processes.
struct ProcessLink {
  std::int32_t pid = 0;
  std::string name;
  bool operator==(const ProcessLink&) const = default;
};

}  // namespace ringfence::sandbox
