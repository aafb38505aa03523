#include "ui/panel/agent_page.h"

#include <unistd.h>

#include <QAbstractItemView>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QTabWidget>
#include <algorithm>
#include <utility>

#include "ui/panel/activity_tab.h"
#include "ui/panel/agent_words.h"
#include "ui/panel/network_tab.h"
#include "ui/panel/output_tab.h"
#include "ui/panel/plain_label.h"
#include "ui/panel/policy_tab.h"
#include "ui/panel/run_acts.h"
#include "ui/panel/run_words.h"
#include "ui/panel/usage_tab.h"
#include "ui/shared/fact_time.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::chrono::seconds kPricedHold{10};
constexpr int kMostCommand = 400;
constexpr std::size_t kMostListed = 2'000;  // runs that are over; of more, the newest

}  // namespace

AgentPage::AgentPage(Sources sources, FactLog& facts)
    : sources_(sources),
      facts_(facts),
      runs_(new QComboBox),
      state_(plainLabel()),
      place_(plainLabel()),
      walls_(plainLabel()),
      said_(plainLabel()),
      pause_(new QPushButton(tr("Pause"))),
      goOn_(new QPushButton(tr("Let it go on"))),
      stop_(new QPushButton(tr("Stop"))),
      price_(new QPushButton(tr("What would an interruption cost?"))),
      tabs_(new QTabWidget) {
  addTab(new ActivityTab(sources, facts), tr("Activity"));
  addTab(new NetworkTab(facts), tr("Network"));
  addTab(new UsageTab(sources), tr("Resources"));
  addTab(new PolicyTab, tr("Policy"));
  addTab(new OutputTab(sources), tr("Output"));
  auto* column = new QVBoxLayout(this);
  column->addWidget(buildHead());
  column->addWidget(tabs_, 1);
  listen();
  choose({});
}

QString AgentPage::title() const { return tr("Agent"); }

QIcon AgentPage::icon() const { return glyphIcon(Glyph::kAgent); }

void AgentPage::addTab(AgentTab* tab, const QString& title) {
  parts_.push_back(tab);
  tabs_->addTab(tab, title);
}

QWidget* AgentPage::buildHead() {
  runs_->setAccessibleName(tr("Agent"));
  runs_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  runs_->setMinimumContentsLength(10);
  runs_->setPlaceholderText(tr("Choose an agent"));
  tabs_->setAccessibleName(tr("About this agent"));
  state_->setAccessibleName(tr("State"));
  walls_->setAccessibleName(tr("Walls"));
  said_->setAccessibleName(tr("Result"));
  auto* head = new QWidget;
  auto* column = new QVBoxLayout(head);
  column->setContentsMargins(0, 0, 0, 0);
  auto* row = new QHBoxLayout;
  row->addWidget(runs_, 1);
  row->addWidget(pause_);
  row->addWidget(goOn_);
  goOn_->hide();
  row->addWidget(stop_);
  column->addLayout(row);
  for (QLabel* label : {state_, place_, walls_, said_}) column->addWidget(label);
  column->addWidget(price_, 0, Qt::AlignLeft);
  return head;
}

void AgentPage::listen() {
  connect(runs_, &QComboBox::activated, this, [this](int at) { choose(runs_->itemData(at).toString().toStdString()); });
  connect(&sources_.runs, &RunsModel::updated, this, &AgentPage::refresh);
  connect(&facts_, &FactLog::appended, this, [this] {
    if (isSeen_ && !runs_->view()->isVisible()) listRuns();
  });
  connect(tabs_, &QTabWidget::currentChanged, this, &AgentPage::tellTabs);
  connect(price_, &QPushButton::clicked, this, &AgentPage::askPrice);
  connect(pause_, &QPushButton::clicked, this, [this] {
    if (sources_.runs.indexOf(run_) >= 0) act(hold_);
  });
  connect(goOn_, &QPushButton::clicked, this, [this] { act(client::Client::Verb::kResume); });
  connect(stop_, &QPushButton::clicked, this, [this] { act(client::Client::Verb::kStop); });
}

void AgentPage::setSeen(bool seen) {
  isSeen_ = seen;
  facts_.watch(this, seen ? Link::Watch::kYes : Link::Watch::kNo);
  if (seen) refresh();
  tellTabs();
}

void AgentPage::tellTabs() {
  AgentTab* now = isSeen_ ? parts_[static_cast<std::size_t>(tabs_->currentIndex())] : nullptr;
  if (now == seenPart_) return;
  if (seenPart_ != nullptr) seenPart_->setSeen(false);
  seenPart_ = now;
  if (seenPart_ != nullptr) seenPart_->setSeen(true);
}

void AgentPage::showRun(const QString& run) { choose(run.toStdString()); }

void AgentPage::choose(const std::string& run) {
  run_ = run;
  isAsked_ = false;
  said_->clear();
  for (AgentTab* part : parts_) part->setRun(run);
  listRuns();
  refresh();
}

