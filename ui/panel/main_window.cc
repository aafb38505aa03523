#include "ui/panel/main_window.h"

#include <QApplication>
#include <QBoxLayout>
#include <QDBusConnection>
#include <QEvent>
#include <QShortcut>
#include <QStackedWidget>
#include <algorithm>
#include <utility>

#include "ui/panel/bar.h"
#include "ui/panel/stopped_page.h"
#include "ui/shared/session_lock.h"
#include "ui/shared/target_style.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr qint64 kReceiptCounts = 2000;  // milliseconds; a snapshot may have been under way before the stop

}  // namespace

MainWindow::MainWindow(Sources sources, std::vector<Page*> pages)
    : sources_(sources),
      pages_(std::move(pages)),
      bar_(new Bar),
      rail_(new Rail(pages_)),
      stack_(new QStackedWidget),
      middle_(new QBoxLayout(QBoxLayout::LeftToRight)),
      lock_(new SessionLock(QDBusConnection::systemBus(), qEnvironmentVariable("XDG_SESSION_ID"), this)),
      front_(new QStackedWidget),
      stopped_(new StoppedPage(sources)) {
  setWindowTitle(tr("Ringfence"));
  buildPages();
  buildKeys();
  listen();
  showPage(0);
  showState();
  layOut();
}

void MainWindow::buildPages() {
  for (Page* page : pages_) {
    stack_->addWidget(page);
    connect(page, &Page::runWanted, this, &MainWindow::showRun);
  }
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(bar_);
  column->addWidget(front_, 1);
  auto* body = new QWidget;
  body->setLayout(middle_);
  front_->addWidget(body);
  front_->addWidget(stopped_);
  middle_->setContentsMargins(0, 0, 0, 0);
  middle_->setSpacing(0);
  middle_->addWidget(rail_);
  middle_->addWidget(stack_, 1);
  connect(rail_, &Rail::wanted, this, qOverload<int>(&MainWindow::showPage));
  for (QStackedWidget* part : {stack_, front_})
    connect(part, &QStackedWidget::currentChanged, this, &MainWindow::tellSeen);
}

void MainWindow::buildKeys() {
  for (int i = 0; i < static_cast<int>(std::min<std::size_t>(pages_.size(), 9)); ++i) {
    auto* key = new QShortcut(QKeySequence(QString("Ctrl+%1").arg(i + 1)), this);
    connect(key, &QShortcut::activated, this, [this, i] { showPage(i); });
  }
  for (const char* keys : {"F6", "Ctrl+F6"}) {
    auto* key = new QShortcut(QKeySequence(keys), this);
    connect(key, &QShortcut::activated, this, &MainWindow::focusNextPart);
  }
}

void MainWindow::listen() {
  connect(bar_, &Bar::stopWanted, this, &MainWindow::pressStop);
  connect(bar_, &Bar::questionsWanted, this, [this] { showPage(Page::Kind::kInbox); });
  connect(bar_, &Bar::stateWanted, this, [this] {
    if (isStopped()) return front_->setCurrentWidget(stopped_);
    showPage(Page::Kind::kNow);
  });
  connect(&sources_.stop, &StopLink::failed, this,
          [this](const QString& why) { stopWithoutHelp(Stopped::kNothing, why); });
  connect(&sources_.stop, &StopLink::uncertain, this,
          [this](const QString& why) { stopWithoutHelp(Stopped::kUnknown, why); });
  connect(&sources_.stop, &StopLink::receiptArrived, this, &MainWindow::takeReceipt);
  connect(&sources_.stop, &StopLink::statusArrived, this, [this](const QByteArray& json) {
    const auto facts = stopFactsOf(json);
    if (facts && facts->latched) stopped_->showStop(*facts);
  });
  connect(stopped_, &StoppedPage::pagesWanted, this, [this] { front_->setCurrentIndex(0); });
  connect(stopped_, &StoppedPage::runWanted, this, &MainWindow::showRun);
  connect(stopped_, &StoppedPage::rearmed, this, [this](int held) {
    sinceReceipt_.invalidate();
    bar_->setNotice(held == 0 ? tr("Re-armed. Agents can be started again.")
                              : tr("Re-armed. %n agent(s) stay paused until you resume them.", nullptr, held));
    showPage(Page::Kind::kNow);
  });
  connect(&sources_.link, &Link::troubleChanged, this, [this](const QString& trouble) {
    // What was known is not what is.
    if (!trouble.isEmpty()) sources_.runs.forget();
    showState();
  });
  connect(&sources_.link, &Link::waitingChanged, this, [this](bool waits) {
    bar_->setNotice(waits ? tr("The daemon has not answered yet to what you asked for.") : QString());
  });
  connect(&sources_.runs, &RunsModel::updated, this, &MainWindow::showState);
  connect(lock_, &SessionLock::changed, this, &MainWindow::tellSeen);
}

