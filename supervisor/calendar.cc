#include "supervisor/calendar.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace ringfence::supervisor {

namespace {

using std::chrono::seconds;

// No day is longer, whatever is done to its clocks.
constexpr seconds kLongestDay = std::chrono::hours(48);

std::optional<std::tm> inZone(seconds wall) {
  const auto count = static_cast<std::time_t>(wall.count());
  std::tm time{};
  return ::localtime_r(&count, &time) == nullptr ? std::nullopt : std::optional(time);
}

// Where the zone of the machine is looked up anew.
std::optional<std::tm> localTime(Microseconds wall) {
  ::tzset();
  return inZone(std::chrono::floor<seconds>(wall));
}

std::string nameOf(const std::tm& day) {
  std::array<char, 32> text{};
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &day));
}

bool isOn(const std::tm& day, seconds wall) {
  const auto time = inZone(wall);
  return time && time->tm_year == day.tm_year && time->tm_yday == day.tm_yday;
}

// Its first second. Looked for among the days themselves: there are days that have no midnight, and such that have two.
seconds beginningOf(const std::tm& day, seconds within) {
  seconds before = within - kLongestDay, on = within;
  while (on - before > seconds(1)) {
    const seconds middle = before + (on - before) / 2;
    (isOn(day, middle) ? on : before) = middle;
  }
  return on;
}

}  // namespace

Today localToday(Microseconds wall) {
  const auto day = localTime(wall);
  if (!day) return {};
  const Microseconds passed = wall - beginningOf(*day, std::chrono::floor<seconds>(wall));
  return {nameOf(*day), std::max(passed, Microseconds{0})};
}

std::optional<std::uint32_t> localMinute(Microseconds wall) {
  const auto time = localTime(wall);
  return time ? std::optional(static_cast<std::uint32_t>(time->tm_hour * 60 + time->tm_min)) : std::nullopt;
}

}  // namespace ringfence::supervisor
