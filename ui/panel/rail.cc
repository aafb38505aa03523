#include "ui/panel/rail.h"

#include <QBoxLayout>
#include <QButtonGroup>
#include <QKeySequence>
#include <QToolButton>
#include <algorithm>

#include "ui/panel/page.h"
#include "ui/shared/target_style.h"

namespace ringfence::ui {

Rail::Rail(const std::vector<Page*>& pages, QWidget* parent) : QWidget(parent), group_(new QButtonGroup(this)) {
  setAccessibleName(tr("Pages"));
  auto* line = new QBoxLayout(QBoxLayout::TopToBottom, this);
  line->setContentsMargins(4, 4, 4, 4);
  line->setSpacing(2);
  group_->setExclusive(true);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    auto* button = new QToolButton;
    button->setCheckable(true);
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setIcon(pages[i]->icon());
    button->setText(QString(pages[i]->title()).replace("&", "&&"));  // A sign, not the mark of a key.
    button->setAccessibleName(pages[i]->title());
    const QKeySequence keys(QString("Ctrl+%1").arg(i + 1));
    button->setToolTip(
        i < 9 ? tr("%1 (%2)", "page (keys)").arg(pages[i]->title(), keys.toString(QKeySequence::NativeText))
              : pages[i]->title());
    group_->addButton(button, static_cast<int>(i));
    buttons_.push_back(button);
    line->addWidget(button);
  }
  line->addStretch(1);
  connect(group_, &QButtonGroup::idClicked, this, &Rail::wanted);
  setLayoutOf(Layout::kDesktop);
}

void Rail::setLayoutOf(Layout layout) {
  layout_ = layout;
  auto* line = static_cast<QBoxLayout*>(this->layout());
  const bool isColumn = layout == Layout::kDesktop;
  line->setDirection(isColumn ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
  line->setStretch(line->count() - 1, isColumn ? 1 : 0);
  for (QToolButton* button : buttons_)
    button->setSizePolicy(QSizePolicy::Expanding, isColumn ? QSizePolicy::Fixed : QSizePolicy::Preferred);
  fit();
}

// Words under the symbols at the bottom when there is room for all of them.
void Rail::fit() {
  Qt::ToolButtonStyle style = Qt::ToolButtonTextBesideIcon;
  if (layout_ == Layout::kTouch) {
    int needed = 0;
    for (QToolButton* button : buttons_)
      needed += std::max(kLeastTouchTarget, button->fontMetrics().horizontalAdvance(button->text()) + 12) + 2;
    style = needed <= width() ? Qt::ToolButtonTextUnderIcon : Qt::ToolButtonIconOnly;
  }
  for (QToolButton* button : buttons_) button->setToolButtonStyle(style);
}

QSize Rail::minimumSizeHint() const {
  const QSize hint = QWidget::minimumSizeHint();
  // At the bottom the words give way before the window has to be wider.
  return layout_ == Layout::kTouch ? QSize(0, hint.height()) : hint;
}

void Rail::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  fit();
}

void Rail::choose(int index) {
  if (QAbstractButton* button = group_->button(index)) button->setChecked(true);
}

QWidget* Rail::chosen() const { return group_->checkedButton(); }

}  // namespace ringfence::ui
