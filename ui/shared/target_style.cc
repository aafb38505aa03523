#include "ui/shared/target_style.h"

#include <QApplication>
#include <QEvent>
#include <QLineEdit>
#include <QWidget>

namespace ringfence::ui {
namespace {

constexpr int kAroundWords = 16;  // pixels, left and right together, that Fusion would leave out

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
    case CT_PushButton: return (needed + QSize(kAroundWords, 0)).expandedTo({leastTarget_, leastTarget_});
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

int TargetStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const {
  switch (metric) {
    case PM_ScrollBarExtent:
      return leastTarget_ >= kLeastTouchTarget ? 24 : QProxyStyle::pixelMetric(metric, option, widget);
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
    default: return QProxyStyle::styleHint(hint, option, widget, answer);
  }
}

}  // namespace ringfence::ui
