#include "ui/panel/stopped_page.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QPushButton>

#include "ui/panel/card_list.h"
#include "ui/panel/hold_button.h"
#include "ui/panel/plain_label.h"
#include "ui/panel/run_acts.h"
#include "ui/shared/colours.h"
#include "ui/shared/flow_layout.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

using namespace std::chrono_literals;

constexpr auto kRearmHold = 1000ms;

}  // namespace

StoppedPage::StoppedPage(Sources sources, QWidget* parent)
    : QWidget(parent),
      sources_(sources),
      shape_(new QLabel),
      title_(plainLabel(tr("Everything is frozen"))),
      did_(plainLabel()),
      why_(plainLabel(
          tr("Nothing starts and nothing goes on until you re-arm, also after a restart. Re-arming lets nobody "
             "go on by itself: afterwards you resume, stop or kill each agent. Stopping and killing work "
             "now already."))),
      said_(plainLabel()),
      rearm_(new HoldButton(tr("Hold to re-arm"))),
      cards_(new CardList(sources.runs, [](const std::string&) { return QString(); })),
      none_(plainLabel()) {
  build();
  connect(rearm_, &HoldButton::meant, this, &StoppedPage::rearm);
  connect(cards_, &CardList::actWanted, this, &StoppedPage::act);
  connect(cards_, &CardList::openWanted, this, &StoppedPage::runWanted);
  connect(&sources_.runs, &RunsModel::updated, this, &StoppedPage::refresh);
  paintLooks();
}

void StoppedPage::build() {
  QFont big = title_->font();
  big.setPointSizeF(big.pointSizeF() * 1.8);
  big.setBold(true);
  title_->setFont(big);
  rearm_->setHold(kRearmHold);
  rearm_->setAccessibleName(tr("Re-arm"));
  rearm_->setAccessibleDescription(tr("Hold it, or hold the space bar, for a second: the emergency is over."));
  said_->setAccessibleName(tr("What was done"));
  auto* pages = new QPushButton(tr("Look at the other pages"));
  pages->setAutoDefault(false);
  connect(pages, &QPushButton::clicked, this, &StoppedPage::pagesWanted);
  auto* head = new QHBoxLayout;
  head->addWidget(shape_, 0, Qt::AlignTop);
  auto* words = new QVBoxLayout;
  words->addWidget(title_);
  words->addWidget(did_);
  words->addWidget(why_);
  head->addLayout(words, 1);
  auto* buttons = new FlowLayout;
  buttons->addWidget(rearm_);
  buttons->addWidget(pages);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(16, 8, 16, 8);
  column->addLayout(head);
  column->addLayout(buttons);
  column->addWidget(said_);
  column->addWidget(none_);
  column->addWidget(cards_, 1);
}

void StoppedPage::showStop(const StopFacts& facts) {
  title_->setText(facts.killed           ? tr("Everything was ended")
                  : facts.killedRuns > 0 ? tr("Some agents were ended, the others are frozen")
                                         : tr("Everything is frozen"));
  did_->setText(stopWords(facts));
}

QWidget* StoppedPage::firstControl() const { return rearm_; }

void StoppedPage::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  said_->clear();
  refresh();
}

void StoppedPage::refresh() {
  if (!isVisible()) return;
  const bool isKnown = sources_.runs.isKnown();
  rearm_->setEnabled(isKnown);
  const bool hasRuns = isKnown && sources_.runs.rowCount() > 0;
  cards_->setVisible(hasRuns);
  none_->setVisible(!hasRuns);
  none_->setText(isKnown
                     ? tr("No agent of yours is held.")
                     : tr("The daemon does not tell which agents are held: it is needed to re-arm, not to stop. What "
                          "is frozen stays frozen."));
  if (hasRuns) cards_->refresh();
}

void StoppedPage::rearm() {
  said_->setText(tr("Re-arming…"));
  sources_.link.ask<std::vector<std::string>>(
      this, [](client::Client& daemon) { return daemon.rearm(); },
      [this](const client::Answer<std::vector<std::string>>& answer) {
        if (const auto* failure = std::get_if<client::Failure>(&answer)) {
          said_->setText(tr("Not re-armed: %1").arg(troubleOf(*failure)));
          return;
        }
        emit rearmed(static_cast<int>(std::get<0>(answer).size()));
      });
}

void StoppedPage::act(client::Client::Verb verb, const std::string& run) {
  actOn(sources_, this, verb, run, [this](const QString& words) { said_->setText(words); });
}

void StoppedPage::paintLooks() {
  const Colours colours = coloursOf(palette());
  const QColor red = isDark(palette()) ? colours.danger.lighter(130) : colours.danger;
  shape_->setPixmap(glyphIcon(Glyph::kStopped, red).pixmap(QSize(56, 56), devicePixelRatioF()));
}

void StoppedPage::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && shape_ != nullptr) paintLooks();
}

}  // namespace ringfence::ui
