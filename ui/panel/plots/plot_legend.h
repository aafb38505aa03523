// What the colours of a TimeSeriesPlot stand for: a square and a name each, on as many lines as they need. The plot
// itself says the same in words under the pointer and the arrow keys.
#pragma once

#include <QStringList>
#include <QWidget>
#include <vector>

namespace ringfence::ui {

class PlotLegend final : public QWidget {
  Q_OBJECT

 public:
  explicit PlotLegend(QWidget* parent = nullptr);

  // In the order of the series; visible text.
  void setNames(const QStringList& names);

  QSize sizeHint() const override;
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  struct Place {
    QRect square, text;
    QString name;
  };
  std::vector<Place> places(int width) const;

  QStringList names_;
};

}  // namespace ringfence::ui
