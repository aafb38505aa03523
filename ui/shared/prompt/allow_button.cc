#include "ui/shared/prompt/allow_button.h"

#include <QPainter>

namespace ringfence::ui {

Arming::Time steadyTime() {
  return std::chrono::duration_cast<Arming::Time>(std::chrono::steady_clock::now().time_since_epoch());
}

AllowButton::AllowButton(Arming& arming, PromptClock clock, QWidget* parent)
    : QPushButton(parent), arming_(arming), clock_(std::move(clock)) {
  setAutoDefault(false);
  setDefault(false);
  connect(this, &QPushButton::pressed, this, [this] { arming_.press(clock_()); });
  connect(this, &QPushButton::released, this, [this] {
    look();  // It may have been held for long enough just now.
    arming_.release();
    update();
  });
  connect(this, &QPushButton::clicked, this, &AllowButton::clickedOnce);
}

void AllowButton::clickedOnce() {
  if (arming_.confirmation() != Confirmation::kClick || arming_.lacks(clock_()) != Arming::Lack::kNothing) return;
  emit meant();
}

void AllowButton::look() {
  if (arming_.confirmation() != Confirmation::kHold) return;
  const auto held = arming_.held(clock_());
  if (held) update();
  if (!held || *held < 1) return;
  arming_.release();
  setDown(false);
  emit meant();
}

void AllowButton::paintEvent(QPaintEvent* event) {
  QPushButton::paintEvent(event);
  const auto held = arming_.held(clock_());
  if (!held || arming_.confirmation() != Confirmation::kHold) return;
  QPainter painter(this);
  const int line = std::max(3, height() / 10);
  painter.fillRect(0, height() - line, static_cast<int>(width() * *held), line, palette().color(QPalette::Highlight));
}

void AllowButton::hideEvent(QHideEvent* event) {
  arming_.release();
  QPushButton::hideEvent(event);
}

}  // namespace ringfence::ui
