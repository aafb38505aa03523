// The button that allows. It can be pressed only while `arming` lacks nothing, and where the question needs it, it must
// be held: letting go sooner does nothing. No key but the space bar presses it, and no letter stands for it.
#pragma once

#include <QPushButton>
#include <functional>

#include "ui/shared/prompt/arming.h"

namespace ringfence::ui {

using PromptClock = std::function<Arming::Time()>;
// Of the machine, never going back.
Arming::Time steadyTime();

class AllowButton final : public QPushButton {
  Q_OBJECT

 public:
  // `arming` is borrowed.
  AllowButton(Arming& arming, PromptClock clock, QWidget* parent = nullptr);

  // The time went on.
  void look();

 signals:
  void meant();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  void clickedOnce();

  Arming& arming_;
  PromptClock clock_;
};

}  // namespace ringfence::ui
