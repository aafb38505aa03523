#include "ui/panel/output_tab.h"

#include <QFontDatabase>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QTextCursor>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/panel/plain_label.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::chrono::milliseconds kTurn{200};  // between looks at the ring: its writer wakes nobody

}  // namespace

OutputTab::OutputTab(Sources sources)
    : sources_(sources), said_(plainLabel()), text_(new QPlainTextEdit), timer_(new QTimer(this)) {
  text_->setReadOnly(true);
  text_->setTabChangesFocus(true);
  text_->setMaximumBlockCount(kMostLines);
  text_->setAccessibleName(tr("Output of this agent"));
  text_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  text_->setUndoRedoEnabled(false);
  auto* column = new QVBoxLayout(this);
  column->addWidget(said_);
  column->addWidget(text_, 1);
  timer_->setInterval(kTurn);
  connect(timer_, &QTimer::timeout, this, &OutputTab::look);
}

void OutputTab::setRun(const std::string& run) {
  run_ = run;
  reader_.reset();
  filter_ = {};
  timer_->stop();
  text_->clear();
  said_->clear();
  if (isSeen_) open();
}

void OutputTab::setSeen(bool seen) {
  isSeen_ = seen;
  if (!seen) return timer_->stop();
  if (reader_ == nullptr) return open();
  look();
  timer_->start();
}

void OutputTab::open() {
  if (run_.empty()) return;
  said_->setText(tr("Asking for its output…"));
  sources_.link.ask<Reader>(
      this,
      [run = run_](client::Client& daemon) -> client::Answer<Reader> {
        auto ring = daemon.outputRing(run);
        if (auto* failure = std::get_if<client::Failure>(&ring)) return std::move(*failure);
        auto opened = OutputRingReader::open(std::move(std::get<UniqueFd>(ring)));
        if (!opened) return client::Failure{std::move(opened).error(), client::Refusal{}, {}};
        return std::make_shared<OutputRingReader>(*std::move(opened));
      },
      [this, run = run_](const client::Answer<Reader>& answer) {
        if (run != run_ || reader_ != nullptr) return;
        if (const auto* failure = std::get_if<client::Failure>(&answer)) {
          const QString why = failure->refusal && failure->refusal->message.empty()
                                  ? visibleText(failure->error.message)
                                  : troubleOf(*failure);
          said_->setText(tr("There is no output to show: %1. What runs in a terminal writes there.").arg(why));
          return;
        }
        reader_ = std::get<Reader>(answer);
        said_->setText(tr("Control characters are shown, not obeyed."));
        look();
        if (isSeen_) timer_->start();
      });
}

void OutputTab::look() {
  const OutputRingReader::Chunk chunk = reader_->read();
  std::string_view bytes = chunk.bytes;
  std::uint64_t lost = chunk.skipped;
  if (bytes.size() > kMostAtOnce) {
    lost += bytes.size() - kMostAtOnce;
    bytes.remove_prefix(bytes.size() - kMostAtOnce);
  }
  if (lost > 0) append(tr("\n[%1 bytes of output came faster than they could be shown]\n").arg(lost));
  if (!bytes.empty()) append(filter_.feed(bytes));
  if (!chunk.ended) return;
  append(filter_.finish());
  timer_->stop();
  said_->setText(tr("Its output has ended. Control characters are shown, not obeyed."));
}

void OutputTab::append(const QString& text) {
  QScrollBar* bar = text_->verticalScrollBar();
  const bool isAtEnd = bar->value() >= bar->maximum();
  QTextCursor end(text_->document());
  end.movePosition(QTextCursor::End);
  end.insertText(text);
  if (isAtEnd) bar->setValue(bar->maximum());
}

}  // namespace ringfence::ui
