// Which page is shown: a column at the left, or tabs at the bottom of a narrow window.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/panel/bar.h"

class QButtonGroup;
class QGridLayout;
class QToolButton;

namespace ringfence::ui {

class Page;

class Rail final : public QWidget {
  Q_OBJECT

 public:
  explicit Rail(const std::vector<Page*>& pages, QWidget* parent = nullptr);

  void setLayoutOf(Layout layout);
  void choose(int index);
  QWidget* chosen() const;

 signals:
  void wanted(int index);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  QSize minimumSizeHint() const override;

 private:
  void fit();
  void place(int columns, Qt::ToolButtonStyle style);

  std::vector<QToolButton*> buttons_;
  QButtonGroup* group_;
  QGridLayout* grid_;
  int columns_ = 0;  // as they are placed; 0: not yet
  Layout layout_ = Layout::kDesktop;
};

}  // namespace ringfence::ui
