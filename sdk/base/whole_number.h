// Text that is a number and nothing else. Pure, without the heap.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace ringfence {

// Digits of that base alone, without a sign, that fit into Number; nothing otherwise.
template <std::integral Number>
std::optional<Number> wholeNumber(std::string_view text, int base = 10) {
  if (text.empty() || text.front() == '-') return std::nullopt;
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number, base);
  if (failure != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace ringfence
