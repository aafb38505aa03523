// Which page is shown: a column at the left, or tabs at the bottom of a narrow window.
#pragma once

#include <QWidget>
#include <vector>

#include "ui/panel/bar.h"

class QButtonGroup;
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

  std::vector<QToolButton*> buttons_;
  QButtonGroup* group_;
  Layout layout_ = Layout::kDesktop;
};

}  // namespace ringfence::ui
