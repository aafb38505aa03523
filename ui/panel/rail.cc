#include "ui/panel/rail.h"

#include <QButtonGroup>
#include <QGridLayout>
#include <QKeySequence>
#include <QToolButton>
#include <algorithm>

#include "ui/panel/page.h"
#include "ui/shared/target_style.h"

namespace ringfence::ui {
namespace {

constexpr int kMargin = 4, kGap = 2, kAroundWords = 12;  // pixels

}  // namespace

Rail::Rail(const std::vector<Page*>& pages, QWidget* parent)
    : QWidget(parent), group_(new QButtonGroup(this)), grid_(new QGridLayout(this)) {
  setAccessibleName(tr("Pages"));
  grid_->setContentsMargins(kMargin, kMargin, kMargin, kMargin);
  grid_->setSpacing(kGap);
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
  }
  connect(group_, &QButtonGroup::idClicked, this, &Rail::wanted);
  setLayoutOf(Layout::kDesktop);
}

void Rail::setLayoutOf(Layout layout) {
  layout_ = layout;
  const bool isColumn = layout == Layout::kDesktop;
  for (QToolButton* button : buttons_)
    button->setSizePolicy(QSizePolicy::Expanding, isColumn ? QSizePolicy::Fixed : QSizePolicy::Preferred);
  fit();
}

// At the bottom: symbols with words under them where there is room for all of them, else symbols, in as many lines as
// leave each of them as wide as a finger.
void Rail::fit() {
  const int count = static_cast<int>(buttons_.size());
  if (count == 0) return;
  if (layout_ == Layout::kDesktop) return place(1, Qt::ToolButtonTextBesideIcon);
  const int room = width() - 2 * kMargin + kGap;
  const int lines = std::max(1, (count * (kLeastTouchTarget + kGap) + room - 1) / std::max(room, 1));
  const int columns = (count + std::min(lines, count) - 1) / std::min(lines, count);
  int widest = 0;
  for (const QToolButton* button : buttons_)
    widest = std::max(widest, button->fontMetrics().horizontalAdvance(button->text()) + kAroundWords);
  place(columns, columns * (std::max(widest, kLeastTouchTarget) + kGap) <= room ? Qt::ToolButtonTextUnderIcon
                                                                                : Qt::ToolButtonIconOnly);
}

void Rail::place(int columns, Qt::ToolButtonStyle style) {
  for (QToolButton* button : buttons_) button->setToolButtonStyle(style);
  if (columns == columns_) return;
  columns_ = columns;
  for (QToolButton* button : buttons_) grid_->removeWidget(button);
  for (int i = 0; i < static_cast<int>(buttons_.size()); ++i)
    grid_->addWidget(buttons_[static_cast<std::size_t>(i)], i / columns, i % columns);
  for (int column = 0; column < grid_->columnCount(); ++column)
    grid_->setColumnStretch(column, column < columns ? 1 : 0);
  // A column begins at the top.
  grid_->setRowStretch(static_cast<int>(buttons_.size()), columns == 1 ? 1 : 0);
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
