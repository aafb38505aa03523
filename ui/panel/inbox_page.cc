#include "ui/panel/inbox_page.h"

#include <QComboBox>
#include <QKeyEvent>
#include <QLabel>
#include <QListView>
#include <QLocale>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <functional>
#include <map>
#include <ranges>

#include "ui/shared/flow_layout.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/prompt/phrase.h"
#include "ui/shared/target_style.h"

namespace ringfence::ui {

// Those of one run, or all.
class ByRun final : public QSortFilterProxyModel {
 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;
  void keep(const QString& run) {
    run_ = run;
    invalidateFilter();
  }
  const QString& run() const { return run_; }

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override {
    return run_.isEmpty() || sourceModel()->index(row, 0, parent).data(QuestionsModel::kRunRole) == run_;
  }

 private:
  QString run_;
};

namespace {

constexpr int kNarrow = 700;  // logical pixels

}  // namespace

InboxPage::InboxPage(Sources sources, QuestionsModel& questions, PromptClock clock)
    : link_(sources.link),
      questions_(questions),
      filtered_(new ByRun(this)),
      agents_(new QComboBox),
      list_(new QListView),
      counts_(plainLabel()),
      splitter_(new QSplitter),
      right_(new QStackedWidget),
      prompt_(new PromptView(sources.link, &sources.runs, std::move(clock))),
      note_(plainLabel()) {
  filtered_->setSourceModel(&questions_);
  list_->setModel(filtered_);
  list_->setObjectName("questions");
  list_->setAccessibleName(tr("Questions"));
  list_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  list_->setUniformItemSizes(true);
  list_->setTextElideMode(Qt::ElideRight);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list_->setMinimumHeight(kLeastTouchTarget);
  list_->installEventFilter(this);
  agents_->setAccessibleName(tr("Agent whose questions are shown"));
  agents_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  agents_->setMinimumContentsLength(12);
  note_->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  note_->setObjectName("note");
  note_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* left = new QWidget;
  auto* column = new QVBoxLayout(left);
  column->setContentsMargins(0, 0, 0, 0);
  auto* head = new FlowLayout;
  head->addWidget(agents_);
  head->addWidget(counts_);
  column->addLayout(head);
  column->addWidget(list_, 1);
  right_->addWidget(prompt_);
  right_->addWidget(note_);
  splitter_->addWidget(left);
  splitter_->addWidget(right_);
  splitter_->setStretchFactor(0, 2);
  splitter_->setStretchFactor(1, 3);
  splitter_->setChildrenCollapsible(false);
  auto* whole = new QVBoxLayout(this);
  whole->addWidget(splitter_);
  prompt_->setPhrase(readPhrase().text);
  connect(&questions_, &QuestionsModel::updated, this, &InboxPage::refresh);
  connect(list_->selectionModel(), &QItemSelectionModel::selectionChanged, this, &InboxPage::pickedChanged);
  connect(agents_, &QComboBox::activated, this, [this](int at) {
    filtered_->keep(agents_->itemData(at).toString());
    restorePicked();
    showPicked();
  });
  refresh();
}

QString InboxPage::title() const { return tr("Inbox"); }

QIcon InboxPage::icon() const { return glyphIcon(Glyph::kInbox); }

void InboxPage::setSeen(bool seen) {
  link_.watchQuestions(seen ? Link::Watch::kYes : Link::Watch::kNo);
  if (!seen) return;
  questions_.readPast(link_);
  prompt_->setPhrase(readPhrase().text);
}

void InboxPage::setPhrase(const QString& phrase) { prompt_->setPhrase(phrase); }

void InboxPage::pick(qulonglong id) {
  filtered_->keep({});
  picked_ = {id};
  refresh();
}

QList<int> InboxPage::pickedRows() const {
  QList<int> rows;
  for (const QModelIndex& index : list_->selectionModel()->selectedIndexes())
    rows += filtered_->mapToSource(index).row();
  std::ranges::sort(rows);
  return rows;
}

void InboxPage::pickedChanged() {
  if (restoring_) return;
  settledUnderEyes_ = false;
  picked_.clear();
  for (const int row : pickedRows()) picked_.push_back(questions_.question(row).item.id);
  showPicked();
}

// The model told anew: what was picked by its number is picked again.
void InboxPage::refresh() {
  refillRuns();
  restorePicked();
  const int missed = static_cast<int>(std::ranges::count_if(std::views::iota(0, questions_.rowCount()), [&](int row) {
    return questions_.question(row).state == Question::State::kMissed;
  }));
  QString counts = questions_.waiting() > 0 ? tr("%n waiting.", nullptr, questions_.waiting()) : tr("Nothing waits.");
  if (missed > 0) counts += ' ' + tr("%n missed in the last day.", nullptr, missed);
  setPlainText(counts_, counts);
  showPicked();
}

void InboxPage::restorePicked() {
  const bool waited = !prompt_->isEmpty();
  const auto waits = [&](std::uint64_t id) { return questions_.pending(id) != nullptr; };
  std::erase_if(picked_, [&](std::uint64_t id) { return questions_.indexOf(id) < 0; });
  const bool anyWaits = std::ranges::any_of(picked_, waits);
  if (waited && anyWaits) std::erase_if(picked_, std::not_fn(waits));
  // What was answered makes room for the next one.
  settledUnderEyes_ = !anyWaits && (waited || settledUnderEyes_);
  if (picked_.empty() || settledUnderEyes_) pickFirst();
  restoring_ = true;
  QItemSelection selection;
  for (const std::uint64_t id : picked_) {
    const QModelIndex index = filtered_->mapFromSource(questions_.index(questions_.indexOf(id)));
    if (index.isValid()) selection.select(index, index);
  }
  if (!selection.isEmpty())
    list_->selectionModel()->setCurrentIndex(selection.indexes().front(), QItemSelectionModel::NoUpdate);
  list_->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
  restoring_ = false;
}

void InboxPage::pickFirst() {
  for (int row = 0; row < questions_.waiting(); ++row) {
    if (!filtered_->mapFromSource(questions_.index(row)).isValid()) continue;
    picked_ = {questions_.question(row).item.id};
    return;
  }
}

void InboxPage::refillRuns() {
  std::map<QString, QString> runs;
  for (int row = 0; row < questions_.rowCount(); ++row) {
    const client::PendingItem& item = questions_.question(row).item;
    QString& name = runs[QString::fromStdString(item.run)];
    if (name.isEmpty() || !item.runName.empty()) name = askerName(item);
  }
  const QString kept = filtered_->run();
  agents_->clear();
  agents_->addItem(tr("All agents"), QString());
  for (const auto& [run, name] : runs) agents_->addItem(name == run ? name : tr("%1 (%2)").arg(name, run), run);
  const int at = agents_->findData(kept);
  agents_->setCurrentIndex(std::max(0, at));
  if (at < 0) filtered_->keep({});
}

void InboxPage::showPicked() {
  const QList<int> rows = pickedRows();
  const auto waits = [&](int row) { return row < questions_.waiting(); };
  const auto items = questions_.answerable(rows);
  if (!items.empty()) {
    prompt_->present(items, {rows.front() + 1, questions_.waiting()});
    return right_->setCurrentWidget(prompt_);
  }
  prompt_->present({});
  right_->setCurrentWidget(note_);
  if (rows.isEmpty()) {
    return setPlainText(note_, questions_.isKnown()
                                   ? tr("Nothing waits for you. When an agent wants what its policy asks about, its "
                                        "question comes here, and the agent waits for your answer.")
                                   : tr("The daemon has not told yet what waits."));
  }
  if (std::ranges::any_of(rows, waits))
    return setPlainText(note_, tr("These are questions of several agents. Pick those of one agent to answer them "
                                  "together."));
  showPast(questions_.question(rows.front()));
}

void InboxPage::showPast(const Question& question) {
  QStringList lines{questionSentence(question.item, nullptr), settlementWords(question.settlement)};
  if (question.settledAt.isValid()) lines += QLocale().toString(question.settledAt.toLocalTime(), QLocale::ShortFormat);
  if (question.state == Question::State::kMissed)
    lines += tr("It was denied, this once. When the agent tries again, it is asked again.");
  lines += ruleWords(question.item);
  lines += chainWords(question.item);
  setPlainText(note_, lines.join("\n\n"));
}

// Of the list above the prompt, which it becomes where both have no room beside one another.
QSize InboxPage::minimumSizeHint() const {
  const QSize whole = Page::minimumSizeHint();
  int width = 0;
  for (int i = 0; i < splitter_->count(); ++i) width = std::max(width, splitter_->widget(i)->minimumSizeHint().width());
  const QMargins around = layout()->contentsMargins();
  return {std::min(whole.width(), width + around.left() + around.right()), whole.height()};
}

void InboxPage::resizeEvent(QResizeEvent* event) {
  Page::resizeEvent(event);
  const auto wanted = width() < kNarrow ? Qt::Vertical : Qt::Horizontal;
  if (splitter_->orientation() != wanted) splitter_->setOrientation(wanted);
}

// Enter on a question goes to its prompt, where Deny has the focus.
bool InboxPage::eventFilter(QObject* watched, QEvent* event) {
  if (watched != list_ || event->type() != QEvent::KeyPress) return Page::eventFilter(watched, event);
  const int key = static_cast<QKeyEvent*>(event)->key();
  if ((key != Qt::Key_Return && key != Qt::Key_Enter) || prompt_->isEmpty()) return false;
  prompt_->setFocus(Qt::TabFocusReason);
  return true;
}

}  // namespace ringfence::ui
