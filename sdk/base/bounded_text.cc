#include "sdk/base/bounded_text.h"

#include "sdk/base/text.h"

namespace ringfence {
namespace {

constexpr std::size_t kMaxQuoted = 64;       // bytes
constexpr std::size_t kMaxContinuation = 3;  // bytes of a character behind its first one

bool isContinuation(char c) { return (c & 0xc0) == 0x80; }

}  // namespace

std::string_view beginningOf(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  for (std::size_t end = most; most - end <= kMaxContinuation; --end) {
    if (!isContinuation(text[end])) return text.substr(0, end);
    if (end == 0) break;
  }
  return text.substr(0, most);  // It is no UTF-8.
}

std::string inQuotes(std::string_view name) {
  const std::string_view beginning = beginningOf(name, kMaxQuoted);
  return "\"" + escapeForDisplay(beginning) + (beginning.size() < name.size() ? "…\"" : "\"");
}

}  // namespace ringfence
