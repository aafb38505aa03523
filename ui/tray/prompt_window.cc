#include "ui/tray/prompt_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <chrono>

#include "ui/shared/link.h"
#include "ui/shared/prompt/phrase.h"
#include "ui/shared/prompt/prompt_view.h"

namespace ringfence::ui {
namespace {

Snapshot snapshotOf(const client::RunListing& listing) {
  auto reading = std::make_shared<top::Reading>();
  reading->at = std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now().time_since_epoch());
  reading->runs = listing.runs;
  reading->stop = listing.stop;
  return reading;
}

}  // namespace

// The title and, by the name of the application's desktop file, the icon are always the same.
PromptWindow::PromptWindow(Link& link)
    : QWidget(nullptr, Qt::Window), view_(new PromptView(link, &runs_)), next_(new QPushButton(tr("Next question"))) {
  setWindowTitle(tr("Ringfence asks"));
  // Qt looks at this once, when the window is made: who wants the window gets the focus by asking for it.
  setAttribute(Qt::WA_ShowWithoutActivating);
  next_->setAutoDefault(false);
  next_->setObjectName("next");
  auto* column = new QVBoxLayout(this);
  column->addWidget(view_, 1);
  column->addWidget(next_, 0, Qt::AlignRight);
  connect(next_, &QPushButton::clicked, this, [this] {
    queue_.next();
    refresh(Manner::kByItself);
  });
}

void PromptWindow::take(const std::vector<client::PendingItem>& waiting,
                        const std::optional<client::RunListing>& listing, const Setting& setting) {
  waiting_ = waiting;
  std::vector<std::uint64_t> ids;
  ids.reserve(waiting_.size());
  for (const client::PendingItem& item : waiting_) ids.push_back(item.id);
  if (listing && !ids.empty()) runs_.show(snapshotOf(*listing));
  queue_.setAudience(setting.audience);
  queue_.setQuiet(setting.quiet);
  queue_.update(std::move(ids));
  refresh(Manner::kByItself);
}

void PromptWindow::open() {
  queue_.open();
  refresh(Manner::kWanted);
}

void PromptWindow::refresh(Manner manner) {
  const auto shown = queue_.shown();
  if (!shown) {
    hide();
    return view_->present({});
  }
  const auto item = std::ranges::find(waiting_, shown->question, &client::PendingItem::id);
  view_->present({*item}, {shown->position, shown->count});
  next_->setVisible(shown->count > 1);
  if (!isVisible()) {
    view_->setPhrase(readPhrase().text);
    show();
    if (manner == Manner::kByItself) QApplication::alert(this);
  }
  if (manner == Manner::kWanted) {
    setWindowState(windowState() & ~Qt::WindowMinimized);
    raise();
    activateWindow();
  }
}

void PromptWindow::closeEvent(QCloseEvent* event) {
  queue_.putAside();
  refresh(Manner::kByItself);
  event->ignore();
}

}  // namespace ringfence::ui
