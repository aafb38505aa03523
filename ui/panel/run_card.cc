#include "ui/panel/run_card.h"

#include <unistd.h>

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPaintEvent>
#include <QPainter>
#include <QPushButton>
#include <tuple>

#include "ui/panel/elided_label.h"
#include "ui/panel/plots/sparkline.h"
#include "ui/panel/run_words.h"
#include "ui/shared/colours.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

using Verb = client::Client::Verb;

constexpr int kMostName = 300, kMostNameSpoken = 80;  // of names that agents or people made

}  // namespace

RunCard::RunCard(QWidget* parent)
    : QFrame(parent),
      head_(new QHBoxLayout),
      shapeLabel_(new QLabel),
      name_(new ElidedLabel),
      state_(new ElidedLabel),
      place_(new ElidedLabel),
      says_(new ElidedLabel),
      command_(new ElidedLabel),
      last_(new ElidedLabel),
      holdButton_(new QPushButton),
      goOnButton_(new QPushButton(tr("Let it go on"))),
      endButton_(new QPushButton),
      openButton_(new QPushButton(tr("Details"))),
      plots_{new Sparkline({tr("CPU"), Unit::kPercent, 120, 100}),
             new Sparkline({tr("Memory"), Unit::kBytes, 120, 64.0 * 1024 * 1024}),
             new Sparkline({tr("Disk"), Unit::kBytesPerSecond, 120, 1024.0 * 1024}),
             new Sparkline({tr("GPU and NPU"), Unit::kPercent, 120, 100})} {
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(QFrame::NoFrame);
  build();
  connectButtons();
}

