#include "ui/panel/now_page.h"

#include <QHBoxLayout>
#include <QPushButton>
#include <QStackedWidget>

#include "ui/panel/card_list.h"
#include "ui/panel/last_action.h"
#include "ui/panel/plain_label.h"
#include "ui/panel/run_acts.h"

namespace ringfence::ui {
namespace {

constexpr std::chrono::minutes kLogBefore{10};  // what was done earlier is not looked for

}  // namespace

NowPage::NowPage(Sources sources, QWidget* parent)
    : Page(parent),
      sources_(sources),
      cards_(new CardList(sources.runs,
                          [this](const std::string& run) {
                            const auto found = lastActions_.find(run);
                            return found == lastActions_.end() ? QString() : found->second;
                          })),
      stack_(new QStackedWidget),
      emptyTitle_(plainLabel()),
      emptyHow_(plainLabel()),
      launch_(new QPushButton(tr("Start an agent…"))),
      said_(plainLabel()) {
  auto* head = new QHBoxLayout;
  head->addWidget(said_, 1);
  head->addWidget(launch_);
  head->setContentsMargins(8, 4, 8, 4);
  said_->setAccessibleName(tr("What was done"));
  launch_->setAutoDefault(false);
  stack_->addWidget(cards_);
  stack_->addWidget(buildEmpty());
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addLayout(head);
  column->addWidget(stack_, 1);
  connect(launch_, &QPushButton::clicked, this, &NowPage::launchWanted);
  connect(cards_, &CardList::actWanted, this, &NowPage::act);
  connect(cards_, &CardList::openWanted, this, &Page::runWanted);
  connect(&sources_.runs, &RunsModel::updated, this, &NowPage::refresh);
  connect(&sources_.link, &Link::linesArrived, this, &NowPage::takeLines);
  refresh();
}

QIcon NowPage::icon() const { return glyphIcon(Glyph::kNow); }

QWidget* NowPage::buildEmpty() {
  auto* empty = new QWidget;
  QFont big = emptyTitle_->font();
  big.setPointSizeF(big.pointSizeF() * 1.4);
  emptyTitle_->setFont(big);
  for (QLabel* label : {emptyTitle_, emptyHow_}) label->setAlignment(Qt::AlignCenter);
  auto* column = new QVBoxLayout(empty);
  column->addStretch(1);
  column->addWidget(emptyTitle_);
  column->addWidget(emptyHow_);
  column->addStretch(2);
  return empty;
}

void NowPage::setSeen(bool seen) {
  isSeen_ = seen;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  sources_.link.watchLog(seen ? Link::Watch::kYes : Link::Watch::kNo,
                         std::chrono::duration_cast<std::chrono::microseconds>(now) - kLogBefore);
  if (seen) refresh();
}

void NowPage::refresh() {
  if (!isSeen_) return;
  const bool isKnown = sources_.runs.isKnown();
  launch_->setEnabled(isKnown && !sources_.runs.stop().latched);
  if (isKnown && sources_.runs.rowCount() > 0) {
    stack_->setCurrentIndex(0);
    cards_->refresh();
    return;
  }
  emptyTitle_->setText(isKnown ? tr("No agent runs.") : tr("What runs is not known yet."));
  emptyHow_->setText(isKnown
                         ? tr("Start one with the button above, or in a terminal, in your project:\n\nringfence run -p "
                              "coding -- claude\n\nIt sees the project and what the policy grants, nothing else.")
                         : tr("The daemon was asked and has not answered."));
  stack_->setCurrentIndex(1);
}

void NowPage::act(client::Client::Verb verb, const std::string& run) {
  actOn(sources_, this, verb, run, [this](const QString& words) { said_->setText(words); });
}

// Of many lines only the last of each run is read whole.
void NowPage::takeLines(const LogLines& told) {
  if (!isSeen_) return;
  std::map<std::string, QString> found;
  for (auto line = told.lines.rbegin(); line != told.lines.rend(); ++line) {
    if (!tellsOfAction(*line) || found.contains(line->run)) continue;
    if (const QString action = lastActionOf(*line); !action.isEmpty()) found.emplace(line->run, action);
  }
  if (found.empty()) return;
  found.merge(lastActions_);
  std::erase_if(found, [&](const auto& entry) { return sources_.runs.indexOf(entry.first) < 0; });
  lastActions_ = std::move(found);
  refresh();
}

}  // namespace ringfence::ui
