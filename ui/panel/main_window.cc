#include "ui/panel/main_window.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QListWidget>
#include <QStackedWidget>

namespace ringfence::ui {

MainWindow::MainWindow(Sources sources, std::vector<Page*> pages)
    : sources_(sources), pages_(std::move(pages)), rail_(new QListWidget), stack_(new QStackedWidget) {
  setWindowTitle(tr("Ringfence"));
  rail_->setAccessibleName(tr("Pages"));
  for (Page* page : pages_) {
    rail_->addItem(new QListWidgetItem(page->icon(), page->title()));
    stack_->addWidget(page);
  }
  auto* row = new QHBoxLayout(this);
  row->addWidget(rail_);
  row->addWidget(stack_, 1);
  connect(rail_, &QListWidget::currentRowChanged, this, [this](int index) {
    stack_->setCurrentIndex(index);
    tellSeen();
  });
  rail_->setCurrentRow(0);
}

void MainWindow::showPage(int index) { rail_->setCurrentRow(index); }

int MainWindow::shownPage() const { return stack_->currentIndex(); }

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

void MainWindow::tellSeen() {
  const bool isVisible = this->isVisible() && !isMinimized();
  Page* now =
      isVisible && stack_->currentIndex() >= 0 ? pages_[static_cast<std::size_t>(stack_->currentIndex())] : nullptr;
  sources_.link.watchRuns(isVisible ? Link::Watch::kYes : Link::Watch::kNo);
  if (now == seen_) return;
  if (seen_ != nullptr) seen_->setSeen(false);
  seen_ = now;
  if (seen_ != nullptr) seen_->setSeen(true);
}

}  // namespace ringfence::ui
