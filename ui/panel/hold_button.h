// A button that means it only when it was held for a while, which it shows; without such a while, when it is pressed.
// Held by a finger, a pointer or the space bar alike.
#pragma once

#include <QElapsedTimer>
#include <QPushButton>
#include <chrono>

class QTimer;

namespace ringfence::ui {

class HoldButton final : public QPushButton {
  Q_OBJECT

 public:
  explicit HoldButton(const QString& text, QWidget* parent = nullptr);

  // Zero: one press is enough.
  void setHold(std::chrono::milliseconds hold);
  std::chrono::milliseconds hold() const { return hold_; }
  // The background and the text; otherwise as buttons are.
  void setColours(const QColor& fill, const QColor& text);
  // Of its letters.
  QColor textColour() const;

  QSize sizeHint() const override;

 signals:
  void meant();

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  void begin();
  void look();

  std::chrono::milliseconds hold_{0};
  QElapsedTimer since_;
  QTimer* looks_;
  QColor fill_, text_;
};

}  // namespace ringfence::ui
