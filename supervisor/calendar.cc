#include "supervisor/calendar.h"

#include <array>
#include <ctime>

namespace ringfence::supervisor {

std::string localDay(Microseconds wall) {
  const auto seconds = static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(wall).count());
  std::tm day{};
  ::tzset();
  if (::localtime_r(&seconds, &day) == nullptr) return {};
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &day)};
}

}  // namespace ringfence::supervisor
