// The path and argv of a corrected exec as bytes for the caller's memory. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringfence::sandbox {

struct ExecBlock {
  std::string bytes;  // to be written where it was made for
  std::uint64_t path = 0;
  std::uint64_t argv = 0;
};

// How much room it needs.
std::uint64_t execBlockSize(const std::string& path, const std::vector<std::string>& argv);
// For the address `base`, which is a multiple of 8. Native word size; both texts without NUL.
ExecBlock makeExecBlock(std::uint64_t base, const std::string& path, const std::vector<std::string>& argv);

}  // namespace ringfence::sandbox