Page* MainWindow::pageOf(Page::Kind kind) const {
  const auto found = std::ranges::find_if(pages_, [&](const Page* page) { return page->kind() == kind; });
  return found == pages_.end() ? nullptr : *found;
}

void MainWindow::showPage(int index) {
  if (index < 0 || index >= stack_->count()) return;
  rail_->choose(index);
  stack_->setCurrentIndex(index);
  front_->setCurrentIndex(0);
}

void MainWindow::showPage(Page::Kind kind) {
  if (Page* page = pageOf(kind)) showPage(stack_->indexOf(page));
}

void MainWindow::showRun(const QString& run) {
  Page* page = pageOf(Page::Kind::kAgent);
  if (page == nullptr) return;
  page->showRun(run);
  showPage(stack_->indexOf(page));
}

void MainWindow::showState() {
  std::vector<top::Row> rows;
  for (int i = 0; i < sources_.runs.rowCount(); ++i) rows.push_back(sources_.runs.row(i));
  const client::StopState& stop = sources_.runs.stop();
  bar_->setState(barStateOf(sources_.runs.isKnown() ? Knowledge::kOfNow : Knowledge::kNothing, stop, rows));
  QString trouble = sources_.link.trouble();
  if (trouble.isEmpty() && !stop.alarm.empty())
    trouble = tr("The emergency stop is not ready: %1.").arg(visibleText(stop.alarm));
  bar_->setTrouble(trouble);
  showStopped();
}

// A receipt counts until the daemon was asked after it.
bool MainWindow::isStopped() const {
  if (sinceReceipt_.isValid() && (!sources_.runs.isKnown() || sinceReceipt_.elapsed() < kReceiptCounts)) return true;
  return sources_.runs.isKnown() && sources_.runs.stop().latched;
}

void MainWindow::showStopped() {
  const bool now = isStopped();
  if (!now && sources_.runs.isKnown()) sinceReceipt_.invalidate();
  if (now == std::exchange(wasStopped_, now)) return;
  if (now) {
    sources_.stop.askStatus();
    front_->setCurrentWidget(stopped_);
  } else {
    front_->setCurrentIndex(0);
  }
}

void MainWindow::takeReceipt(const QByteArray& json) {
  const auto facts = stopFactsOf(json);
  if (!facts) return;
  bar_->setNotice({});
  stopped_->showStop(*facts);
  if (!facts->latched) return;
  sinceReceipt_.start();
  showStopped();
  front_->setCurrentWidget(stopped_);
}

void MainWindow::pressStop() {
  // Two presses within three seconds end this person's agents; a double click must not be two of them.
  if (!stopGuard_.isOpen()) return;
  stopGuard_.hold();
  bar_->setNotice(tr("Stopping everything…"));
  sources_.stop.stopAll("panel");
}

