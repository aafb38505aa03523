// What part of the time somebody had a processor, from readings of the time in total. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::governor {

class ProcessorShare {
 public:
  // `cpuUsec`: what was used, of any beginning. Returns the share of one processor since the last reading that counted;
  // nothing at the first one, when less was used than before, and where that was under 200 ms ago.
  std::optional<double> tick(Microseconds now, std::uint64_t cpuUsec) {
    if (!before_ || cpuUsec < *before_) {
      before_ = cpuUsec;
      beforeAt_ = now;
      return std::nullopt;
    }
    const Microseconds time = now - beforeAt_;
    if (time < kLeastBetween) return std::nullopt;
    const auto used = static_cast<double>(cpuUsec - *before_);
    before_ = cpuUsec;
    beforeAt_ = now;
    return used / static_cast<double>(time.count());
  }
  // The next reading is the first.
  void begin() { before_.reset(); }

 private:
  static constexpr Microseconds kLeastBetween{200'000};  // readings that are nearer say little
  std::optional<std::uint64_t> before_;
  Microseconds beforeAt_{};
};

}  // namespace ringfence::supervisor::governor
