#include "supervisor/stop/dead_man.h"

namespace ringfence::supervisor::stop {

void DeadMan::begin(Microseconds now, Microseconds patience) {
  isBegun_ = isConnected_ = true;
  patience_ = patience;
  beat(now);
}

void DeadMan::beat(Microseconds now) {
  last_ = now;
  isFired_ = false;
}

void DeadMan::excuse(Microseconds late) {
  if (late > Microseconds(0)) last_ += late;
}

std::optional<Microseconds> DeadMan::due() const {
  if (!isBegun_ || isFired_ || patience_ == Microseconds(0)) return std::nullopt;
  return last_ + patience_;
}

DeadMan::State DeadMan::state(Microseconds now) const {
  if (!isBegun_) return State::kAbsent;
  // Beats come three times in that time, so two are missing.
  const bool isLate = patience_ != Microseconds(0) && now - last_ > patience_ * 2 / 3;
  return isConnected_ && !isLate ? State::kHeard : State::kSilent;
}

}  // namespace ringfence::supervisor::stop
