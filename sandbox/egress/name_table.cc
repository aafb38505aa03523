#include "sandbox/egress/name_table.h"

namespace ringfence::sandbox {

std::optional<std::uint32_t> NameTable::addressOf(std::string_view name) {
  const std::string key(name);
  if (const auto found = addresses_.find(key); found != addresses_.end()) return found->second;
  if (names_.size() == kMaxNames) return std::nullopt;
  const std::uint32_t address = kFirst + static_cast<std::uint32_t>(names_.size());
  names_.push_back(key);
  addresses_.emplace(key, address);
  return address;
}

const std::string* NameTable::nameOf(std::uint32_t address) const {
  if (address < kFirst || address - kFirst >= names_.size()) return nullptr;
  return &names_[address - kFirst];
}

}  // namespace ringfence::sandbox
