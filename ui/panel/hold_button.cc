#include "ui/panel/hold_button.h"

#include <QPainter>
#include <QStyleOptionButton>
#include <QTimer>
#include <algorithm>

namespace ringfence::ui {
namespace {

constexpr int kLookEvery = 25;  // milliseconds

}  // namespace

HoldButton::HoldButton(const QString& text, QWidget* parent) : QPushButton(text, parent), looks_(new QTimer(this)) {
  setAutoDefault(false);
  looks_->setInterval(kLookEvery);
  connect(looks_, &QTimer::timeout, this, &HoldButton::look);
  connect(this, &QPushButton::pressed, this, &HoldButton::begin);
  connect(this, &QPushButton::released, this, [this] {
    looks_->stop();
    update();
  });
  connect(this, &QPushButton::clicked, this, [this] {
    if (hold_.count() == 0) emit meant();
  });
}

void HoldButton::setHold(std::chrono::milliseconds hold) {
  hold_ = hold;
  looks_->stop();
}

void HoldButton::setColours(const QColor& fill, const QColor& text) {
  fill_ = fill;
  text_ = text;
  update();
}

QColor HoldButton::textColour() const {
  const auto group = isEnabled() ? QPalette::Active : QPalette::Disabled;
  return fill_.isValid() && isEnabled() ? text_ : palette().color(group, QPalette::ButtonText);
}

QSize HoldButton::sizeHint() const {
  const QSize plain = QPushButton::sizeHint();
  return fill_.isValid() ? plain + QSize(fontMetrics().height(), 0) : plain;
}

void HoldButton::begin() {
  if (hold_.count() == 0) return;
  since_.restart();
  looks_->start();
}

void HoldButton::look() {
  update();
  if (!isDown() || since_.elapsed() < hold_.count()) return;
  looks_->stop();
  setDown(false);
  emit meant();
}

void HoldButton::paintEvent(QPaintEvent* event) {
  if (!fill_.isValid() && !looks_->isActive()) return QPushButton::paintEvent(event);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QColor plain = palette().color(QPalette::Button);
  const QColor base = fill_.isValid() && isEnabled() ? fill_ : plain;
  painter.setPen(Qt::NoPen);
  painter.setBrush(isDown() ? base.darker(125) : underMouse() ? base.lighter(112) : base);
  const QRectF body = QRectF(rect()).adjusted(1, 1, -1, -1);
  painter.drawRoundedRect(body, 5, 5);
  if (looks_->isActive()) {
    QRectF done = body;
    const double part = std::min(1.0, static_cast<double>(since_.elapsed()) / static_cast<double>(hold_.count()));
    done.setWidth(body.width() * part);
    painter.setBrush(QColor(255, 255, 255, 90));
    painter.drawRoundedRect(done, 5, 5);
  }
  QStyleOptionButton option;
  initStyleOption(&option);
  option.palette.setColor(QPalette::ButtonText, textColour());
  style()->drawControl(QStyle::CE_PushButtonLabel, &option, &painter, this);
  if (!hasFocus()) return;
  // Two lines of opposite lightness, so that one of them shows on every ground.
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(option.palette.color(QPalette::ButtonText), 2));
  painter.drawRoundedRect(body.adjusted(2.5, 2.5, -2.5, -2.5), 4, 4);
}

}  // namespace ringfence::ui
