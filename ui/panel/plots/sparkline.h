// One figure over the last minute: its name, its value and a small line. Reached by keyboard, and read out in words.
#pragma once

#include <QWidget>
#include <deque>
#include <vector>

#include "ui/panel/plots/decimate.h"
#include "ui/panel/plots/figures.h"

namespace ringfence::ui {

class Sparkline final : public QWidget {
  Q_OBJECT

 public:
  // `kept`: values that the width stands for. `least`: the top of its axis is not lower.
  struct Kind {
    QString name;
    Unit unit = Unit::kPercent;
    std::size_t kept = 120;
    double least = 1;
  };
  explicit Sparkline(Kind kind, QWidget* parent = nullptr);

  void setValues(const std::deque<Value>& values);
  // "CPU 43 %, at most 80 % in the last minute".
  QString spoken() const;

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  Kind kind_;
  std::vector<Value> values_;
};

}  // namespace ringfence::ui
