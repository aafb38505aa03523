#include "sdk/base/run_id.h"

#include <sys/random.h>

#include <cstdint>

#include "sdk/base/error.h"

namespace ringfence {

RunId RunId::random() {
  std::uint8_t bytes[8];
  RF_CHECK(getrandom(bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "r-";
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return RunId(std::move(text));
}

std::optional<RunId> RunId::parse(std::string_view text) {
  if (text.size() != 18 || !text.starts_with("r-")) return std::nullopt;
  if (text.find_first_not_of("0123456789abcdef", 2) != std::string_view::npos) return std::nullopt;
  return RunId(std::string(text));
}

}  // namespace ringfence
