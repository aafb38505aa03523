// Whether the daemon is still there: it says so again and again, and when it has not for as long as it said, everything
// is stopped. Pure: times are CLOCK_MONOTONIC, which stands still while the machine sleeps.
#pragma once

#include <optional>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::stop {

class DeadMan {
 public:
  // A daemon said how long it may be silent; 0: for ever.
  void begin(Microseconds now, Microseconds patience);
  void beat(Microseconds now);
  void loseConnection() { isConnected_ = false; }
  // It ends, and meant to: nobody is waited for until the next one begins.
  void bye() { *this = DeadMan(); }
  // We slept longer than we wanted to, so nobody could be heard meanwhile.
  void excuse(Microseconds late);
  // What was due was done: the next silence begins with the next beat.
  void fired() { isFired_ = true; }

  std::optional<Microseconds> due() const;
  Microseconds patience() const { return patience_; }

  enum class State { kAbsent, kHeard, kSilent };
  // kSilent: connected and late, or gone without a word.
  State state(Microseconds now) const;

 private:
  bool isBegun_ = false, isConnected_ = false, isFired_ = false;
  Microseconds last_{}, patience_{};
};

}  // namespace ringfence::supervisor::stop
