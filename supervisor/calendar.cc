#include "supervisor/calendar.h"

#include <array>
#include <ctime>

namespace ringfence::supervisor {

namespace {

std::optional<std::tm> localTime(Microseconds wall) {
  const auto seconds = static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(wall).count());
  std::tm time{};
  ::tzset();
  return ::localtime_r(&seconds, &time) == nullptr ? std::nullopt : std::optional(time);
}

}  // namespace

std::string localDay(Microseconds wall) {
  const auto day = localTime(wall);
  std::array<char, 32> text{};
  return day ? std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &*day)) : std::string();
}

std::optional<std::uint32_t> localMinute(Microseconds wall) {
  const auto time = localTime(wall);
  return time ? std::optional(static_cast<std::uint32_t>(time->tm_hour * 60 + time->tm_min)) : std::nullopt;
}

}  // namespace ringfence::supervisor
