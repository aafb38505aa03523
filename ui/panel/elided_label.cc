#include "ui/panel/elided_label.h"

#include <QPainter>

#include "ui/shared/colours.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

ElidedLabel::ElidedLabel(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void ElidedLabel::setText(const QString& text) {
  if (text == text_) return;
  text_ = text;
  setAccessibleName(text);
  setToolTip(toolTipOf(text));
  update();
}

QColor ElidedLabel::colour() const { return isQuiet_ ? coloursOf(palette()).quiet : palette().color(foregroundRole()); }

QSize ElidedLabel::sizeHint() const { return {fontMetrics().averageCharWidth() * 24, fontMetrics().height() + 2}; }
QSize ElidedLabel::minimumSizeHint() const { return {fontMetrics().averageCharWidth() * 6, sizeHint().height()}; }

void ElidedLabel::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setPen(colour());
  painter.drawText(rect(), Qt::AlignVCenter | Qt::AlignLeft | Qt::TextSingleLine,
                   fontMetrics().elidedText(text_.left(1000), Qt::ElideRight, width()));
}

}  // namespace ringfence::ui
