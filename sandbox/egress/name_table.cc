#include "sandbox/egress/name_table.h"

namespace ringfence::sandbox {

NameTable NameTable::after(std::chrono::milliseconds boottime) {
  constexpr std::uint32_t kBegins = kPlaces - 2 * std::uint32_t{kMaxNames} + 1;
  NameTable table;
  const auto passed = static_cast<std::uint64_t>(boottime.count()) * kPlacesASecond / 1000;
  table.begin_ = kMaxNames + static_cast<std::uint32_t>(passed % kBegins);
  return table;
}

std::optional<std::uint32_t> NameTable::addressOf(std::string_view name) {
  const std::string key(name);
  if (const auto found = addresses_.find(key); found != addresses_.end()) return found->second;
  if (names_.size() == kMaxNames) return std::nullopt;
  const std::uint32_t address = kFirst + begin_ + static_cast<std::uint32_t>(names_.size());
  names_.push_back(key);
  addresses_.emplace(key, address);
  return address;
}

const std::string* NameTable::nameOf(std::uint32_t address) const {
  const std::uint32_t first = kFirst + begin_;
  if (address < first || address - first >= names_.size()) return nullptr;
  return &names_[address - first];
}

}  // namespace ringfence::sandbox
