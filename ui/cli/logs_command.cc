#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <variant>

#include "sdk/base/output_ring.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/output_filter.h"
#include "ui/cli/session.h"
#include "ui/cli/shapes.h"

namespace ringfence::cli {
namespace {

constexpr int kRingTurn = 50;  // milliseconds between looks at a ring: its writer wakes nobody

enum class Shown { kExactly, kEscaped, kJson };

// Puts a ring's bytes on stdout, and says what was lost.
class RingPrinter {
 public:
  RingPrinter(OutputRingReader reader, Shown shown) : reader_(std::move(reader)), shown_(shown) {}

  enum class State { kMore, kNothingNew, kEnded };
  State step() {
    const OutputRingReader::Chunk chunk = reader_.read();
    if (chunk.skipped > 0) sayLost(chunk.skipped);
    if (!chunk.bytes.empty()) show(chunk.bytes);
    if (chunk.ended) return State::kEnded;
    return chunk.bytes.empty() ? State::kNothingNew : State::kMore;
  }
  // Everything that is there now.
  State catchUp() {
    State state = step();
    while (state == State::kMore) state = step();
    return state;
  }
  void finish() {
    if (shown_ == Shown::kEscaped) print(filter_.finish());
  }

 private:
  void sayLost(std::uint64_t bytes) {
    if (shown_ == Shown::kJson)
      printLine("{\"lost\":" + std::to_string(bytes) + "}");
    else
      complain(std::to_string(bytes) + " bytes of output were lost: the run wrote faster than they were read");
  }
  void show(const std::string& bytes) {
    switch (shown_) {
      case Shown::kExactly: print(bytes); break;
      case Shown::kEscaped: print(filter_.feed(bytes)); break;
      case Shown::kJson: printLine(outputJson(bytes)); break;
    }
  }

  OutputRingReader reader_;
  Shown shown_;
  OutputFilter filter_;
};

Shown shownFor(const Parsed& parsed) {
  if (parsed.has("json")) return Shown::kJson;
  return ::isatty(STDOUT_FILENO) == 1 && !parsed.has("raw") ? Shown::kEscaped : Shown::kExactly;
}

}  // namespace

int logsCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  auto answer = client->outputRing(parsed.words[0]);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  auto reader = OutputRingReader::open(std::move(std::get<UniqueFd>(answer)));
  if (!reader) return fail(std::move(reader).error().with("output of " + parsed.words[0]), form);
  RingPrinter printer(*std::move(reader), shownFor(parsed));
  auto state = printer.catchUp();
  while (parsed.has("follow") && state != RingPrinter::State::kEnded) {
    // The connection tells nothing about output, but its end means that the daemon has gone: the ring itself goes on.
    ::poll(nullptr, 0, kRingTurn);
    state = printer.catchUp();
  }
  printer.finish();
  if (form == Form::kJson && state == RingPrinter::State::kEnded) printLine("{\"ended\":true}");
  return kExitOk;
}

namespace {

// One try to follow the run on a new connection. Nothing: the daemon is not there yet, or not yet ready for the run.
std::optional<std::variant<client::Client, client::ExitStatus>> attachAgain(const std::string& run) {
  auto client = client::Client::connect();
  if (!client) return std::nullopt;
  // The ring is the one that is being read already: whoever keeps the run hands on the same.
  if (!std::holds_alternative<client::Failure>(client->attach(run))) return *std::move(client);
  const auto answer = client->show(run);
  const auto* details = std::get_if<client::RunDetails>(&answer);
  if (details == nullptr || details->state != "ended") return std::nullopt;
  return details->exit.value_or(client::ExitStatus{});
}

// As above until it succeeds, showing what the run writes meanwhile. Nothing: the daemon stays away.
std::optional<std::variant<client::Client, client::ExitStatus>> awaitDaemon(const std::string& run,
                                                                            RingPrinter& printer) {
  const auto deadline = std::chrono::steady_clock::now() + kDaemonPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    (void)printer.catchUp();
    if (auto again = attachAgain(run)) return again;
    ::poll(nullptr, 0, kRingTurn);
  }
  return std::nullopt;
}

}  // namespace

int followAttached(client::Client client, const std::string& run, UniqueFd ring) {
  auto reader = OutputRingReader::open(std::move(ring));
  if (!reader) return fail(std::move(reader).error().with("output of " + run), Form::kText);
  RingPrinter printer(*std::move(reader), ::isatty(STDOUT_FILENO) == 1 ? Shown::kEscaped : Shown::kExactly);
  std::optional<client::ExitStatus> exit;
  while (!exit) {
    (void)printer.catchUp();
    pollfd poll{client.fd(), POLLIN, 0};
    if (!client.hasWaitingEvent() && ::poll(&poll, 1, kRingTurn) <= 0) continue;
    auto answer = client.nextRunEvent();
    if (const auto* failure = std::get_if<client::Failure>(&answer)) {
      if (failure->refusal) return fail(*failure, Form::kText);
      auto again = awaitDaemon(run, printer);
      if (!again) return giveUpDaemon(run);
      if (auto* connected = std::get_if<client::Client>(&*again))
        client = std::move(*connected);
      else
        exit = std::get<client::ExitStatus>(*again);
    } else if (const auto* ended = std::get_if<client::ExitStatus>(&std::get<client::RunEvent>(answer))) {
      exit = *ended;
    }
  }
  (void)printer.catchUp();
  printer.finish();
  return statusOf(*exit);
}

}  // namespace ringfence::cli
