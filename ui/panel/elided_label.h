// One line of text that ends in "…" where there is no room; whole in its tool tip and for who reads it out.
#pragma once

#include <QColor>
#include <QWidget>

namespace ringfence::ui {

class ElidedLabel final : public QWidget {
  Q_OBJECT

 public:
  explicit ElidedLabel(QWidget* parent = nullptr);

  void setText(const QString& text);
  QString text() const { return text_; }
  // Of less weight.
  void setQuiet() { isQuiet_ = true; }
  // Of its letters.
  QColor colour() const;

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString text_;
  bool isQuiet_ = false;
};

}  // namespace ringfence::ui
