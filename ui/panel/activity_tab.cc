#include "ui/panel/activity_tab.h"

#include <QComboBox>
#include <QGridLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QLabel>
#include <QLineEdit>

#include "ui/panel/fact_table.h"
#include "ui/panel/plain_label.h"

namespace ringfence::ui {
namespace {

constexpr qsizetype kMostChosen = 4'000;  // characters

// What the agent called, what was decided and what came of it; without guards that start and figures that are counted.
const std::set<std::string>& deeds() {
  static const std::set<std::string> kDeeds{
      "action-asked",    "action-answered",   "action-performed", "action-denied", "action-rewritten",
      "actions-allowed", "connection-opened", "outcome-unknown",  "asks-refused",  "grant-issued",
  };
  return kDeeds;
}

}  // namespace

ActivityTab::ActivityTab(Sources sources, const FactLog& facts)
    : model_(new HistoryModel(facts, this)),
      what_(new QComboBox),
      search_(new QLineEdit),
      table_(new FactTable(*model_)),
      chosen_(plainLabel()) {
  what_->setAccessibleName(tr("What is shown"));
  what_->addItem(tr("Everything"));
  what_->addItem(tr("What it did and what was decided"));
  search_->setAccessibleName(tr("Search what this agent did"));
  search_->setPlaceholderText(tr("Search what this agent did"));
  search_->setClearButtonEnabled(true);
  table_->header()->hideSection(HistoryModel::kAgent);
  table_->setAccessibleName(tr("What this agent did"));
  chosen_->setAccessibleName(tr("The chosen fact in full"));
  auto* rows = new QGridLayout(this);
  rows->addWidget(search_, 0, 0);
  rows->addWidget(what_, 0, 1);
  rows->addWidget(table_, 1, 0, 1, 2);
  rows->addWidget(chosen_, 2, 0, 1, 2);
  rows->setColumnStretch(0, 1);
  model_->setNames([sources](const std::string& run) {
    const int row = sources.runs.indexOf(run);
    return row < 0 ? QString() : QString::fromStdString(sources.runs.row(row).name);
  });
  connect(search_, &QLineEdit::textChanged, this, &ActivityTab::applyFilter);
  connect(what_, &QComboBox::currentIndexChanged, this, &ActivityTab::applyFilter);
  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& index) {
    const ShownFact* fact = index.isValid() ? model_->fact(index.row()) : nullptr;
    chosen_->setText(fact != nullptr ? fact->words.sentence.left(kMostChosen) : QString());
  });
  applyFilter();
}

void ActivityTab::setRun(const std::string& run) {
  run_ = run;
  chosen_->clear();
  applyFilter();
}

void ActivityTab::setSeen(bool seen) {
  isSeen_ = seen;
  applyFilter();
}

void ActivityTab::applyFilter() {
  // While nobody sees it nothing is looked for: no fact is of no decision and of an unknown one.
  FactFilter filter{.text = search_->text(), .run = run_.empty() || !isSeen_ ? std::string("-") : run_};
  if (what_->currentIndex() == 1) filter.kinds = deeds();
  if (filter != model_->filter()) model_->setFilter(std::move(filter));
}

}  // namespace ringfence::ui
