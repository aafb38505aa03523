#include "ui/panel/fact_table.h"

#include <QEvent>
#include <QHeaderView>
#include <QScrollBar>
#include <QTimer>
#include <algorithm>

namespace ringfence::ui {

FactTable::FactTable(HistoryModel& model, QWidget* parent) : QTreeView(parent), scroll_(new QTimer(this)) {
  setModel(&model);
  setUniformRowHeights(true);
  setRootIsDecorated(false);
  setItemsExpandable(false);
  setAllColumnsShowFocus(true);
  setAlternatingRowColors(true);
  setSelectionMode(QAbstractItemView::SingleSelection);
  setAccessibleName(tr("What happened"));
  header()->setStretchLastSection(false);
  header()->setSectionResizeMode(HistoryModel::kWhat, QHeaderView::Stretch);
  sizeColumns();
  scroll_->setSingleShot(true);
  scroll_->setInterval(50);
  connect(scroll_, &QTimer::timeout, this, &QTreeView::scrollToBottom);
  connect(&model, &HistoryModel::rowsAboutToBeInserted, this, [this] {
    const QScrollBar* bar = verticalScrollBar();
    if (bar->value() >= bar->maximum() && !scroll_->isActive()) scroll_->start();
  });
  connect(&model, &HistoryModel::rowsRemoved, this, [this](const QModelIndex&, int first, int last) {
    QScrollBar* bar = verticalScrollBar();
    if (first == 0) bar->setValue(std::max(0, bar->value() - (last - first + 1)));
  });
  connect(this, &QTreeView::activated, this, [this](const QModelIndex& index) {
    const QString run = index.data(HistoryModel::kRunRole).toString();
    if (!run.isEmpty()) emit runWanted(run);
  });
}

void FactTable::sizeColumns() {
  const QFontMetrics metrics = fontMetrics();
  const int letter = metrics.averageCharWidth();
  header()->resizeSection(HistoryModel::kTime,
                          metrics.horizontalAdvance(QStringLiteral("2026-00-00 00:00:00.000")) + 3 * letter);
  header()->resizeSection(HistoryModel::kAgent, letter * 16);
  header()->resizeSection(HistoryModel::kDecision, letter * 14);
  header()->resizeSection(HistoryModel::kRule, letter * 24);
}

void FactTable::changeEvent(QEvent* event) {
  QTreeView::changeEvent(event);
  if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) sizeColumns();
}

}  // namespace ringfence::ui
