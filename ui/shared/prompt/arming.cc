#include "ui/shared/prompt/arming.h"

#include <algorithm>

namespace ringfence::ui {

void Arming::show(Time now, Confirmation confirmation) {
  *this = {};
  shownAt_ = now;
  confirmation_ = confirmation;
}

void Arming::hide() { *this = {}; }

Arming::Lack Arming::lacks(Time now) const {
  if (!shownAt_) return Lack::kNotShown;
  if (!read_) return Lack::kReading;
  if (now - *shownAt_ < kUntilArmed) return Lack::kTime;
  if (!moved_) return Lack::kMove;
  return Lack::kNothing;
}

bool Arming::takesKeys(Time now) const { return shownAt_ && now - *shownAt_ >= kKeysDiscarded; }

void Arming::press(Time now) {
  pressedAt_.reset();
  if (lacks(now) == Lack::kNothing) pressedAt_ = now;
}

std::optional<double> Arming::held(Time now) const {
  if (!pressedAt_ || lacks(now) != Lack::kNothing) return std::nullopt;
  return std::clamp(std::chrono::duration<double>(now - *pressedAt_) / std::chrono::duration<double>(kHold), 0.0, 1.0);
}

}  // namespace ringfence::ui
