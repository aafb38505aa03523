#include "ui/panel/history_page.h"

#include <QComboBox>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QMenu>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>
#include <climits>

#include "ui/panel/fact_table.h"
#include "ui/panel/log_export.h"
#include "ui/shared/flow_layout.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kSpans[] = {1, 24, 24 * 7, 24 * 31, 24 * 3660};  // hours; the last: all there is
constexpr qsizetype kMostDetails = 200'000;                    // characters

QComboBox* choice(const QString& name) {
  auto* box = new QComboBox;
  box->setAccessibleName(name);
  box->setToolTip(name);
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumContentsLength(12);
  return box;
}

}  // namespace

HistoryPage::HistoryPage(Sources sources, FactLog& facts)
    : sources_(sources),
      facts_(facts),
      model_(new HistoryModel(facts, this)),
      export_(new LogExport(this)),
      search_(new QLineEdit),
      agent_(choice(tr("Agent"))),
      kind_(choice(tr("What happened"))),
      decision_(choice(tr("Decision"))),
      span_(choice(tr("How far back"))),
      table_(new FactTable(*model_)),
      details_(new QPlainTextEdit),
      counts_(new QLabel),
      result_(new QLabel),
      exportButton_(new QPushButton(tr("Export"))),
      verify_(new QPushButton(tr("Verify the chain"))),
      cancel_(new QPushButton(tr("Cancel"))),
      progress_(new QProgressBar) {
  model_->setNames([this](const std::string& run) {
    const int row = sources_.runs.indexOf(run);
    return row < 0 ? QString() : QString::fromStdString(sources_.runs.row(row).name);
  });
  buildDetails();
  auto* split = new QSplitter(Qt::Vertical);
  split->addWidget(table_);
  split->addWidget(details_);
  split->setStretchFactor(0, 4);
  split->setStretchFactor(1, 1);
  auto* column = new QVBoxLayout(this);
  column->addWidget(buildFilters());
  column->addWidget(split, 1);
  column->addWidget(buildFoot());
  listen();
  showExport(Busy::kNo);
  showCounts();
}

QString HistoryPage::title() const { return tr("History"); }

QIcon HistoryPage::icon() const { return glyphIcon(Glyph::kHistory); }

void HistoryPage::setSeen(bool seen) { facts_.watch(this, seen ? Link::Watch::kYes : Link::Watch::kNo); }

QWidget* HistoryPage::buildFilters() {
  search_->setPlaceholderText(tr("Search what happened"));
  search_->setAccessibleName(tr("Search what happened"));
  search_->setClearButtonEnabled(true);
  agent_->addItem(tr("All agents"));
  agent_->addItem(tr("Not about an agent"), QString());
  kind_->addItem(tr("Everything"));
  std::vector<std::pair<QString, QString>> kinds;
  for (const std::string_view kind : factKindsWithWords())
    kinds.emplace_back(kindWord(kind), QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size())));
  std::ranges::sort(kinds);
  for (const auto& [word, kind] : kinds) kind_->addItem(word, kind);
  decision_->addItem(tr("Any decision"));
  for (const FactDecision decision : kFactDecisions)
    decision_->addItem(decisionWord(decision), static_cast<int>(decision));
  const QString spans[] = {tr("Last hour"), tr("Last day"), tr("Last week"), tr("Last month"), tr("Everything kept")};
  for (std::size_t i = 0; i < std::size(kSpans); ++i) span_->addItem(spans[i], kSpans[i]);
  span_->setCurrentIndex(1);
  auto* filters = new QWidget;
  auto* rows = new QVBoxLayout(filters);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->addWidget(search_);
  auto* row = new FlowLayout;
  rows->addLayout(row);
  for (QComboBox* box : {agent_, kind_, decision_, span_}) row->addWidget(box);
  return filters;
}

