#include "sdk/base/clock.h"

#include <cstdio>
#include <ctime>

namespace ringfence {
namespace {

Microseconds readClock(clockid_t id) {
  timespec time{};
  (void)clock_gettime(id, &time);  // Cannot fail for the ids used here.
  return std::chrono::seconds(time.tv_sec) + Microseconds(time.tv_nsec / 1000);
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

}  // namespace ringfence
