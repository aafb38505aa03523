#include "ui/panel/plots/time_series.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPolygonF>
#include <algorithm>
#include <cmath>

#include "ui/shared/colours.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

TimeSeriesPlot::TimeSeriesPlot(Kind kind, Axis axis, QWidget* parent)
    : QWidget(parent), kind_(kind), axis_(std::move(axis)) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setAccessibleName(spoken());
}

void TimeSeriesPlot::setSeries(std::vector<NamedSeries> series) {
  series_ = std::move(series);
  setAccessibleName(spoken());
  update();
}

QString TimeSeriesPlot::spoken() const {
  const std::size_t back = back_.value_or(0);
  QStringList parts;
  for (const NamedSeries& one : series_) {
    const Value value = back < one.values.size() ? one.values[one.values.size() - 1 - back] : Value();
    parts += tr("%1 %2", "name value").arg(one.name, figureText(value, axis_.unit));
  }
  if (parts.isEmpty()) return tr("%1: nothing is known", "figure").arg(axis_.name);
  const QString all = parts.join(tr(", ", "between figures"));
  if (back == 0) return tr("%1 now: %2").arg(axis_.name, all);
  return tr("%1, %2 ago: %3").arg(axis_.name, durationText(axis_.step * static_cast<long>(back)), all);
}

QColor TimeSeriesPlot::colourOf(std::size_t index, const QPalette& palette) {
  // Hues that people with the usual colour blindnesses tell apart (after Okabe and Ito).
  static constexpr QRgb kLight[] = {0xff0072b2, 0xffd55e00, 0xff007a5a, 0xffb2598e, 0xff8a6d00, 0xff3a87b8, 0xff5b6270};
  static constexpr QRgb kDark[] = {0xff56b4e9, 0xffe69f00, 0xff2bbf91, 0xffde9bc2, 0xfff0e442, 0xff8fa6ff, 0xffa3aab8};
  return QColor(isDark(palette) ? kDark[index % std::size(kDark)] : kLight[index % std::size(kLight)]);
}

QSize TimeSeriesPlot::sizeHint() const { return {320, fontMetrics().height() * 9}; }
QSize TimeSeriesPlot::minimumSizeHint() const { return {120, fontMetrics().height() * 5}; }

QRectF TimeSeriesPlot::area() const {
  const int line = fontMetrics().height();
  return QRectF(4, line + 4, width() - 8, height() - 2 * line - 10);
}

std::vector<std::vector<Value>> TimeSeriesPlot::sums() const {
  std::vector<std::vector<Value>> sums;
  std::vector<Value> sum;
  for (const NamedSeries& one : series_) {
    sum.resize(std::max(sum.size(), one.values.size()));
    for (std::size_t i = 0; i < one.values.size(); ++i) {
      Value& at = sum[sum.size() - one.values.size() + i];
      if (one.values[i]) at = at.value_or(0) + *one.values[i];
    }
    sums.push_back(sum);
  }
  return sums;
}

double TimeSeriesPlot::top() const {
  double most = axis_.least;
  if (kind_ == Kind::kStacked) {
    const auto stack = sums();
    if (!stack.empty()) most = std::max(most, extentOf(stack.back()).most.value_or(0));
  } else {
    for (const NamedSeries& one : series_) most = std::max(most, extentOf(one.values).most.value_or(0));
  }
  return roundedTop(most);
}

void TimeSeriesPlot::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const QRectF plot = area();
  painter.fillRect(plot, palette().color(QPalette::Base));
  if (kind_ == Kind::kStacked)
    paintStack(painter, plot);
  else
    paintLines(painter, plot);
  paintAxis(painter, plot);
  if (!hasFocus()) return;
  painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
  painter.drawRect(rect().adjusted(1, 1, -1, -1));
}