void HistoryPage::buildDetails() {
  details_->setReadOnly(true);
  details_->setTabChangesFocus(true);
  details_->setAccessibleName(tr("The chosen fact in full"));
  details_->setPlaceholderText(tr("Choose a row to see the fact as it is in the log."));
}

QWidget* HistoryPage::buildFoot() {
  for (QLabel* label : {counts_, result_}) {
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  }
  result_->setAccessibleName(tr("Result"));
  counts_->setAccessibleName(tr("How much is shown"));
  progress_->setAccessibleName(tr("How much is written"));
  auto* menu = new QMenu(exportButton_);
  menu->addAction(tr("What is shown…"), this, [this] { askForFile(&HistoryPage::exportShown); });
  menu->addAction(tr("The whole log…"), this, [this] { askForFile(&HistoryPage::exportLog); });
  exportButton_->setMenu(menu);
  exportButton_->setObjectName("export");
  auto* foot = new QWidget;
  auto* rows = new QVBoxLayout(foot);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->addWidget(counts_);
  auto* row = new FlowLayout;
  row->addWidget(progress_);
  row->addWidget(cancel_);
  row->addWidget(exportButton_);
  row->addWidget(verify_);
  rows->addLayout(row);
  rows->addWidget(result_);
  return foot;
}

void HistoryPage::listen() {
  connect(search_, &QLineEdit::textChanged, this, &HistoryPage::applyFilter);
  for (QComboBox* box : {agent_, kind_, decision_})
    connect(box, &QComboBox::currentIndexChanged, this, &HistoryPage::applyFilter);
  connect(span_, &QComboBox::currentIndexChanged, this,
          [this] { facts_.setSpan(std::chrono::hours(span_->currentData().toInt())); });
  connect(model_, &HistoryModel::progressed, this, &HistoryPage::showCounts);
  connect(&facts_, &FactLog::appended, this, &HistoryPage::addRuns);
  connect(table_, &FactTable::runWanted, this, &Page::runWanted);
  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &HistoryPage::showChosen);
  connect(verify_, &QPushButton::clicked, this, &HistoryPage::verify);
  connect(cancel_, &QPushButton::clicked, this, [this] {
    export_->cancel();
    showExport(Busy::kNo);
    result_->setText(tr("Cancelled: no file was written."));
  });
  connect(export_, &LogExport::progressed, this, [this](quint64 facts, quint64 expected) {
    progress_->setMaximum(static_cast<int>(std::min<quint64>(expected, INT_MAX)));
    progress_->setValue(static_cast<int>(std::min(facts, expected)));
  });
  connect(export_, &LogExport::finished, this, [this](const QString& trouble, quint64 facts) {
    showExport(Busy::kNo);
    result_->setText(trouble.isEmpty() ? tr("Written: %n facts.", nullptr, static_cast<int>(facts))
                                       : tr("No file was written: %1").arg(trouble));
  });
}

void HistoryPage::applyFilter() {
  FactFilter filter{.text = search_->text()};
  if (agent_->currentIndex() > 0) filter.run = agent_->currentData().toString().toStdString();
  if (kind_->currentIndex() > 0) filter.kinds = {kind_->currentData().toString().toStdString()};
  if (decision_->currentIndex() > 0) filter.decision = static_cast<FactDecision>(decision_->currentData().toInt());
  if (filter == model_->filter()) return;
  details_->clear();
  model_->setFilter(std::move(filter));
}

void HistoryPage::showRun(const QString& run) {
  wantedRun_ = run;
  chooseWanted();
}

void HistoryPage::chooseWanted() {
  const int at = wantedRun_.isEmpty() ? -1 : agent_->findData(wantedRun_);
  if (at < 0) return;
  wantedRun_.clear();
  agent_->setCurrentIndex(at);
}

