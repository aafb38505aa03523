#include "ui/tray/state_icon.h"

#include <QPainter>
#include <QPixmap>
#include <QPolygonF>
#include <cmath>

namespace ringfence::ui {
namespace {

// Panels are dark or light, and nobody tells which: each shape has a light edge around a dark one.
const QColor kEdge(255, 255, 255, 230), kInk(50, 54, 62), kGreen(30, 140, 70), kBlue(40, 110, 200), kAmber(215, 130, 0),
    kRed(200, 20, 30);

// On a field of 32 by 32.
void drawRing(QPainter& painter, const QColor& colour, int startAngle, int length) {
  for (const auto& [pen, width] : {std::pair(kEdge, 7.0), std::pair(colour, 4.0)}) {
    painter.setPen(QPen(pen, width, Qt::SolidLine, Qt::FlatCap));
    painter.setBrush(Qt::NoBrush);
    painter.drawArc(QRectF(4.5, 4.5, 23, 23), startAngle * 16, length * 16);
  }
}

void drawBars(QPainter& painter) {
  for (const qreal x : {11.5, 17.0}) {
    painter.setPen(QPen(kEdge, 1));
    painter.setBrush(kBlue);
    painter.drawRect(QRectF(x, 10, 4, 12));
  }
}

void drawOctagon(QPainter& painter) {
  QPolygonF corners;
  for (int corner = 0; corner < 8; ++corner) {
    const double angle = (22.5 + 45.0 * corner) * M_PI / 180.0;
    corners << QPointF(16 + 14.5 * std::cos(angle), 16 + 14.5 * std::sin(angle));
  }
  painter.setPen(QPen(kEdge, 2));
  painter.setBrush(kRed);
  painter.drawPolygon(corners);
  painter.setPen(Qt::NoPen);
  painter.setBrush(Qt::white);
  painter.drawRect(QRectF(8, 13, 16, 6));
}

void drawBubble(QPainter& painter, int questions) {
  QPolygonF tail;
  tail << QPointF(8, 22) << QPointF(6, 31) << QPointF(17, 24);
  painter.setPen(QPen(kEdge, 1.5));
  painter.setBrush(kAmber);
  painter.drawPolygon(tail);
  painter.drawRoundedRect(QRectF(1.5, 1.5, 29, 23), 7, 7);
  QFont font = painter.font();
  font.setBold(true);
  font.setPixelSize(questions > 9 ? 15 : 19);
  painter.setFont(font);
  painter.setPen(Qt::white);
  painter.drawText(QRectF(1.5, 1.5, 29, 23), Qt::AlignCenter, questions > 99 ? "99" : QString::number(questions));
}

void draw(QPainter& painter, const Standing& standing) {
  switch (standing.state) {
    case State::kStopped: return drawOctagon(painter);
    case State::kNeedsYou: return drawBubble(painter, standing.questions);
    case State::kUnknown: drawRing(painter, kInk, 20, 140); return drawRing(painter, kInk, 200, 140);
    case State::kIdle: return drawRing(painter, kInk, 0, 360);
    case State::kPaused: drawRing(painter, kBlue, 0, 360); return drawBars(painter);
    case State::kWorking: break;
  }
  drawRing(painter, kGreen, 0, 360);
  painter.setPen(QPen(kEdge, 1));
  painter.setBrush(kGreen);
  painter.drawEllipse(QRectF(11, 11, 10, 10));
}

}  // namespace

QIcon stateIcon(const Standing& standing) {
  QIcon icon;
  for (const int size : {16, 22, 24, 32, 48, 64}) {
    QPixmap pixmap(size, size);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.scale(size / 32.0, size / 32.0);
    draw(painter, standing);
    painter.end();
    icon.addPixmap(pixmap);
  }
  return icon;
}

}  // namespace ringfence::ui
