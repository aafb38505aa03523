#include "ui/cli/freeze_wait.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>

#include "sdk/base/text.h"
#include "ui/cli/terminal.h"
#include "ui/cli/views.h"

namespace ringfence::cli {
namespace {

constexpr int kLookEveryMs = 200;
constexpr std::size_t kUsualColumns = 80;

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

// Restores what was there.
class InterruptWatch {
 public:
  InterruptWatch() {
    struct sigaction action {};
    action.sa_handler = interrupt;  // No SA_RESTART: whatever waits returns.
    ::sigaction(SIGINT, &action, &before_);
  }
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  ~InterruptWatch() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

// One line of a terminal, written over again and again.
class ProgressLine {
 public:
  void show(const std::string& text) {
    if (!isTerminal_ || text == shown_) return;
    const auto size = windowSize(STDERR_FILENO);
    const std::size_t columns = size && size->ws_col > 1 ? size->ws_col - 1U : kUsualColumns;
    std::string line = text;
    if (line.size() > columns) {
      std::size_t cut = columns - 1;
      while (cut > 0 && (line[cut] & 0xc0) == 0x80) --cut;
      line = line.substr(0, cut) + "…";
    }
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    shown_ = text;
  }
  void clear() {
    if (!shown_.empty()) std::fprintf(stderr, "\r\033[K");
    shown_.clear();
  }

 private:
  bool isTerminal_ = ::isatty(STDERR_FILENO) != 0;
  std::string shown_;
};

bool isPausing(const client::RunDetails& run) { return run.state == "running" && run.pausing.has_value(); }

int sayLeft(const std::vector<client::RunDetails>& waiting) {
  for (const client::RunDetails& run : waiting) {
    complain("left alone: " + escapeForDisplay(run.id) + " is frozen all the same, " +
             (run.pausing ? pausingText(*run.pausing) : std::string("soon")) + "; 'ringfence resume " +
             escapeForDisplay(run.id) + "' takes that back");
  }
  return 128 + SIGINT;
}

std::string progressOf(const std::vector<client::RunDetails>& waiting) {
  std::string text = waitingText(waiting.front());
  if (waiting.size() > 1) text += " and " + std::to_string(waiting.size() - 1) + " more";
  return text + "; again with --now for at once";
}

std::string whyNot(const client::RunDetails& run) {
  if (run.state == "running") return run.id + " was not frozen: somebody let it go on before";
  return run.id + " was not frozen: it is " + run.state;
}

}  // namespace

int awaitFrozen(client::Client& client, std::vector<std::string> runs, Form form,
                const std::function<void(const std::string&)>& frozen) {
  if (runs.empty()) return kExitOk;
  const InterruptWatch watch;
  ProgressLine progress;
  int status = kExitOk;
  std::vector<client::RunDetails> waiting;  // as they were seen last
  for (const std::string& run : runs) waiting.emplace_back().id = run;
  while (true) {
    std::vector<client::RunDetails> still;
    for (const std::string& run : runs) {
      const auto answer = client.show(run);
      if (interrupted != 0) break;
      if (const auto* failure = std::get_if<client::Failure>(&answer)) {
        progress.clear();
        if (!failure->refusal && form == Form::kText)
          complain("what was to be frozen is held at once when the daemon is back");
        return fail(*failure, form);
      }
      const auto& details = std::get<client::RunDetails>(answer);
      if (isPausing(details)) {
        still.push_back(details);
        continue;
      }
      progress.clear();
      if (details.state == "frozen") {
        frozen(run);
        continue;
      }
      status = kExitFailed;
      (void)fail(Error{ErrorCode::kInvalid, whyNot(details), 0}, form);
    }
    if (interrupted != 0) {
      progress.clear();
      return sayLeft(waiting);
    }
    if (still.empty()) return status;
    waiting = std::move(still);
    runs.clear();
    for (const client::RunDetails& run : waiting) runs.push_back(run.id);
    progress.show(progressOf(waiting));
    (void)::poll(nullptr, 0, kLookEveryMs);
  }
}

}  // namespace ringfence::cli
