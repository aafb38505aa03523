#include "ui/panel/network_tab.h"

#include <QHeaderView>
#include <QLabel>
#include <QTreeView>
#include <QVBoxLayout>

#include "ui/panel/plain_label.h"

namespace ringfence::ui {

NetworkTab::NetworkTab(const FactLog& facts) : model_(new ConnectionsModel(this)), counts_(plainLabel()) {
  walk_ = new FactWalk(
      facts,
      [this](const ShownFact& fact) {
        if (isSeen_ && !run_.empty() && fact.line->run == run_) model_->add(fact);
      },
      this);
  auto* table = new QTreeView;
  table->setModel(model_);
  table->setUniformRowHeights(true);
  table->setRootIsDecorated(false);
  table->setAllColumnsShowFocus(true);
  table->setAlternatingRowColors(true);
  table->setAccessibleName(tr("Connections of this agent"));
  table->header()->setStretchLastSection(false);
  table->header()->setSectionResizeMode(ConnectionsModel::kTarget, QHeaderView::Stretch);
  auto* column = new QVBoxLayout(this);
  column->addWidget(counts_);
  column->addWidget(table, 1);
  connect(walk_, &FactWalk::voided, model_, &ConnectionsModel::clear);
  connect(walk_, &FactWalk::advanced, this, [this] {
    if (!isSeen_) return;
    model_->publish();
    showCounts();
  });
  showCounts();
}

void NetworkTab::setRun(const std::string& run) {
  run_ = run;
  walk_->restart();
  showCounts();
}

void NetworkTab::setSeen(bool seen) {
  isSeen_ = seen;
  if (seen) walk_->restart();
}

void NetworkTab::showCounts() {
  const int count = model_->rowCount();
  if (count == 0) {
    counts_->setText(tr("The log tells of no connection of this agent, as far back as it was read."));
  } else if (model_->leftOut() > 0) {
    counts_->setText(tr("It connected, or wanted to, to %n hosts; there is no room for the others.", nullptr, count));
  } else {
    counts_->setText(tr("It connected, or wanted to, to %n hosts.", nullptr, count));
  }
}

}  // namespace ringfence::ui
