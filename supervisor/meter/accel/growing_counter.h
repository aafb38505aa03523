// A counter of a driver that may fall back for a while: it is never taken to go backwards but stays at the larger value
// until it has caught up. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/clock.h"

namespace ringfence::supervisor {

// Longer behind, and it has begun again (its device was reset); what it counted until then is lost.
inline constexpr Microseconds kCatchUpPeriod{30'000'000};

class GrowingCounter {
 public:
  enum class First { kCounts, kIsTheBase };  // whether what is there at first is counted
  explicit GrowingCounter(First first) : first_(first) {}

  // How much it has grown since the last value. A wrap of 64 bits is growth.
  std::uint64_t advance(std::uint64_t value, Microseconds at) {
    const bool isFirst = !seen_;
    const std::uint64_t grown = value - last_;
    seen_ = true;
    if (isFirst || value >= last_ || wrapped(last_, value)) {
      last_ = value;
      behindSince_.reset();
      return isFirst && first_ == First::kIsTheBase ? 0 : grown;
    }
    if (!behindSince_) behindSince_ = at;
    if (at - *behindSince_ >= kCatchUpPeriod) {
      last_ = value;
      behindSince_.reset();
    }
    return 0;
  }

 private:
  // From the last sixteenth of what 64 bits hold into the first one: no counter falls so far.
  static bool wrapped(std::uint64_t before, std::uint64_t now) {
    constexpr std::uint64_t kSixteenth = 1ULL << 60;
    return before >= ~std::uint64_t{0} - kSixteenth && now < kSixteenth;
  }

  First first_;
  bool seen_ = false;
  std::uint64_t last_ = 0;
  std::optional<Microseconds> behindSince_;
};

}  // namespace ringfence::supervisor
