// Quantities whose unit is in the type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace ringfence {

struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes kibibytes(std::uint64_t n) { return {n << 10}; }
constexpr Bytes mebibytes(std::uint64_t n) { return {n << 20}; }
constexpr Bytes gibibytes(std::uint64_t n) { return {n << 30}; }

// Share of one CPU in percent: 200 means two CPUs.
struct CpuPercent {
  std::uint32_t percent = 0;
  auto operator<=>(const CpuPercent&) const = default;
};

// "6.0 GiB", "512 B". For people; never parsed again.
std::string formatBytes(Bytes bytes);
// What an agent can act on that used up what it may use: "peak 1.8 GiB of 2.0 GiB; run fewer tests at once".
std::string memoryLimitWords(Bytes peak, Bytes limit);

}  // namespace ringfence
