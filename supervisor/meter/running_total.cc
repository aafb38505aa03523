#include "supervisor/meter/running_total.h"

#include <limits>

namespace ringfence::supervisor {

void RunningTotal::add(std::uint64_t more) {
  if (__builtin_add_overflow(total_, more, &total_)) total_ = std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t RunningTotal::begin(std::uint64_t counter) {
  add(counter);
  last_ = counter;
  return total_;
}

std::uint64_t RunningTotal::take(std::uint64_t counter, std::optional<std::uint64_t> wrapsAt) {
  if (!last_) {
    last_ = counter;
    return total_;
  }
  if (counter < *last_) {
    const bool canWrap = wrapsAt && *last_ <= *wrapsAt;
    const std::uint64_t around = canWrap ? *wrapsAt - *last_ + counter : 0;
    if (canWrap && around <= *wrapsAt / 2) {
      add(around);
    } else if (counter <= *last_ / 2) {
      add(counter);
    } else {
      return total_;
    }
  } else {
    add(counter - *last_);
  }
  last_ = counter;
  return total_;
}

}  // namespace ringfence::supervisor
