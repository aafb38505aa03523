#include "ui/shared/flow_layout.h"

#include <QApplication>
#include <QStyle>
#include <QWidget>
#include <algorithm>

namespace ringfence::ui {

FlowLayout::FlowLayout(QWidget* parent) : QLayout(parent) { setContentsMargins(0, 0, 0, 0); }

FlowLayout::~FlowLayout() = default;

void FlowLayout::addItem(QLayoutItem* item) {
  items_.emplace_back(item);
  invalidate();
}

QLayoutItem* FlowLayout::itemAt(int index) const {
  return index >= 0 && index < count() ? items_[static_cast<std::size_t>(index)].get() : nullptr;
}

QLayoutItem* FlowLayout::takeAt(int index) {
  if (index < 0 || index >= count()) return nullptr;
  QLayoutItem* taken = items_[static_cast<std::size_t>(index)].release();
  items_.erase(items_.begin() + index);
  invalidate();
  return taken;
}

int FlowLayout::gap(Qt::Orientation direction) const {
  if (spacing() >= 0) return spacing();
  const int wanted = QApplication::style()->layoutSpacing(QSizePolicy::PushButton, QSizePolicy::PushButton, direction);
  return std::max(wanted, 6);
}

// One for each item, from 0, 0; what is hidden has an empty one. Lines are filled from the left, each item in the
// middle of the height of its line.
std::vector<QRect> FlowLayout::places(int width) const {
  std::vector<QRect> places(items_.size());
  std::size_t lineBegin = 0;
  int x = 0, y = 0, lineHeight = 0;
  const auto endLine = [&](std::size_t end) {
    for (std::size_t i = lineBegin; i < end; ++i) places[i].translate(0, (lineHeight - places[i].height()) / 2);
    lineBegin = end;
  };
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i]->isEmpty()) continue;
    QSize size = items_[i]->sizeHint().expandedTo(items_[i]->minimumSize());
    size.setWidth(std::min(size.width(), std::max(width, items_[i]->minimumSize().width())));
    if (x > 0 && x + size.width() > width) {
      endLine(i);
      y += lineHeight + gap(Qt::Vertical);
      x = lineHeight = 0;
    }
    places[i] = QRect(QPoint(x, y), size);
    x += size.width() + gap(Qt::Horizontal);
    lineHeight = std::max(lineHeight, size.height());
  }
  endLine(items_.size());
  return places;
}

int FlowLayout::heightForWidth(int width) const {
  int height = 0;
  for (const QRect& place : places(width)) height = std::max(height, place.isEmpty() ? 0 : place.bottom() + 1);
  return height;
}

QSize FlowLayout::minimumSize() const {
  int width = 0, height = 0;
  for (const auto& item : items_) {
    if (item->isEmpty()) continue;
    width = std::max(width, item->minimumSize().width());
    height = std::max(height, item->minimumSize().height());
  }
  if (geometry().width() > 0) height = std::max(height, heightForWidth(geometry().width()));
  return {width, height};
}

QSize FlowLayout::sizeHint() const {
  int width = 0, height = 0;
  for (const auto& item : items_) {
    if (item->isEmpty()) continue;
    width += (width > 0 ? gap(Qt::Horizontal) : 0) + item->sizeHint().width();
    height = std::max(height, item->sizeHint().height());
  }
  return {width, height};
}

void FlowLayout::setGeometry(const QRect& rectangle) {
  QLayout::setGeometry(rectangle);
  const Qt::LayoutDirection direction =
      parentWidget() != nullptr ? parentWidget()->layoutDirection() : QApplication::layoutDirection();
  const auto all = places(rectangle.width());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!items_[i]->isEmpty())
      items_[i]->setGeometry(QStyle::visualRect(direction, rectangle, all[i].translated(rectangle.topLeft())));
  }
}

}  // namespace ringfence::ui
