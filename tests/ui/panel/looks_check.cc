#include "tests/ui/panel/looks_check.h"

#include <QAbstractButton>
#include <QAbstractScrollArea>
#include <QAbstractSpinBox>
#include <QCheckBox>
#include <QComboBox>
#include <QGroupBox>
#include <QHash>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QSplitterHandle>
#include <QTabBar>
#include <QToolButton>
#include <algorithm>
#include <cmath>
#include <vector>

#include "ui/panel/elided_label.h"
#include "ui/panel/hold_button.h"
#include "ui/panel/plots/plot_legend.h"
#include "ui/panel/plots/sparkline.h"
#include "ui/panel/plots/time_series.h"
#include "ui/shared/colours.h"

namespace ringfence::test {
namespace {

using ui::contrastOf;

constexpr double kLeastContrast = 4.5, kLeastContrastDisabled = 3;
// Of 255: what rounding and the edges of letters make of a colour that is taken over some place.
constexpr double kMostDifference = 12;

// A control or a text: what has no other of them inside.
bool isLeaf(const QWidget* widget) {
  return qobject_cast<const QAbstractButton*>(widget) != nullptr || qobject_cast<const QLabel*>(widget) != nullptr ||
         qobject_cast<const QLineEdit*>(widget) != nullptr || qobject_cast<const QComboBox*>(widget) != nullptr ||
         qobject_cast<const QAbstractScrollArea*>(widget) != nullptr ||
         qobject_cast<const ui::ElidedLabel*>(widget) != nullptr ||
         qobject_cast<const ui::Sparkline*>(widget) != nullptr ||
         qobject_cast<const ui::TimeSeriesPlot*>(widget) != nullptr ||
         qobject_cast<const ui::PlotLegend*>(widget) != nullptr;
}

// A part of a control of Qt's own: a line edit in a box of choices, the buttons of a bar of tabs.
bool isInner(const QWidget* widget) {
  if (widget->objectName().startsWith("qt_")) return true;
  const QWidget* parent = widget->parentWidget();
  return qobject_cast<const QComboBox*>(parent) != nullptr || qobject_cast<const QLineEdit*>(parent) != nullptr ||
         qobject_cast<const QAbstractSpinBox*>(parent) != nullptr || qobject_cast<const QTabBar*>(parent) != nullptr;
}

QString nameOf(const QWidget* widget) {
  QString name = widget->accessibleName();
  if (name.isEmpty()) name = widget->objectName();
  if (const auto* label = qobject_cast<const QLabel*>(widget); label != nullptr) name = label->text();
  if (const auto* button = qobject_cast<const QAbstractButton*>(widget); button != nullptr) name = button->text();
  return QStringLiteral("%1 “%2”").arg(QLatin1String(widget->metaObject()->className()), name.left(60));
}

QString placeWords(const QRect& place) {
  return QStringLiteral("%1,%2 %3×%4").arg(place.x()).arg(place.y()).arg(place.width()).arg(place.height());
}

std::vector<const QWidget*> leaves(const QWidget& window) {
  std::vector<const QWidget*> found;
  for (const QWidget* widget : window.findChildren<QWidget*>()) {
    if (widget->isVisible() && !isInner(widget) && isLeaf(widget) && !placeOf(*widget).isEmpty())
      found.push_back(widget);
  }
  return found;
}

bool isWholeInSight(const QWidget* widget) { return placeOf(*widget).size() == widget->size(); }

// The text of a widget and in which colour it is drawn; no text: not of these.
struct Text {
  QString text;
  QColor colour;
};
Text textOf(const QWidget* widget) {
  const QPalette& palette = widget->palette();
  const auto group = widget->isEnabled() ? QPalette::Active : QPalette::Disabled;
  if (const auto* label = qobject_cast<const QLabel*>(widget))
    return {label->text(), palette.color(group, label->foregroundRole())};
  if (const auto* hold = qobject_cast<const ui::HoldButton*>(widget)) return {hold->text(), hold->textColour()};
  const bool isMark = qobject_cast<const QCheckBox*>(widget) || qobject_cast<const QRadioButton*>(widget);
  if (const auto* button = qobject_cast<const QAbstractButton*>(widget)) {
    const auto* tool = qobject_cast<const QToolButton*>(widget);
    if (tool != nullptr && tool->toolButtonStyle() == Qt::ToolButtonIconOnly) return {};
    return {button->text(), palette.color(group, isMark ? QPalette::WindowText : QPalette::ButtonText)};
  }
  if (const auto* line = qobject_cast<const QLineEdit*>(widget))
    return line->text().isEmpty() ? Text{line->placeholderText(), palette.color(group, QPalette::PlaceholderText)}
                                  : Text{line->text(), palette.color(group, QPalette::Text)};
  if (const auto* box = qobject_cast<const QComboBox*>(widget))
    return {box->currentText(), palette.color(group, box->isEditable() ? QPalette::Text : QPalette::ButtonText)};
  if (const auto* elided = qobject_cast<const ui::ElidedLabel*>(widget)) return {elided->text(), elided->colour()};
  return {};
}

// Where its letters are: beside or below its symbol, which has colours of its own.
QRect textPlaceOf(const QWidget* widget) {
  QRect place = placeOf(*widget).adjusted(2, 2, -2, -2);
  const auto* button = qobject_cast<const QAbstractButton*>(widget);
  if (button == nullptr || button->icon().isNull()) return place;
  const auto* tool = qobject_cast<const QToolButton*>(widget);
  if (tool != nullptr && tool->toolButtonStyle() == Qt::ToolButtonTextUnderIcon)
    place.setTop(place.bottom() - widget->fontMetrics().height());
  else
    place.setLeft(place.left() + button->iconSize().width() + 4);
  return place;
}

QRect pixelsOf(const QRect& place, const Picture& picture) {
  const QRect scaled(QPoint(qRound(place.x() * picture.scale), qRound(place.y() * picture.scale)),
                     place.size() * picture.scale);
  return scaled & picture.image.rect();
}

// A shade of a button's ground is not another ground.
QRgb shadeOf(QRgb colour) { return colour & 0xfff0f0f0; }

// The colour of most pixels, and how many are of another.
struct Ground {
  QRgb colour = 0;
  double ink = 0;
};
Ground groundOf(const QRect& place, const Picture& picture) {
  const QRect pixels = pixelsOf(place, picture);
  if (pixels.isEmpty()) return {};
  struct Shade {
    int count = 0;
    QRgb colour = 0;  // one of its pixels
  };
  QHash<QRgb, Shade> shades;
  Shade most;
  for (int y = pixels.top(); y <= pixels.bottom(); ++y) {
    const auto* line = reinterpret_cast<const QRgb*>(picture.image.constScanLine(y));
    for (int x = pixels.left(); x <= pixels.right(); ++x) {
      Shade& shade = shades[shadeOf(line[x])];
      shade = {shade.count + 1, line[x]};
      if (shade.count > most.count) most = shade;
    }
  }
  return {most.colour, 1 - static_cast<double>(most.count) / (static_cast<double>(pixels.width()) * pixels.height())};
}

struct Mean {
  double red = 0, green = 0, blue = 0;
};
Mean meanOf(const QRect& place, const Picture& picture) {
  const QRect pixels = pixelsOf(place, picture);
  Mean mean;
  for (int y = pixels.top(); y <= pixels.bottom(); ++y) {
    const auto* line = reinterpret_cast<const QRgb*>(picture.image.constScanLine(y));
    for (int x = pixels.left(); x <= pixels.right(); ++x) {
      mean.red += qRed(line[x]);
      mean.green += qGreen(line[x]);
      mean.blue += qBlue(line[x]);
    }
  }
  const double count = std::max(1.0, static_cast<double>(pixels.width()) * pixels.height());
  return {mean.red / count, mean.green / count, mean.blue / count};
}

double differenceOf(const Mean& one, const Mean& other) {
  return std::max({std::abs(one.red - other.red), std::abs(one.green - other.green), std::abs(one.blue - other.blue)});
}

}  // namespace

Picture pictureOf(QWidget& window) {
  const QPixmap grabbed = window.grab();
  return {grabbed.toImage().convertToFormat(QImage::Format_RGB32), grabbed.devicePixelRatio()};
}

Picture pictureAt(QWidget& window, double scale) {
  QPixmap drawn(window.size() * scale);
  drawn.setDevicePixelRatio(scale);
  window.render(&drawn);
  return {drawn.toImage().convertToFormat(QImage::Format_RGB32), scale};
}

QRect placeOf(const QWidget& widget) {
  if (!widget.isVisible()) return {};
  QRect place = widget.rect();
  for (const QWidget* at = &widget; !at->isWindow(); at = at->parentWidget()) {
    place.translate(at->pos());
    place &= at->parentWidget()->rect();
  }
  return place;
}

std::map<QString, QRect> layoutOf(const QWidget& window) {
  std::map<QString, QRect> layout;
  int number = 0;
  for (const QWidget* widget : leaves(window))
    layout[QStringLiteral("%1 %2").arg(number++, 4, 10, QLatin1Char('0')).arg(nameOf(widget))] = placeOf(*widget);
  return layout;
}

QStringList misplaced(const QWidget& window) {
  QStringList wrong;
  const auto all = leaves(window);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const QRect place = placeOf(*all[i]);
    if (!window.rect().contains(place))
      wrong += QStringLiteral("%1 at %2 is not in the window").arg(nameOf(all[i]), placeWords(place));
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      if (all[i]->isAncestorOf(all[j]) || all[j]->isAncestorOf(all[i])) continue;
      const QRect both = place & placeOf(*all[j]);
      if (!both.isEmpty())
        wrong += QStringLiteral("%1 and %2 both lie at %3").arg(nameOf(all[i]), nameOf(all[j]), placeWords(both));
    }
  }
  return wrong;
}

