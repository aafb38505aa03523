#include "ui/shared/target_style.h"

#include <QApplication>
#include <QEvent>
#include <QLineEdit>
#include <QStyleOptionButton>
#include <QWidget>

#include "ui/shared/colours.h"

namespace ringfence::ui {
namespace {

constexpr int kAroundWords = 12;  // pixels, at the left and at the right

}  // namespace

TargetStyle::TargetStyle() : QProxyStyle("Fusion") {}

void TargetStyle::setLeastTarget(int pixels) {
  if (pixels == leastTarget_) return;
  leastTarget_ = pixels;
  for (QWidget* widget : QApplication::allWidgets()) {
    QEvent changed(QEvent::StyleChange);
    QApplication::sendEvent(widget, &changed);
    widget->updateGeometry();
  }
}

QSize TargetStyle::sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size,
                                    const QWidget* widget) const {
  const QSize needed = QProxyStyle::sizeFromContents(type, option, size, widget);
  switch (type) {
    case CT_PushButton:
      return QSize(std::max(needed.width(), size.width() + 2 * kAroundWords), needed.height())
          .expandedTo({leastTarget_, leastTarget_});
    case CT_ToolButton: return needed.expandedTo({leastTarget_, leastTarget_});
    case CT_CheckBox:
    case CT_RadioButton:
    case CT_ComboBox:
    case CT_LineEdit:
    case CT_SpinBox:
    case CT_MenuItem:
    case CT_TabBarTab:
    case CT_HeaderSection:
    case CT_ItemViewItem:
    case CT_Slider: return needed.expandedTo({0, leastTarget_});
    default: return needed;
  }
}

// Fusion draws the outline of marks in a darker tone of the window, which nobody can see in a dark one.
void TargetStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                                const QWidget* widget) const {
  const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option);
  if (button == nullptr || (element != PE_IndicatorRadioButton && element != PE_IndicatorCheckBox))
    return QProxyStyle::drawPrimitive(element, option, painter, widget);
  QStyleOptionButton mark = *button;
  mark.palette.setColor(QPalette::Window, coloursOf(option->palette).quiet.lighter(150));
  QProxyStyle::drawPrimitive(element, &mark, painter, widget);
}

int TargetStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const {
  switch (metric) {
    case PM_ScrollBarExtent:
      return leastTarget_ >= kLeastTouchTarget ? 24 : QProxyStyle::pixelMetric(metric, option, widget);
    case PM_TabBarScrollButtonWidth: return leastTarget_;
    case PM_SliderThickness:
    case PM_SliderControlThickness: return std::max(QProxyStyle::pixelMetric(metric, option, widget), leastTarget_ / 2);
    default: return QProxyStyle::pixelMetric(metric, option, widget);
  }
}

int TargetStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                           QStyleHintReturn* answer) const {
  switch (hint) {
    // A letter that is underlined can be told before Alt is pressed.
    case SH_UnderlineShortcut: return 1;
    // No button answers to Enter only because it had the focus last.
    case SH_DialogButtonBox_ButtonsHaveIcons: return 0;
    // Who scrolls a page chooses nothing by it.
    case SH_ComboBox_AllowWheelScrolling: return 0;
    default: return QProxyStyle::styleHint(hint, option, widget, answer);
  }
}

}  // namespace ringfence::ui
