#include "sdk/base/clock.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <utility>

#include "sdk/base/whole_number.h"

namespace ringfence {
namespace {

Microseconds readClock(clockid_t id) {
  timespec time{};
  (void)clock_gettime(id, &time);  // Cannot fail for the ids used here.
  return std::chrono::seconds(time.tv_sec) + Microseconds(time.tv_nsec / 1000);
}

// Days since 1970-01-01 of the proleptic Gregorian calendar.
std::optional<std::chrono::days> daysOf(unsigned year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch();
}

// "Z" or "+01:00".
std::optional<Microseconds> parseZone(std::string_view text) {
  if (text == "Z" || text == "z") return Microseconds{};
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = wholeNumber<std::uint64_t>(text.substr(1, 2));
  const auto minutes = wholeNumber<std::uint64_t>(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const Microseconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[0] == '+' ? offset : -offset;
}

}  // namespace

Now SystemClock::now() const {
  return {.wall = readClock(CLOCK_REALTIME),
          .monotonic = readClock(CLOCK_MONOTONIC),
          .boottime = readClock(CLOCK_BOOTTIME)};
}

void ManualClock::advance(Microseconds by) {
  now_.wall += by;
  now_.monotonic += by;
  now_.boottime += by;
}

std::string formatRfc3339(Microseconds wall) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wall);
  const std::time_t time = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "unknown";
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>((wall - seconds).count()));
  return text;
}

std::optional<Microseconds> parseRfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  std::array<std::uint64_t, 6> parts{};
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPlaces{
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = wholeNumber<std::uint64_t>(text.substr(kPlaces[i].first, kPlaces[i].second));
    if (!number) return std::nullopt;
    parts[i] = *number;
  }
  const auto days =
      daysOf(static_cast<unsigned>(parts[0]), static_cast<unsigned>(parts[1]), static_cast<unsigned>(parts[2]));
  if (!days || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (text[at] == '.') {
    std::int64_t unit = 100'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
      fraction += (text[at] - '0') * unit;
    if (at == 20) return std::nullopt;
  }
  const auto zone = parseZone(text.substr(at));
  if (!zone) return std::nullopt;
  return Microseconds(*days) + std::chrono::hours(parts[3]) + std::chrono::minutes(parts[4]) +
         std::chrono::seconds(parts[5]) + Microseconds(fraction) - *zone;
}

}  // namespace ringfence
