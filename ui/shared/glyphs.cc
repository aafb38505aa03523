#include "ui/shared/glyphs.h"

#include <QFont>
#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

namespace ringfence::ui {
namespace {

// The outline of a path as an area.
QPainterPath stroked(const QPainterPath& line, qreal width = 2) {
  QPainterPathStroker stroker;
  stroker.setWidth(width);
  stroker.setCapStyle(Qt::RoundCap);
  stroker.setJoinStyle(Qt::RoundJoin);
  return stroker.createStroke(line);
}

QPainterPath line(std::initializer_list<QPointF> points) {
  QPainterPath path;
  for (const QPointF& point : points) path.elementCount() == 0 ? path.moveTo(point) : path.lineTo(point);
  return path;
}

QPainterPath circle(QPointF centre, qreal radius) {
  QPainterPath path;
  path.addEllipse(centre, radius, radius);
  return path;
}

QPainterPath box(qreal x, qreal y, qreal width, qreal height, qreal radius = 1.5) {
  QPainterPath path;
  path.addRoundedRect(QRectF(x, y, width, height), radius, radius);
  return path;
}

QPainterPath regular(int corners, qreal radius, qreal turn) {
  QPainterPath path;
  for (int i = 0; i < corners; ++i) {
    const qreal angle = turn + 2 * std::numbers::pi * i / corners;
    const QPointF point(12 + radius * std::cos(angle), 12 + radius * std::sin(angle));
    i == 0 ? path.moveTo(point) : path.lineTo(point);
  }
  path.closeSubpath();
  return path;
}

QPainterPath lettered(const QPainterPath& body, QChar letter) {
  QFont font;
  font.setPixelSize(15);
  font.setBold(true);
  QPainterPath text;
  text.addText(0, 0, font, letter);
  const QPointF centre = text.boundingRect().center();
  text.translate(QPointF(12, 12) - centre);
  return body.subtracted(text);
}

QPainterPath statePath(Glyph glyph) {
  switch (glyph) {
    case Glyph::kIdle: return stroked(circle({12, 12}, 8));
    case Glyph::kWorking: return circle({12, 12}, 9);
    case Glyph::kAsks: return lettered(box(2, 3, 20, 18, 5), '?');
    case Glyph::kPaused: return box(5, 4, 5, 16).united(box(14, 4, 5, 16));
    case Glyph::kStopped: return regular(8, 11, std::numbers::pi / 8).subtracted(box(7, 10.5, 10, 3, 0));
    case Glyph::kWarning: {
      const QPainterPath triangle =
          stroked(line({{12, 4}, {21, 20}, {3, 20}, {12, 4}}), 3).united(regular(3, 9, -std::numbers::pi / 2));
      return triangle.subtracted(box(11, 8.5, 2, 6, 1)).subtracted(circle({12, 17.5}, 1.3));
    }
    default: return lettered(regular(4, 12, 0), '?');
  }
}

QPainterPath pagePath(Glyph glyph) {
  switch (glyph) {
    case Glyph::kNow:
      return box(3, 3, 8, 8).united(box(13, 3, 8, 8)).united(box(3, 13, 8, 8)).united(box(13, 13, 8, 8));
    case Glyph::kInbox:
      return stroked(line({{4, 13}, {8, 13}, {10, 16}, {14, 16}, {16, 13}, {20, 13}}))
          .united(stroked(line({{7, 4}, {17, 4}, {20, 13}, {20, 20}, {4, 20}, {4, 13}, {7, 4}})));
    case Glyph::kAgent:
      return stroked(box(4, 8, 16, 12, 3))
          .united(circle({9, 14}, 1.6))
          .united(circle({15, 14}, 1.6))
          .united(stroked(line({{12, 8}, {12, 4}})))
          .united(circle({12, 3.5}, 1.8));
    case Glyph::kGrants:
      return stroked(circle({8, 12}, 4))
          .united(stroked(line({{12, 12}, {21, 12}, {21, 16}})))
          .united(stroked(line({{17, 12}, {17, 15}})));
    case Glyph::kPolicies:
      return stroked(line({{6, 3}, {15, 3}, {19, 7}, {19, 21}, {6, 21}, {6, 3}}))
          .united(stroked(line({{9, 11}, {16, 11}})))
          .united(stroked(line({{9, 15}, {16, 15}})));
    case Glyph::kResources: return box(3, 13, 4, 8).united(box(10, 4, 4, 17)).united(box(17, 9, 4, 12));
    case Glyph::kHistory: return stroked(circle({12, 12}, 9)).united(stroked(line({{12, 7}, {12, 12}, {16, 14}})));
    case Glyph::kSettings:
      return stroked(line({{3, 7}, {21, 7}}))
          .united(stroked(line({{3, 17}, {21, 17}})))
          .united(circle({8, 7}, 3.5))
          .united(circle({16, 17}, 3.5));
    case Glyph::kDoctor: return stroked(line({{2, 12}, {7, 12}, {10, 5}, {14, 19}, {17, 12}, {22, 12}}));
    default: return statePath(glyph);
  }
}

class GlyphEngine final : public QIconEngine {
 public:
  GlyphEngine(Glyph glyph, std::optional<QColor> colour) : glyph_(glyph), colour_(std::move(colour)) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    const qreal side = std::min(rect.width(), rect.height());
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->translate(rect.center().x() + 0.5 - side / 2, rect.center().y() + 0.5 - side / 2);
    painter->scale(side / 24, side / 24);
    painter->fillPath(glyphPath(glyph_), colourOf(mode));
    painter->restore();
  }
  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
    QPixmap pixmap(size);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    paint(&painter, QRect(QPoint(), size), mode, state);
    return pixmap;
  }
  QIconEngine* clone() const override { return new GlyphEngine(glyph_, colour_); }

 private:
  QColor colourOf(QIcon::Mode mode) const {
    const QPalette palette = QGuiApplication::palette();
    if (mode == QIcon::Disabled) return palette.color(QPalette::Disabled, QPalette::WindowText);
    if (colour_) return *colour_;
    return palette.color(mode == QIcon::Selected ? QPalette::HighlightedText : QPalette::WindowText);
  }

  Glyph glyph_;
  std::optional<QColor> colour_;
};

}  // namespace

QPainterPath glyphPath(Glyph glyph) { return pagePath(glyph).simplified(); }

QIcon glyphIcon(Glyph glyph) { return QIcon(new GlyphEngine(glyph, std::nullopt)); }

QIcon glyphIcon(Glyph glyph, const QColor& colour) { return QIcon(new GlyphEngine(glyph, colour)); }

}  // namespace ringfence::ui
