#include "ui/panel/log_export.h"

#include <QSaveFile>
#include <QTimer>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "ui/cli/shapes.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

struct LogExport::State {
  std::atomic<bool> isCancelled{false}, isDone{false};
  std::atomic<std::uint64_t> written{0};
  std::uint64_t expected = 0;
  QString trouble;  // to be read once isDone

  // Writes what `next` gives until it gives nothing more. In any thread.
  void write(const QString& path, const std::function<client::Answer<const client::LogLine*>()>& next) {
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) return end(file.errorString());
    while (!isCancelled) {
      const auto answer = next();
      if (const auto* failure = std::get_if<client::Failure>(&answer)) return end(troubleOf(*failure));
      const client::LogLine* line = std::get<const client::LogLine*>(answer);
      if (line == nullptr) break;
      const std::string text = cli::logJson(*line) + "\n";
      if (file.write(text.data(), static_cast<qint64>(text.size())) < 0) return end(file.errorString());
      ++written;
    }
    if (isCancelled) file.cancelWriting();
    end(file.commit() || isCancelled ? QString() : file.errorString());
  }
  void end(const QString& why) {
    trouble = why;
    isDone = true;
  }
};

LogExport::LogExport(QObject* parent) : QObject(parent), timer_(new QTimer(this)) {
  timer_->setInterval(100);
  connect(timer_, &QTimer::timeout, this, &LogExport::look);
}

LogExport::~LogExport() { cancel(); }

void LogExport::begin(std::uint64_t expected) {
  state_ = std::make_shared<State>();
  state_->expected = expected;
  timer_->start();
}

void LogExport::writeLines(std::vector<std::shared_ptr<const client::LogLine>> lines, const QString& file) {
  if (isBusy()) return;
  begin(lines.size());
  // A disk may take as long as it likes: nobody waits for this thread.
  std::thread([state = state_, lines = std::move(lines), file] {
    std::size_t at = 0;
    state->write(file, [&]() -> client::Answer<const client::LogLine*> {
      return at < lines.size() ? lines[at++].get() : nullptr;
    });
  }).detach();
}

void LogExport::writeLog(Link& link, const QString& file, std::uint64_t expected) {
  if (isBusy()) return;
  begin(expected);
  link.ask<std::monostate>(
      this,
      [state = state_, file](client::Client& daemon) -> client::Answer<std::monostate> {
        auto begun = daemon.beginLog("", 0, false);
        if (std::holds_alternative<client::Failure>(begun)) return begun;
        std::optional<client::LogLine> line;
        state->write(file, [&]() -> client::Answer<const client::LogLine*> {
          auto answer = daemon.nextLogLine();
          if (auto* failure = std::get_if<client::Failure>(&answer)) return std::move(*failure);
          line = std::get<0>(std::move(answer));
          return line ? &*line : nullptr;
        });
        if (state->trouble.isEmpty() && !state->isCancelled) return std::monostate{};
        // Without a refusal the connection is given up: the rest of the log may still be on it.
        return client::Failure{{ErrorCode::kUnavailable, "the rest was not read"}, std::nullopt, {}};
      },
      [state = state_](const client::Answer<std::monostate>& answer) {
        if (state->isDone) return;
        const auto* failure = std::get_if<client::Failure>(&answer);
        state->end(failure != nullptr ? troubleOf(*failure) : QString());
      },
      Link::Lane::kReports);
}

void LogExport::cancel() {
  if (state_ != nullptr) state_->isCancelled = true;
  state_.reset();
  timer_->stop();
}

void LogExport::look() {
  const auto state = state_;
  emit progressed(state->written, state->expected);
  if (!state->isDone) return;
  state_.reset();
  timer_->stop();
  emit finished(state->trouble, state->written);
}

}  // namespace ringfence::ui
