// Amounts of money, in millionths of a US dollar. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace ringfence {

inline constexpr std::uint64_t kMicroUsd = 1'000'000;  // of one dollar

// "$2.50", "$0.000120": two digits after the point, or all six where those are needed to be exact.
std::string dollarsText(std::uint64_t microUsd);

}  // namespace ringfence
