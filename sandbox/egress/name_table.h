// The addresses that names have inside the fence: of 198.18.0.0/15, which no public host has, each of one name for as
// long as the table lives. The table of an egress that comes after another one begins elsewhere, so that what a program
// still knows of the one before leads to nobody, and not to another name. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxNames = 32768;

class NameTable {
 public:
  NameTable() = default;
  // Of an egress that comes after another: at none of the first one's addresses, and at none of those that others began
  // with in the minutes before, unless they gave more than kPlacesASecond.
  static NameTable after(std::chrono::milliseconds boottime);

  // Host byte order. Nothing when there are kMaxNames others: an address is never given to a second name.
  std::optional<std::uint32_t> addressOf(std::string_view name);
  // Nothing for an address that was never given.
  const std::string* nameOf(std::uint32_t address) const;
  static bool isSynthetic(std::uint32_t address) { return address >> 17 == kBase >> 17; }

 private:
  static constexpr std::uint32_t kBase = 198U << 24 | 18U << 16;
  static constexpr std::uint32_t kFirst = kBase + 16;
  static constexpr std::uint32_t kPlaces = (1U << 17) - 32;
  static constexpr std::uint32_t kPlacesASecond = 64;

  std::uint32_t begin_ = 0;  // of these places
  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::vector<std::string> names_;
};

}  // namespace ringfence::sandbox