// Those that run first, then those that the log still tells of.
void AgentPage::listRuns() {
  std::vector<std::pair<std::string, QString>> wanted;
  for (int row = 0; row < sources_.runs.rowCount(); ++row) {
    const top::Row& one = sources_.runs.row(row);
    wanted.emplace_back(one.run, QString::fromStdString(one.name));
  }
  const auto& told = facts_.runs();
  const std::size_t first = told.size() > kMostListed ? told.size() - kMostListed : 0;
  for (std::size_t i = told.size(); i-- > first;) {
    if (sources_.runs.indexOf(told[i]) >= 0) continue;
    const QString name = facts_.nameOf(told[i]);
    const QString shown = name.isEmpty() ? visibleText(told[i]) : tr("%1 (%2)").arg(name, visibleText(told[i]));
    wanted.emplace_back(told[i], sources_.runs.isKnown() ? tr("%1, not running").arg(shown) : shown);
  }
  const bool isListed = std::ranges::any_of(wanted, [this](const auto& one) { return one.first == run_; });
  if (!run_.empty() && !isListed) wanted.emplace_back(run_, visibleText(run_));
  bool isSame = runs_->count() == static_cast<int>(wanted.size());
  for (int i = 0; isSame && i < runs_->count(); ++i) {
    const auto& one = wanted[static_cast<std::size_t>(i)];
    isSame = runs_->itemData(i).toString().toStdString() == one.first && runs_->itemText(i) == one.second;
  }
  if (!isSame) {
    runs_->clear();
    for (const auto& [run, name] : wanted) runs_->addItem(name, QString::fromStdString(run));
  }
  runs_->setCurrentIndex(run_.empty() ? -1 : runs_->findData(QString::fromStdString(run_)));
}

void AgentPage::refresh() {
  if (!isSeen_) return;
  if (run_.empty() && sources_.runs.rowCount() > 0) return choose(sources_.runs.row(0).run);
  if (!runs_->view()->isVisible()) listRuns();
  const int row = sources_.runs.indexOf(run_);
  const client::RunDetails* details = sources_.runs.details(run_);
  for (QPushButton* button : {pause_, stop_, price_}) button->setEnabled(row >= 0);
  goOn_->setVisible(row >= 0 && isPausing(sources_.runs.row(row)));
  if (row >= 0) showHold(sources_.runs.row(row));
  if (run_.empty()) {
    state_->setText(tr("No agent is chosen."));
    place_->clear();
    walls_->clear();
    return;
  }
  if (row < 0 || details == nullptr) return askDetails();
  isAsked_ = false;
  const RunWords words = runWords(sources_.runs.row(row), details, ::geteuid());
  state_->setText(breakable(words.warning.isEmpty() ? words.state : tr("%1. %2").arg(words.state, words.warning)));
  QStringList place{words.place, words.command};
  if (!words.says.isEmpty()) place += words.says;
  place_->setText(breakable(place.join('\n')));
  show(*details);
}

// Beside the one that pauses, others move when it says something else.
void AgentPage::showHold(const top::Row& row) {
  using Verb = client::Client::Verb;
  const bool resumes = canResume(row), pausing = isPausing(row);
  const Verb hold = resumes ? Verb::kResume : pausing ? Verb::kFreezeAtOnce : Verb::kFreeze;
  const bool isOther = std::exchange(holdsRun_, row.run) != row.run;
  if (std::exchange(hold_, hold) != hold && !isOther) guard_.hold();
  pause_->setText(resumes ? tr("Resume") : pausing ? tr("Pause at once") : tr("Pause"));
}

void AgentPage::show(const client::RunDetails& details) {
  walls_->setText(breakable(wallsWords(details)));
  for (AgentTab* part : parts_) part->setDetails(details);
}

// Of a run that is over, or that no snapshot had yet.
void AgentPage::askDetails() {
  if (isAsked_ || !sources_.runs.isKnown()) return;
  isAsked_ = true;
  sources_.link.ask<client::RunDetails>(
      this, [run = run_](client::Client& daemon) { return daemon.show(run); },
      [this, run = run_](const client::Answer<client::RunDetails>& answer) {
        if (run != run_) return;
        if (const auto* failure = std::get_if<client::Failure>(&answer)) {
          state_->setText(tr("What became of this agent is not known: %1").arg(troubleOf(*failure)));
          place_->clear();
          walls_->clear();
          return;
        }
        const auto& details = std::get<client::RunDetails>(answer);
        isAsked_ = details.state == "ended";  // Nothing of it changes any more.
        state_->setText(endWords(details));
        place_->setText(tr("policy %1 · %2 · started %3 · ended %4\n%5")
                            .arg(visibleText(details.policyName, kMostCommand),
                                 visibleText(details.workspace, kMostCommand), localTime(details.started),
                                 details.ended.empty() ? tr("unknown") : localTime(details.ended),
                                 visibleCommand(details.command, kMostCommand)));
        show(details);
      });
}

void AgentPage::askPrice() {
  said_->setText(tr("Asking what an interruption would cost…"));
  sources_.link.ask<client::PriceAnswer>(
      this, [run = run_](client::Client& daemon) { return daemon.price(run, kPricedHold); },
      [this, run = run_](const client::Answer<client::PriceAnswer>& answer) {
        if (run != run_) return;
        const auto* failure = std::get_if<client::Failure>(&answer);
        said_->setText(failure != nullptr ? tr("Not known: %1").arg(troubleOf(*failure))
                                          : priceWords(std::get<client::PriceAnswer>(answer)));
      });
}

void AgentPage::act(client::Client::Verb verb) {
  if (!guard_.isOpen()) return;
  actOn(sources_, this, verb, run_, [this](const QString& words) { said_->setText(words); });
}

}  // namespace ringfence::ui