QStringList cutOff(const QWidget& window) {
  QStringList wrong;
  for (const QWidget* widget : leaves(window)) {
    QSize needed;
    if (const auto* label = qobject_cast<const QLabel*>(widget)) {
      if (label->text().isEmpty()) continue;
      needed = label->wordWrap() ? QSize(0, label->heightForWidth(label->width())) : label->sizeHint();
    } else if (qobject_cast<const QAbstractButton*>(widget) != nullptr) {
      needed = widget->minimumSizeHint();
    } else if (qobject_cast<const ui::ElidedLabel*>(widget) != nullptr) {
      needed = QSize(0, widget->fontMetrics().height());
    } else {
      continue;
    }
    const bool fits = needed.width() <= widget->width() && needed.height() <= widget->height();
    if (!fits)
      wrong += QStringLiteral("%1 has %2×%3 and needs %4×%5")
                   .arg(nameOf(widget))
                   .arg(widget->width())
                   .arg(widget->height())
                   .arg(needed.width())
                   .arg(needed.height());
  }
  return wrong;
}

QStringList faint(const QWidget& window, const Picture& picture) {
  QStringList wrong;
  for (const QWidget* widget : leaves(window)) {
    const Text text = textOf(widget);
    if (text.text.trimmed().isEmpty() || !isWholeInSight(widget)) continue;
    const Ground ground = groundOf(textPlaceOf(widget), picture);
    const double contrast = contrastOf(text.colour, QColor(ground.colour));
    const double least = widget->isEnabled() ? kLeastContrast : kLeastContrastDisabled;
    if (contrast < least)
      wrong += QStringLiteral("%1: %2 on %3 is %4 : 1")
                   .arg(nameOf(widget), text.colour.name(), QColor(ground.colour).name())
                   .arg(contrast, 0, 'f', 1);
    if (ground.ink <= 0) wrong += QStringLiteral("%1: nothing is drawn").arg(nameOf(widget));
  }
  return wrong;
}

QStringList different(const QWidget& window, const Picture& one, const Picture& other) {
  QStringList wrong;
  for (const QWidget* widget : leaves(window)) {
    const QRect place = placeOf(*widget);
    const double difference = differenceOf(meanOf(place, one), meanOf(place, other));
    if (difference > kMostDifference)
      wrong += QStringLiteral("%1 at %2 differs by %3 of 255")
                   .arg(nameOf(widget), placeWords(place))
                   .arg(difference, 0, 'f', 1);
  }
  return wrong;
}

QStringList widerThan(const QWidget& window, int width) {
  QStringList wide;
  for (const QWidget* widget : window.findChildren<QWidget*>()) {
    const int least = std::max(widget->minimumSizeHint().width(), widget->minimumWidth());
    if (least > width && !isInner(widget))
      wide += QStringLiteral("%1 in %2 needs %3").arg(nameOf(widget), nameOf(widget->parentWidget())).arg(least);
  }
  return wide;
}

double inkIn(const QRect& place, const Picture& picture) { return groundOf(place, picture).ink; }

}  // namespace ringfence::test