void TimeSeriesPlot::paintAxis(QPainter& painter, const QRectF& area) const {
  const int line = fontMetrics().height();
  const QColor quiet = coloursOf(palette()).quiet;
  const QRectF head(area.left(), 2, area.width(), line);
  painter.setPen(palette().color(QPalette::WindowText));
  const QString reach = figureText(top(), axis_.unit);
  painter.drawText(head, Qt::AlignRight, reach);
  const int room = static_cast<int>(area.width()) - fontMetrics().horizontalAdvance(reach) - 8;
  painter.drawText(head, Qt::AlignLeft, fontMetrics().elidedText(back_ ? spoken() : axis_.name, Qt::ElideRight, room));
  painter.setPen(quiet);
  const QRectF foot(area.left(), area.bottom() + 3, area.width(), line);
  painter.drawText(foot, Qt::AlignRight, tr("now"));
  painter.drawText(foot, Qt::AlignLeft, tr("%1 ago").arg(durationText(axis_.step * static_cast<long>(axis_.kept))));
  painter.setPen(palette().color(QPalette::Mid));
  painter.drawLine(area.bottomLeft(), area.bottomRight());
  painter.setPen(QPen(palette().color(QPalette::Mid), 1, Qt::DotLine));
  painter.drawLine(QPointF(area.left(), area.center().y()), QPointF(area.right(), area.center().y()));
  if (!back_) return;
  const double x = area.right() - area.width() * static_cast<double>(*back_) / static_cast<double>(axis_.kept);
  painter.setPen(QPen(palette().color(QPalette::WindowText), 1));
  painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
}

void TimeSeriesPlot::paintLines(QPainter& painter, const QRectF& area) const {
  for (std::size_t i = 0; i < series_.size(); ++i) {
    painter.setPen(QPen(colourOf(i, palette()), 1.5));
    for (const auto& points : linesOf(series_[i].values, axis_.kept, top(), area))
      painter.drawPolyline(points.data(), static_cast<int>(points.size()));
  }
}

// From the highest sum down, each over the one before.
void TimeSeriesPlot::paintStack(QPainter& painter, const QRectF& area) const {
  const auto stack = sums();
  const double highest = top();
  for (std::size_t i = stack.size(); i-- > 0;) {
    const QColor colour = colourOf(i, palette());
    for (const auto& points : linesOf(stack[i], axis_.kept, highest, area)) {
      QPolygonF band(QList<QPointF>(points.begin(), points.end()));
      band.append(QPointF(points.back().x(), area.bottom()));
      band.append(QPointF(points.front().x(), area.bottom()));
      painter.setPen(Qt::NoPen);
      painter.setBrush(colour);
      painter.drawPolygon(band);
      painter.setPen(QPen(palette().color(QPalette::Base), 1));
      painter.drawPolyline(points.data(), static_cast<int>(points.size()));
    }
  }
}

void TimeSeriesPlot::choose(std::optional<std::size_t> back) {
  std::size_t longest = 0;
  for (const NamedSeries& one : series_) longest = std::max(longest, one.values.size());
  if (back && longest > 0) back = std::min(*back, longest - 1);
  back_ = longest > 0 ? back : std::nullopt;
  setAccessibleName(spoken());
  setToolTip(toolTipOf(spoken()));
  update();
}

void TimeSeriesPlot::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Left: return choose(back_.value_or(0) + 1);
    case Qt::Key_Right: return choose(back_ && *back_ > 1 ? std::optional(*back_ - 1) : std::nullopt);
    case Qt::Key_Home: return choose(axis_.kept);
    case Qt::Key_End: return choose(std::nullopt);
    default: QWidget::keyPressEvent(event);
  }
}

void TimeSeriesPlot::mouseMoveEvent(QMouseEvent* event) {
  const QRectF plot = area();
  const double part = std::clamp((plot.right() - event->position().x()) / std::max(1.0, plot.width()), 0.0, 1.0);
  choose(static_cast<std::size_t>(std::lround(part * static_cast<double>(axis_.kept))));
}

void TimeSeriesPlot::leaveEvent(QEvent* event) {
  QWidget::leaveEvent(event);
  choose(std::nullopt);
}

}  // namespace ringfence::ui
