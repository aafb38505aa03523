#include "ui/tray/focus_pace.h"

#include <utility>

namespace ringfence::ui {

std::optional<FrontProcess> FocusPace::change(FrontProcess front, Time now) {
  if (told_ && *told_ == front)
    waiting_.reset();  // Back to what the daemon knows.
  else
    waiting_ = front;
  return elapse(now);
}

std::optional<FrontProcess> FocusPace::elapse(Time now) {
  if (!waiting_ || (told_ && now < last_ + kApart)) return std::nullopt;
  last_ = now;
  told_ = std::exchange(waiting_, std::nullopt);
  return told_;
}

std::optional<FocusPace::Time> FocusPace::due() const {
  return waiting_ ? std::optional(told_ ? last_ + kApart : Time{}) : std::nullopt;
}

void FocusPace::repeat() {
  if (!waiting_) waiting_ = told_;
}

}  // namespace ringfence::ui
