// Whether a click on Allow counts. A question that appears under a hand that was about to click or type something else
// must not be allowed by it: Allow counts only after a while, after the person moved on purpose inside the prompt, and
// after all of the text was in sight; and what destroys something only while the button is held. Pure; the caller says
// what time it is, in milliseconds of any clock that never goes back.
//
//   arming.show(now, Confirmation::kClick);
//   arming.moved(); arming.read();
//   if (arming.lacks(now) == Arming::Lack::kNothing) …
#pragma once

#include <chrono>
#include <optional>

#include "ui/shared/question_words.h"

namespace ringfence::ui {

class Arming {
 public:
  using Time = std::chrono::milliseconds;
  static constexpr Time kUntilArmed{700};
  static constexpr Time kKeysDiscarded{1000};
  static constexpr Time kHold{1000};

  enum class Lack { kNothing, kTime, kMove, kReading, kNotShown };

  // A question is in sight from now on: everything begins anew.
  void show(Time now, Confirmation confirmation);
  void hide();
  void moved() { moved_ = true; }  // the pointer or the focus, by the person, inside the prompt
  void read() { read_ = true; }    // the end of its text was in sight

  Lack lacks(Time now) const;
  // Typed keys before this are of somebody who was typing elsewhere.
  bool takesKeys(Time now) const;

  Confirmation confirmation() const { return confirmation_; }
  // The button goes down and up. A hold that began before it was armed is none.
  void press(Time now);
  void release() { pressedAt_.reset(); }
  // 0 to 1: how much of the hold is over. Absent: it is not held.
  std::optional<double> held(Time now) const;

 private:
  std::optional<Time> shownAt_;
  std::optional<Time> pressedAt_;
  Confirmation confirmation_ = Confirmation::kHold;
  bool moved_ = false;
  bool read_ = false;
};

}  // namespace ringfence::ui
