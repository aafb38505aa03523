// Fusion, with every target of a finger or pointer at least so high: what may be pressed is never smaller than that,
// whichever page made it.
#pragma once

#include <QProxyStyle>

namespace ringfence::ui {

inline constexpr int kLeastTarget = 32;  // logical pixels
inline constexpr int kLeastTouchTarget = 44;

class TargetStyle final : public QProxyStyle {
  Q_OBJECT

 public:
  TargetStyle();

  int leastTarget() const { return leastTarget_; }
  // Every widget is laid out anew.
  void setLeastTarget(int pixels);

  QSize sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size,
                         const QWidget* widget) const override;
  void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override;
  int pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const override;
  int styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                QStyleHintReturn* answer) const override;

 private:
  int leastTarget_ = kLeastTarget;
};

}  // namespace ringfence::ui