void HistoryPage::addRuns() {
  const auto& runs = facts_.runs();
  if (runsShown_ > runs.size()) {  // The log was begun anew.
    while (agent_->count() > 2) agent_->removeItem(agent_->count() - 1);
    runsShown_ = 0;
  }
  for (; runsShown_ < runs.size(); ++runsShown_) {
    const std::string& run = runs[runsShown_];
    agent_->addItem(tr("%1 (%2)").arg(model_->nameOf(run), visibleText(run)), QString::fromStdString(run));
  }
  chooseWanted();
}

void HistoryPage::showCounts() {
  const QLocale locale;
  const QString known = locale.toString(static_cast<qulonglong>(facts_.end() - facts_.first()));
  QString told = tr("%1 of %2 facts").arg(locale.toString(model_->rowCount()), known);
  if (facts_.leftOut() > 0)
    told = tr("%1; %2 older ones were left out").arg(told, locale.toString(static_cast<qulonglong>(facts_.leftOut())));
  if (model_->isFiltering() || facts_.isCatchingUp()) told = tr("%1; still looking").arg(told);
  counts_->setText(told);
}

void HistoryPage::showChosen() {
  const QModelIndex index = table_->currentIndex();
  const ShownFact* chosen = index.isValid() ? model_->fact(index.row()) : nullptr;
  if (chosen == nullptr) return details_->clear();
  const ShownFact& fact = *chosen;
  const QString head = tr("Fact %1, %2, %3: %4")
                           .arg(QString::number(fact.line->seq), visibleText(fact.line->at),
                                visibleText(fact.line->kind), fact.words.sentence);
  const QString body = visibleText(fact.line->bodyJson);
  const QString hash = tr("Hash of the chain: %1").arg(visibleText(fact.line->hash));
  details_->setPlainText((head + u'\n' + body).left(kMostDetails) + u'\n' + hash);
}

void HistoryPage::verify() {
  verify_->setEnabled(false);
  result_->setText(tr("Checking every fact and the chain…"));
  sources_.link.ask<client::VerifyAnswer>(
      this, [](client::Client& daemon) { return daemon.verify(""); },
      [this](const client::Answer<client::VerifyAnswer>& answer) {
        verify_->setEnabled(true);
        if (const auto* failure = std::get_if<client::Failure>(&answer))
          return result_->setText(tr("Not verified: %1").arg(troubleOf(*failure)));
        const auto& told = std::get<client::VerifyAnswer>(answer);
        if (told.ok)
          return result_->setText(tr("Chain verified: %n facts, head %1", nullptr, static_cast<int>(told.facts))
                                      .arg(visibleText(told.head)));
        result_->setText(tr("THE LOG DOES NOT VERIFY. The first wrong fact is %1: %2. Facts before it are good; keep a "
                            "copy of the daemon's state directory before anything else.")
                             .arg(told.firstBadSeq == 0 ? tr("unknown") : QString::number(told.firstBadSeq),
                                  visibleText(told.detail)));
      },
      Link::Lane::kReports);
}

void HistoryPage::askForFile(void (HistoryPage::*then)(const QString&)) {
  auto* dialog = new QFileDialog(this, tr("Write the facts to a file"));
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("jsonl"));
  dialog->selectFile(QStringLiteral("ringfence-history.jsonl"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QFileDialog::fileSelected, this, then);
  dialog->open();
}

void HistoryPage::exportShown(const QString& file) {
  export_->writeLines(facts_.lines(model_->places()), file);
  showExport(Busy::kYes);
}

void HistoryPage::exportLog(const QString& file) {
  export_->writeLog(sources_.link, file, facts_.lastSeq());
  showExport(Busy::kYes);
}

void HistoryPage::showExport(Busy busy) {
  const bool isBusy = busy == Busy::kYes;
  if (isBusy) result_->setText(tr("Writing…"));
  progress_->setVisible(isBusy);
  progress_->setRange(0, 0);
  cancel_->setVisible(isBusy);
  exportButton_->setEnabled(!isBusy);
}

}  // namespace ringfence::ui
