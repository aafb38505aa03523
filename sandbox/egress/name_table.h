// The addresses that names have inside the fence: of 198.18.0.0/15, which no public host has, each of one name for as
// long as the run lives. Pure.
#pragma once

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
  // Host byte order. Nothing when there are kMaxNames others: an address is never given to a second name.
  std::optional<std::uint32_t> addressOf(std::string_view name);
  // Nothing for an address that was never given.
  const std::string* nameOf(std::uint32_t address) const;
  static bool isSynthetic(std::uint32_t address) { return address >> 17 == kBase >> 17; }

 private:
  static constexpr std::uint32_t kBase = 198U << 24 | 18U << 16;
  static constexpr std::uint32_t kFirst = kBase + 16;

  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::vector<std::string> names_;
};

}  // namespace ringfence::sandbox
