// The permanent bar: what the state is, how many questions wait, and the red stop. Below it, in words, what is wrong.
#pragma once

#include <QWidget>

#include "ui/panel/bar_state.h"

class QLabel;
class QToolButton;

namespace ringfence::ui {

class HoldButton;

// One press on a desktop; a second's hold where a sleeve may touch it.
enum class Layout { kDesktop, kTouch };

class Bar final : public QWidget {
  Q_OBJECT

 public:
  explicit Bar(QWidget* parent = nullptr);

  void setState(const BarState& state);
  // Empty: all is well.
  void setTrouble(const QString& trouble);
  // What became of what the person did; empty: nothing.
  void setNotice(const QString& notice);
  void setLayoutOf(Layout layout);
  QWidget* firstControl() const;

 signals:
  void stateWanted();
  void questionsWanted();
  void stopWanted();

 protected:
  QSize minimumSizeHint() const override;
  void changeEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void paintLooks();
  void shorten();

  QToolButton* state_;
  QToolButton* questions_;
  HoldButton* stop_;
  QWidget* troubleStrip_;
  QLabel* trouble_;
  QLabel* troubleShape_;
  QLabel* notice_;
  BarState shown_;
  Layout layout_ = Layout::kDesktop;
};

}  // namespace ringfence::ui
