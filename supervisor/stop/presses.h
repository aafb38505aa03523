// When each of the last few people stopped everything, so that the second time in a row can mean more. Who has no room
// any more is forgotten, and needs two more. Pure, without the heap.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxPressesKept = 64;  // people

class Presses {
 public:
  // Notes this one, and returns when that person's last one was.
  std::optional<Microseconds> note(std::uint32_t uid, Microseconds now) {
    const auto known = std::ranges::find_if(kept_, [&](const Press& press) { return press.at && press.uid == uid; });
    if (known != kept_.end()) return std::exchange(known->at, now);
    // The one without a time, else the one of the longest ago.
    *std::ranges::min_element(kept_, {}, &Press::at) = {uid, now};
    return std::nullopt;
  }
  void clear() { kept_ = {}; }

 private:
  struct Press {
    std::uint32_t uid = 0;
    std::optional<Microseconds> at;
  };
  std::array<Press, kMaxPressesKept> kept_;
};

}  // namespace ringfence::supervisor::stop
