// Time as an argument. `now()` is frozen by the loop during one turn; pure code receives a Now and never reads a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

// One instant on the three clocks of the machine.
struct Now {
  Microseconds wall{};       // since the Unix epoch; jumps
  Microseconds monotonic{};  // time awake since boot (CLOCK_MONOTONIC)
  Microseconds boottime{};   // since boot, sleep included (CLOCK_BOOTTIME)
  bool operator==(const Now&) const = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Now now() const override;
};

// Advances only when told to.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Now start = {}) : now_(start) {}
  Now now() const override { return now_; }
  void advance(Microseconds by);

 private:
  Now now_;
};

// "2026-11-28T01:12:50.123456Z" for microseconds since the epoch (UTC).
std::string formatRfc3339(Microseconds wall);
// The same back, or another with a fraction or without, and with an offset like "+01:00"; nothing: it is no such time.
std::optional<Microseconds> parseRfc3339(std::string_view text);

}  // namespace ringfence