void RunCard::build() {
  QFont bold = name_->font();
  bold.setBold(true);
  name_->setFont(bold);
  for (ElidedLabel* label : {place_, command_, last_}) label->setQuiet();
  command_->setLayoutDirection(Qt::LeftToRight);
  says_->hide();
  auto* who = new QHBoxLayout;
  who->addWidget(shapeLabel_);
  auto* title = new QVBoxLayout;
  title->setSpacing(0);
  title->addWidget(name_);
  title->addWidget(state_);
  who->addLayout(title, 1);
  auto* buttons = new QHBoxLayout;
  head_->addLayout(who, 1);
  head_->addLayout(buttons);
  for (QPushButton* button : {holdButton_, goOnButton_, endButton_, openButton_}) {
    button->setAutoDefault(false);
    buttons->addWidget(button);
  }
  goOnButton_->hide();
  auto* plots = new QHBoxLayout;
  for (Sparkline* plot : plots_) plots->addWidget(plot, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(14, 10, 12, 10);
  column->setSpacing(2);
  column->addLayout(head_);
  column->addWidget(place_);
  column->addWidget(command_);
  column->addWidget(says_);
  column->addWidget(last_);
  column->addLayout(plots);
}

void RunCard::connectButtons() {
  connect(holdButton_, &QPushButton::clicked, this, [this] {
    if (guard_.isOpen()) emit actWanted(hold_, run_);
  });
  connect(goOnButton_, &QPushButton::clicked, this, [this] {
    if (guard_.isOpen()) emit actWanted(Verb::kResume, run_);
  });
  connect(endButton_, &QPushButton::clicked, this, [this] {
    if (guard_.isOpen()) emit actWanted(end_, run_);
  });
  connect(openButton_, &QPushButton::clicked, this, [this] {
    if (guard_.isOpen()) emit openWanted(QString::fromStdString(run_));
  });
}

void RunCard::setWidthClass(Width width) {
  head_->setDirection(width == Width::kNarrow ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
  layout()->invalidate();  // A layout inside another one does not tell it that its size is another one now.
}

void RunCard::setSpeech(Speech speech) {
  says_->setVisible(speech == Speech::kShown);
  layout()->invalidate();
}

void RunCard::moved() { guard_.hold(); }

void RunCard::showRun(const RunsModel& runs, int index, const QString& lastAction) {
  const top::Row& row = runs.row(index);
  const RunWords words = runWords(row, runs.details(row.run), ::getuid());
  const auto before = std::tuple(run_, hold_, end_);
  run_ = row.run;
  shape_ = words.shape;
  const QString name = QString::fromStdString(row.name).left(kMostName);
  name_->setText(name);
  state_->setText(words.warning.isEmpty() ? words.state
                                          : tr("%1 — %2", "state — warning").arg(words.state, words.warning));
  place_->setText(words.place);
  says_->setText(words.says);
  command_->setText(words.command);
  last_->setText(lastAction);
  const QString brief = name.left(kMostNameSpoken);
  showHold(row, runs.stop(), brief);
  showEnd(row, brief);
  if (before != std::tuple(run_, hold_, end_)) moved();
  openButton_->setAccessibleName(tr("Details of %1").arg(brief));
  const RunSeries& series = runs.series(row.run);
  const Series* const values[] = {&series.cpu, &series.memory, &series.io, &series.accelerator};
  for (std::size_t i = 0; i < std::size(plots_); ++i) plots_[i]->setValues(*values[i]);
  setAccessibleName(spoken());
  drawShape();
}

void RunCard::showHold(const top::Row& row, const client::StopState& stop, const QString& brief) {
  const bool resumes = canResume(row), pausing = isPausing(row);
  hold_ = resumes ? Verb::kResume : pausing ? Verb::kFreezeAtOnce : Verb::kFreeze;
  holdButton_->setText(resumes ? tr("Resume") : pausing ? tr("Pause at once") : tr("Pause"));
  holdButton_->setAccessibleName(resumes   ? tr("Resume %1").arg(brief)
                                 : pausing ? tr("Pause %1 at once").arg(brief)
                                           : tr("Pause %1").arg(brief));
  holdButton_->setEnabled((resumes && !stop.latched) || canPause(row));
  goOnButton_->setAccessibleName(tr("Let %1 go on").arg(brief));
  goOnButton_->setVisible(pausing);
}

void RunCard::showEnd(const top::Row& row, const QString& brief) {
  const NextStop next = nextStop(row);
  end_ = next == NextStop::kKill ? Verb::kKill : Verb::kStop;
  endButton_->setText(next == NextStop::kKill ? tr("Kill now") : tr("Stop"));
  endButton_->setAccessibleName(next == NextStop::kKill ? tr("Kill %1 now").arg(brief)
                                                        : tr("Ask %1 to end").arg(brief));
  endButton_->setEnabled(next != NextStop::kNone);
}

std::vector<QWidget*> RunCard::focusStops() {
  std::vector<QWidget*> stops{this, holdButton_, goOnButton_, endButton_, openButton_};
  stops.insert(stops.end(), std::begin(plots_), std::end(plots_));
  return stops;
}

QString RunCard::spoken() const {
  const QString spoken =
      tr("%1: %2. %3", "name: state. place").arg(name_->text().left(kMostNameSpoken), state_->text(), place_->text());
  return says_->text().isEmpty() ? spoken : tr("%1. %2", "card. what its agent says").arg(spoken, says_->text());
}

void RunCard::changeEvent(QEvent* event) {
  QFrame::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && shapeLabel_ != nullptr) drawShape();
}

// Twice a second it is the same one.
void RunCard::drawShape() {
  const Colours colours = coloursOf(palette());
  QColor colour = palette().color(QPalette::WindowText);
  if (shape_ == Glyph::kWorking) colour = colours.good;
  if (shape_ == Glyph::kAsks || shape_ == Glyph::kPaused) colour = colours.asks;
  const int side = fontMetrics().height() * 3 / 2;
  const Drawn wanted{shape_, colour.rgba(), side, devicePixelRatioF()};
  if (wanted == drawn_) return;
  drawn_ = wanted;
  shapeLabel_->setPixmap(glyphIcon(shape_, colour).pixmap(QSize(side, side), devicePixelRatioF()));
}

void RunCard::paintEvent(QPaintEvent* event) {
  QPainter painter(this);
  const QRectF body = QRectF(rect()).adjusted(4.5, 3.5, -4.5, -3.5);
  // Most often only a figure has changed, and the border stays as it is.
  if (body.adjusted(3, 3, -3, -3).contains(QRectF(event->rect())))
    return painter.fillRect(event->rect(), palette().color(QPalette::Base));
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(palette().color(QPalette::Base));
  painter.setPen(hasFocus() ? QPen(palette().color(QPalette::Highlight), 2) : QPen(palette().color(QPalette::Mid), 1));
  painter.drawRoundedRect(body, 6, 6);
}

}  // namespace ringfence::ui
