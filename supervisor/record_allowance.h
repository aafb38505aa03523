// How much the records and the asks of one guard may add to the log: a good deal at once, and then so much a second. A
// guard may be hijacked by the agent behind it, and what it tells is written whether or not anybody waits for it.
#pragma once

#include <algorithm>

#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor {

inline constexpr Bytes kMaxRecordBurst{8 << 20};
// Some six hundred records of usual length: twice what a warden tells of an agent that is denied hundreds of different
// things again and again.
inline constexpr Bytes kMaxRecordsPerSecond{256 << 10};

class RecordAllowance {
 public:
  // Takes it; false: too much was taken, and nothing is.
  bool take(Bytes bytes, Microseconds now) {
    const Microseconds until = std::max(until_, now) + costOf(bytes);
    if (until > now + costOf(kMaxRecordBurst)) return false;
    until_ = until;
    return true;
  }
  // It was not written after all.
  void giveBack(Bytes bytes) { until_ -= costOf(bytes); }
  // When take() will succeed, if nobody takes before.
  Microseconds readyAt(Bytes bytes) const { return until_ + costOf(bytes) - costOf(kMaxRecordBurst); }

 private:
  static Microseconds costOf(Bytes bytes) {
    return Microseconds(static_cast<Microseconds::rep>(bytes.count * 1'000'000 / kMaxRecordsPerSecond.count));
  }
  Microseconds until_{};  // when all that was taken has been earned
};

// About as much as its fact takes in the log.
Bytes weightOf(const sandbox::Record& record);

}  // namespace ringfence::supervisor
