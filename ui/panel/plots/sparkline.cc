#include "ui/panel/plots/sparkline.h"

#include <QPainter>
#include <QPainterPath>
#include <QPolygonF>

#include "ui/shared/colours.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

Sparkline::Sparkline(Kind kind, QWidget* parent) : QWidget(parent), kind_(std::move(kind)) {
  setFocusPolicy(Qt::TabFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(spoken());
}

void Sparkline::setValues(const std::deque<Value>& values) {
  values_.assign(values.begin(), values.end());
  setAccessibleName(spoken());
  setToolTip(toolTipOf(accessibleName()));
  update();
}

QString Sparkline::spoken() const {
  const Extent extent = extentOf(values_);
  const QString now = figureText(extent.now, kind_.unit);
  if (!extent.most) return tr("%1: %2", "figure: value").arg(kind_.name, now);
  return tr("%1 %2, at most %3 in the last minute").arg(kind_.name, now, figureText(extent.most, kind_.unit));
}

QSize Sparkline::sizeHint() const {
  const int line = fontMetrics().height();
  return {fontMetrics().horizontalAdvance(kind_.name) + 9 * fontMetrics().averageCharWidth(), line * 2 + 8};
}

QSize Sparkline::minimumSizeHint() const { return {40, sizeHint().height()}; }

void Sparkline::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const int line = fontMetrics().height();
  const QRect text(2, 0, width() - 4, line);
  const Extent extent = extentOf(values_);
  const QString value = figureText(extent.now, kind_.unit);
  painter.setPen(palette().color(QPalette::WindowText));
  painter.drawText(text, Qt::AlignRight | Qt::AlignVCenter, value);
  const int room = text.width() - fontMetrics().horizontalAdvance(value) - 4;
  painter.setPen(coloursOf(palette()).quiet);
  painter.drawText(text, Qt::AlignLeft | Qt::AlignVCenter,
                   fontMetrics().elidedText(kind_.name, Qt::ElideRight, std::max(0, room)));

  const QRectF area(2, line + 2, width() - 4, height() - line - 5);
  painter.setPen(QPen(palette().color(QPalette::Mid), 1));
  painter.drawLine(area.bottomLeft(), area.bottomRight());
  const double top = roundedTop(std::max(extent.most.value_or(0), kind_.least));
  painter.setPen(QPen(palette().color(QPalette::Link), 1.5));
  for (const auto& points : linesOf(values_, kind_.kept, top, area))
    painter.drawPolyline(points.data(), static_cast<int>(points.size()));
  if (!hasFocus()) return;
  painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
  painter.drawRect(rect().adjusted(1, 1, -1, -1));
}

}  // namespace ringfence::ui
