// Figures over time, one line each or stacked on one another, with an axis, and the moment under the pointer or the
// arrow keys in words.
#pragma once

#include <QColor>
#include <QWidget>
#include <chrono>
#include <vector>

#include "ui/panel/plots/decimate.h"
#include "ui/panel/plots/figures.h"

namespace ringfence::ui {

struct NamedSeries {
  QString name;  // as visibleText gives it
  std::vector<Value> values;
};

class TimeSeriesPlot : public QWidget {
  Q_OBJECT

 public:
  enum class Kind { kLines, kStacked };
  struct Axis {
    QString name;  // "CPU"
    Unit unit = Unit::kPercent;
    std::chrono::milliseconds step{500};  // from one value to the next
    std::size_t kept = 120;
    double least = 1;  // its top is not lower
  };
  TimeSeriesPlot(Kind kind, Axis axis, QWidget* parent = nullptr);

  // All equally long, the newest value last. Not known counts as nothing in a stack.
  void setSeries(std::vector<NamedSeries> series);
  // What it says of now, or of the moment that was chosen.
  QString spoken() const;
  // As its legend shows it. Differs in lightness too, and every band has its outline.
  static QColor colourOf(std::size_t index, const QPalette& palette);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;

 private:
  QRectF area() const;
  double top() const;
  void choose(std::optional<std::size_t> back);
  void paintAxis(QPainter& painter, const QRectF& area) const;
  void paintLines(QPainter& painter, const QRectF& area) const;
  void paintStack(QPainter& painter, const QRectF& area) const;
  std::vector<std::vector<Value>> sums() const;

  Kind kind_;
  Axis axis_;
  std::vector<NamedSeries> series_;
  std::optional<std::size_t> back_;  // chosen: so many values before the newest
};

}  // namespace ringfence::ui
