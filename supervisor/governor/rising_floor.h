// Whether a number only grows, seen through bursts that come and go on top of it: the least value of each span of time
// is kept, in spans of three lengths, so that bursts shorter than a span do not show. It grows when span after span
// the least value is higher and never fell back. Bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::governor {

struct RisingFound {
  double perSecond = 0;
  Microseconds over{};
  double growth = 0;
};

class RisingFloor {
 public:
  // Growth by `perSecond` over `window` is found when it comes to `least`, or within nine times as long where bursts of
  // up to a window lie on top of it.
  RisingFloor(double perSecond, double least, Microseconds window);
  void add(Microseconds at, double value);
  std::optional<RisingFound> find() const;

 private:
  struct Scale {
    Microseconds span{};
    std::optional<Microseconds> began;
    double least = 0;
    std::deque<double> floors;  // of the spans that are over, the oldest first
  };
  std::optional<RisingFound> findAt(const Scale& scale) const;

  double perSecond_, least_;
  std::vector<Scale> scales_;
};

}  // namespace ringfence::supervisor::governor
