#include "ui/panel/plots/plot_legend.h"

#include <QPainter>

#include "ui/panel/plots/time_series.h"

namespace ringfence::ui {
namespace {

constexpr int kMostLetters = 24;  // of a name

}  // namespace

PlotLegend::PlotLegend(QWidget* parent) : QWidget(parent) {
  QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
  policy.setHeightForWidth(true);
  setSizePolicy(policy);
}

void PlotLegend::setNames(const QStringList& names) {
  if (names == names_) return;
  names_ = names;
  setAccessibleName(tr("Legend: %1").arg(names.join(tr(", ", "between names"))));
  updateGeometry();
  update();
}

std::vector<PlotLegend::Place> PlotLegend::places(int width) const {
  const QFontMetrics metrics = fontMetrics();
  const int line = metrics.height(), gap = metrics.averageCharWidth();
  std::vector<Place> places;
  int x = 0, y = 0;
  for (const QString& name : names_) {
    const QString shown = metrics.elidedText(name, Qt::ElideRight, metrics.averageCharWidth() * kMostLetters);
    const int needs = line + metrics.horizontalAdvance(shown) + 2 * gap;
    if (x > 0 && x + needs > width) {
      x = 0;
      y += line + 4;
    }
    const QRect square(x, y + line / 5, line * 3 / 5, line * 3 / 5);
    places.push_back({square, QRect(x + line, y, needs - line, line), shown});
    x += needs + gap;
  }
  return places;
}

QSize PlotLegend::sizeHint() const {
  return {fontMetrics().averageCharWidth() * kMostLetters, heightForWidth(width())};
}

int PlotLegend::heightForWidth(int width) const {
  const auto all = places(width);
  return all.empty() ? 0 : all.back().text.bottom() + 3;
}

void PlotLegend::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  std::size_t index = 0;
  for (const Place& place : places(width())) {
    painter.fillRect(place.square, TimeSeriesPlot::colourOf(index++, palette()));
    painter.setPen(palette().color(QPalette::WindowText));
    painter.drawRect(place.square);
    painter.drawText(place.text, Qt::AlignVCenter | Qt::AlignLeft, place.name);
  }
}

}  // namespace ringfence::ui
