#include "ui/panel/card_list.h"

#include <QApplication>
#include <QEvent>
#include <QKeyEvent>
#include <QLayout>
#include <QScrollBar>
#include <algorithm>
#include <set>

namespace ringfence::ui {
namespace {

constexpr int kButtonsWidth = 280;       // pixels, of a card's buttons beside one another
constexpr int kWordsBesideButtons = 40;  // characters

}  // namespace

CardList::CardList(RunsModel& runs, std::function<QString(const std::string&)> lastAction, QWidget* parent)
    : QAbstractScrollArea(parent), runs_(runs), lastAction_(std::move(lastAction)) {
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Agents"));
  viewport()->setBackgroundRole(QPalette::Window);
  connect(qApp, &QApplication::focusChanged, this, &CardList::watchFocus);
}

RunCard* CardList::take() {
  if (!spare_.empty()) {
    RunCard* card = spare_.back();
    spare_.pop_back();
    return card;
  }
  auto* card = new RunCard(viewport());
  card->setWidthClass(width_);
  card->setSpeech(speech_);
  card->installEventFilter(this);
  connect(card, &RunCard::actWanted, this, &CardList::actWanted);
  connect(card, &RunCard::openWanted, this, &CardList::openWanted);
  return card;
}

int CardList::cardHeight() {
  if (height_ == 0) {
    RunCard* card = take();
    card->ensurePolished();
    // Layouts inside one another keep sizes of before, until they are made anew from the outermost one on.
    card->layout()->invalidate();
    card->layout()->activate();
    height_ = card->sizeHint().height();
    card->hide();
    spare_.push_back(card);
  }
  return height_;
}

void CardList::refresh() {
  fitSpeech();
  place();
}

// All cards are equally high.
void CardList::fitSpeech() {
  auto wanted = RunCard::Speech::kHidden;
  for (int row = 0; row < runs_.rowCount(); ++row) {
    if (!runs_.row(row).says.empty()) wanted = RunCard::Speech::kShown;
  }
  if (wanted == speech_) return;
  speech_ = wanted;
  height_ = 0;
  for (const auto& [run, card] : cards_) card->setSpeech(speech_);
  for (RunCard* card : spare_) card->setSpeech(speech_);
}

void CardList::place() {
  const int height = cardHeight(), rows = runs_.rowCount();
  verticalScrollBar()->setRange(0, std::max(0, rows * height - viewport()->height()));
  verticalScrollBar()->setPageStep(viewport()->height());
  verticalScrollBar()->setSingleStep(height / 3);
  const int scrolled = verticalScrollBar()->value();
  const int first = scrolled / height;
  const int last = std::min(rows, (scrolled + viewport()->height()) / height + 1);

  std::set<std::string> seen;
  for (int row = first; row < last; ++row) seen.insert(runs_.row(row).run);
  for (auto at = cards_.begin(); at != cards_.end();) {
    if (seen.contains(at->first)) {
      ++at;
      continue;
    }
    if (at->second->isAncestorOf(QApplication::focusWidget()) || at->second->hasFocus()) setFocus(Qt::OtherFocusReason);
    at->second->hide();
    spare_.push_back(at->second);
    at = cards_.erase(at);
  }
  std::vector<RunCard*> order;
  for (int row = first; row < last; ++row) {
    RunCard*& card = cards_[runs_.row(row).run];
    const bool isNew = card == nullptr;
    if (isNew) card = take();
    card->showRun(runs_, row, lastAction_(runs_.row(row).run));
    const QRect wanted(0, row * height - scrolled, viewport()->width(), height);
    if (card->geometry() != wanted) {
      if (isNew || card->y() != wanted.y()) card->moved();
      card->setGeometry(wanted);
    }
    card->show();
    order.push_back(card);
  }
  if (order != order_) orderFocus(std::move(order));
}

// The Tab key goes through the cards as they lie.
void CardList::orderFocus(std::vector<RunCard*> order) {
  order_ = std::move(order);
  QWidget* before = this;
  for (RunCard* card : order_) {
    for (QWidget* stop : card->focusStops()) {
      QWidget::setTabOrder(before, stop);
      before = stop;
    }
  }
}

RunCard* CardList::cardOf(const std::string& run) const {
  const auto found = cards_.find(run);
  return found == cards_.end() ? nullptr : found->second;
}

void CardList::chooseRow(int row) {
  if (row < 0 || row >= runs_.rowCount()) return;
  const int height = cardHeight(), top = row * height;
  QScrollBar* bar = verticalScrollBar();
  if (top < bar->value()) bar->setValue(top);
  if (top + height > bar->value() + viewport()->height()) bar->setValue(top + height - viewport()->height());
  place();
  if (RunCard* card = cardOf(runs_.row(row).run)) card->setFocus(Qt::OtherFocusReason);
}

int CardList::rowOfFocus() const {
  const QWidget* focus = QApplication::focusWidget();
  for (const auto& [run, card] : cards_) {
    if (focus != nullptr && (card == focus || card->isAncestorOf(focus))) return runs_.indexOf(run);
  }
  return -1;
}

bool CardList::moveFocus(int key) {
  const int page = std::max(1, viewport()->height() / cardHeight()), now = rowOfFocus();
  const int last = runs_.rowCount() - 1;
  if (last < 0) return false;
  switch (key) {
    case Qt::Key_Down: chooseRow(std::min(last, now + 1)); return true;
    case Qt::Key_Up: chooseRow(std::max(0, now - 1)); return true;
    case Qt::Key_PageDown: chooseRow(std::min(last, now + page)); return true;
    case Qt::Key_PageUp: chooseRow(std::max(0, now - page)); return true;
    case Qt::Key_Home: chooseRow(0); return true;
    case Qt::Key_End: chooseRow(last); return true;
    default: return false;
  }
}

void CardList::keyPressEvent(QKeyEvent* event) {
  if (!moveFocus(event->key())) QAbstractScrollArea::keyPressEvent(event);
}

// Of a card: its arrow keys lead to other cards, Enter opens it.
bool CardList::eventFilter(QObject* watched, QEvent* event) {
  auto* card = qobject_cast<RunCard*>(watched);
  if (card == nullptr || event->type() != QEvent::KeyPress || !card->hasFocus())
    return QAbstractScrollArea::eventFilter(watched, event);
  const int key = static_cast<QKeyEvent*>(event)->key();
  if (key == Qt::Key_Return || key == Qt::Key_Enter) {
    emit openWanted(QString::fromStdString(card->run()));
    return true;
  }
  return moveFocus(key);
}

// What has the focus is in sight.
void CardList::watchFocus(QWidget*, QWidget* now) {
  if (now == nullptr || !viewport()->isAncestorOf(now)) return;
  const int row = rowOfFocus();
  if (row < 0) return;
  const int height = cardHeight(), top = row * height;
  QScrollBar* bar = verticalScrollBar();
  if (top < bar->value()) bar->setValue(top);
  if (top + height > bar->value() + viewport()->height()) bar->setValue(top + height - viewport()->height());
}

// Where buttons would leave no room for what they are about.
void CardList::fitWidth() {
  const int words = kWordsBesideButtons * fontMetrics().averageCharWidth();
  const auto wanted = viewport()->width() < words + kButtonsWidth ? RunCard::Width::kNarrow : RunCard::Width::kWide;
  if (wanted == width_) return;
  width_ = wanted;
  height_ = 0;
  for (const auto& [run, card] : cards_) card->setWidthClass(width_);
  for (RunCard* card : spare_) card->setWidthClass(width_);
}

void CardList::scrollContentsBy(int, int) { place(); }

void CardList::resizeEvent(QResizeEvent* event) {
  QAbstractScrollArea::resizeEvent(event);
  fitWidth();
  place();
}

void CardList::changeEvent(QEvent* event) {
  QAbstractScrollArea::changeEvent(event);
  if (event->type() != QEvent::FontChange && event->type() != QEvent::StyleChange) return;
  height_ = 0;
  if (isVisible())
    QMetaObject::invokeMethod(
        this, [this] { place(); }, Qt::QueuedConnection);
}

}  // namespace ringfence::ui