// Nobody took the stop, or what became of it is not known: the daemon is asked to hold what is this person's, which is
// no second stop.
void MainWindow::stopWithoutHelp(Stopped stopped, const QString& why) {
  const QString first = stopped == Stopped::kNothing
                            ? tr("The emergency stop was not carried out: %1.").arg(why)
                            : tr("It is not known whether everything was stopped: %1.").arg(why);
  bar_->setNotice(tr("%1 The daemon is asked to pause your agents.", "what became of the stop").arg(first));
  sources_.link.ask<client::Client::Acted>(
      this, [](client::Client& daemon) { return daemon.act(client::Client::Verb::kFreezeAtOnce, {}); },
      [this, stopped, first](const client::Answer<client::Client::Acted>& answer) {
        if (const auto* failure = std::get_if<client::Failure>(&answer)) {
          const QString trouble = troubleOf(*failure);
          bar_->setNotice(stopped == Stopped::kNothing
                              ? tr("%1 Your agents were not paused either: %2").arg(first, trouble)
                              : tr("%1 The daemon did not pause your agents: %2").arg(first, trouble));
          return;
        }
        const int count = static_cast<int>(std::get<client::Client::Acted>(answer).runs.size());
        bar_->setNotice(
            (stopped == Stopped::kNothing
                 ? tr("%1 The daemon paused %n agent(s) of yours; new ones can still be started.", nullptr, count)
                 : tr("%1 The daemon paused %n agent(s) of yours.", nullptr, count))
                .arg(first));
      });
}

void MainWindow::focusNextPart() {
  const QWidget* now = QApplication::focusWidget();
  if (now != nullptr && bar_->isAncestorOf(now)) {
    QWidget* next = front_->currentWidget() == stopped_ ? stopped_->firstControl() : rail_->chosen();
    if (next != nullptr) next->setFocus(Qt::ShortcutFocusReason);
  } else if (now != nullptr && rail_->isAncestorOf(now) && stack_->currentWidget() != nullptr) {
    QWidget* page = stack_->currentWidget();
    page->setFocus(Qt::ShortcutFocusReason);
    if (!page->hasFocus() && page->nextInFocusChain() != nullptr)
      page->nextInFocusChain()->setFocus(Qt::ShortcutFocusReason);
  } else {
    bar_->firstControl()->setFocus(Qt::ShortcutFocusReason);
  }
}

void MainWindow::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::WindowStateChange) tellSeen();
}

void MainWindow::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  tellSeen();
}

void MainWindow::hideEvent(QHideEvent* event) {
  QWidget::hideEvent(event);
  tellSeen();
}

void MainWindow::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  layOut();
}

void MainWindow::layOut() {
  const Layout wanted = width() < kNarrow ? Layout::kTouch : Layout::kDesktop;
  if (wanted == layout_) return;
  layout_ = wanted;
  middle_->setDirection(wanted == Layout::kTouch ? QBoxLayout::BottomToTop : QBoxLayout::LeftToRight);
  rail_->setLayoutOf(wanted);
  bar_->setLayoutOf(wanted);
  if (auto* style = qobject_cast<TargetStyle*>(QApplication::style()))
    style->setLeastTarget(wanted == Layout::kTouch ? kLeastTouchTarget : kLeastTarget);
}

void MainWindow::tellSeen() {
  const bool isSeen = isVisible() && !isMinimized() && !lock_->isLocked();
  const bool arePages = isSeen && front_->currentWidget() != stopped_;
  Page* now =
      arePages && stack_->currentIndex() >= 0 ? pages_[static_cast<std::size_t>(stack_->currentIndex())] : nullptr;
  sources_.link.watchRuns(isSeen ? Link::Watch::kYes : Link::Watch::kNo);
  if (now == seen_) return;
  if (seen_ != nullptr) seen_->setSeen(false);
  seen_ = now;
  if (seen_ != nullptr) seen_->setSeen(true);
}

}  // namespace ringfence::ui
