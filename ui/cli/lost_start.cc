#include "ui/cli/lost_start.h"

#include <chrono>
#include <optional>
#include <thread>

#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

using Outcome = std::variant<FoundStart, SessionEnd, NotStarted>;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::chrono::milliseconds kInterval{50};

Outcome endOf(const client::RunDetails& run) {
  // A launch that was refused has the wall or step that stopped it.
  if (!run.token.empty()) return NotStarted{"the run was refused while the daemon was restarted", run.token};
  const client::ExitStatus exit = run.exit.value_or(client::ExitStatus{});
  // No wall was ever read back, so the command never ran.
  if (!exit.code && !exit.signal && run.walls.empty())
    return NotStarted{"the daemon was restarted while the run was being started: " + escapeForDisplay(exit.note),
                      "daemon"};
  return SessionEnd{SessionEnd::How::kEnded, exit};
}

// Nothing: not known yet.
std::optional<Outcome> lookOnce(const std::string& id, const client::RunRequest& request) {
  auto connected = client::Client::connect();
  if (!connected) return std::nullopt;
  auto answer = connected->show(id);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) {
    if (!failure->refusal || failure->refusal->code != "not-found") return std::nullopt;
    return NotStarted{"the daemon was restarted before the run was recorded; nothing of it runs", "daemon"};
  }
  client::RunDetails& run = std::get<client::RunDetails>(answer);
  if (run.state == "ended") return endOf(run);
  if (run.state == "starting") return std::nullopt;
  client::RunAccepted accepted{run.id, run.name, run.pid, std::move(run.weakened), std::move(run.notes), {}};
  if (request.stdio == client::StdioMode::kTerminal && !request.detached) {
    auto attached = connected->attach(id);
    if (std::holds_alternative<client::Failure>(attached)) return std::nullopt;  // Ended just now, or not yet adopted.
    accepted.terminal = std::move(std::get<client::Client::Attached>(attached).output);
  }
  return FoundStart{*std::move(connected), std::move(accepted)};
}

}  // namespace

Outcome findLostStart(const std::string& run, const client::RunRequest& request) {
  const auto deadline = steady_clock::now() + kPatience;
  for (;;) {
    if (auto found = lookOnce(run, request)) return *std::move(found);
    if (steady_clock::now() >= deadline) return SessionEnd{SessionEnd::How::kDaemonLost, {}};
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace ringfence::cli
