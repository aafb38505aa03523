#include <fcntl.h>

#include <charconv>
#include <csignal>

#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/lost_start.h"
#include "ui/cli/question_shapes.h"
#include "ui/cli/run_request.h"
#include "ui/cli/session.h"
#include "ui/cli/shapes.h"

namespace ringfence::cli {
namespace {

// A signal that came while the daemon was starting the command: passed on once it runs. A second one ends this program.
volatile std::sig_atomic_t earlySignal = 0;

void noteEarlySignal(int number) {
  if (earlySignal != 0) {
    (void)::signal(number, SIG_DFL);
    (void)::raise(number);
  }
  earlySignal = number;
}

void noteEarlySignals() {
  struct sigaction action {};
  action.sa_handler = noteEarlySignal;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction before {};
    (void)::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) (void)::sigaction(number, &action, nullptr);  // nohup stays nohup
  }
}

// Lines for a program that started us. Absent: nobody asked.
class StatusLines {
 public:
  // False when --json-status names no open descriptor.
  bool open(const Parsed& parsed) {
    const auto text = parsed.value("json-status");
    if (!text) return true;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), fd_);
    if (error != std::errc() || end != text->data() + text->size() || fd_ < 0) return false;
    return ::fcntl(fd_, F_SETFD, FD_CLOEXEC) == 0;
  }
  void started(const client::RunAccepted& run) {
    JsonWriter json;
    json.beginObject().field("run", run.run).untrustedField("name", run.name).field("pid", run.pid).endObject();
    write(json.text());
  }
  void notStarted(std::string_view token) {
    JsonWriter json;
    json.beginObject().key("exit").null().field("not_started", token).endObject();
    write(json.text());
  }
  void ended(const client::ExitStatus& exit) { write(exitLine(exit)); }
  void question(const client::PendingEvent& event) { write("{\"question\":" + pendingEventJson(event) + "}"); }

 private:
  void write(const std::string& line) {
    // Whoever asked for the lines may have gone; the command's own status still counts.
    if (fd_ >= 0) (void)writeAll(fd_, line + "\n", "the status descriptor");
  }
  int fd_ = -1;
};

int refuseStart(const NotStarted& reason, StatusLines& lines, Form form) {
  if (reason.token.empty()) {
    complain(reason.message);
    return kExitUsage;
  }
  lines.notStarted(reason.token);
  return failStart(reason.message, reason.token, reason.exitStatus, form);
}

int refuseStart(const client::Failure& failure, StatusLines& lines, Form form) {
  int status = fail(failure, form);
  if (!failure.refusal) return status;
  if (status == kExitFailed) status = kExitNotStarted;  // A status of 1 would be the command's own.
  if (const bool isStart = status >= kExitNotStarted && status <= 127; isStart || !failure.refusal->token.empty()) {
    const std::string token = failure.refusal->token.empty() ? failure.refusal->code : failure.refusal->token;
    lines.notStarted(token);
    complain("not started: " + escapeForDisplay(token));
  }
  return status;
}

// A forbid of whose matches some are not masked, being too many or links; a policy file that counts as it was before it
// was broken, or a key or a grant that gives nothing here or any more.
bool isAboutRules(std::string_view note) {
  return note.starts_with("expanded only") || note.starts_with("not held") || note.starts_with("limits.") ||
         note.find("last good version stays in force") != note.npos || note.find(": this grant ended at ") != note.npos;
}

// What makes a wall or a forbid weaker is said always. Other notes (absent paths, held places) would fill a screen on
// any machine: `ringfence show` has them.
void sayWeakened(const client::RunAccepted& run) {
  for (const client::Weakening& weakening : run.weakened) {
    complain("weakened: " + escapeForDisplay(weakening.wall) + ": " + escapeForDisplay(weakening.reason));
  }
  for (const std::string& note : run.notes) {
    if (isAboutRules(note)) complain("note: " + escapeForDisplay(note));
  }
}

int printStarted(const client::RunAccepted& run, Form form) {
  if (form == Form::kText) {
    printLine(run.run);
    return kExitOk;
  }
  JsonWriter json;
  json.beginObject().field("run", run.run).untrustedField("name", run.name).field("pid", run.pid).endObject();
  printLine(json.text());
  return kExitOk;
}

int printPlan(client::Client& client, const PreparedRun& run, StatusLines& lines, Form form) {
  const auto answer = client.dryRun(run.request);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return refuseStart(*failure, lines, form);
  const auto& document = std::get<client::Document>(answer);
  if (form == Form::kText) {
    print(escapeLines(document.text) + (document.text.ends_with('\n') ? "" : "\n"));
    if (run.adapter) print(describeAdapter(*run.adapter, run.request));
    return kExitOk;
  }
  // One object, with what this side did beside what the daemon would do.
  std::string json = document.json;
  if (json.starts_with('{'))
    json.insert(1, "\"adapter\":" + (run.adapter ? adapterJson(run.adapter->adapter) : std::string("null")) +
                       (json.starts_with("{}") ? "" : ","));
  print(json + (json.ends_with('\n') ? "" : "\n"));
  return kExitOk;
}

int endOf(const SessionEnd& end, const std::string& run, StatusLines& lines) {
  switch (end.how) {
    case SessionEnd::How::kEnded:
      lines.ended(end.exit);
      if (!end.exit.note.empty())
        complain(escapeForDisplay(end.exit.note));
      else if (!end.exit.code && !end.exit.signal)
        complain("nobody saw how " + run + " ended");
      if (end.exit.outOfMemory && end.exit.note.empty())
        complain(run + " ran out of the memory that its policy allows");
      return statusOf(end.exit);
    case SessionEnd::How::kLeft:
      complain("left " + run + " running; 'ringfence attach " + run + "' comes back");
      return kExitOk;
    case SessionEnd::How::kTerminalLost: return 128 + SIGHUP;
    case SessionEnd::How::kDaemonLost: return giveUpDaemon(run);
  }
  return kExitFailed;
}

}  // namespace

int runCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  StatusLines lines;
  if (!lines.open(parsed)) {
    complain("--json-status " + escapeForDisplay(*parsed.value("json-status")) + ": not an open descriptor");
    return kExitUsage;
  }
  auto client = client::Client::connectAhead();
  if (!client) return fail(client.error(), form);
  // From here on as that user: the socket has already said who we are.
  if (const auto user = parsed.value("as")) {
    auto became = becomeUser(*user);
    if (const auto* refused = std::get_if<NotStarted>(&became)) return refuseStart(*refused, lines, form);
  }
  auto prepared = prepareRun(parsed);
  if (const auto* refused = std::get_if<NotStarted>(&prepared)) return refuseStart(*refused, lines, form);
  PreparedRun& run = std::get<PreparedRun>(prepared);
  if (parsed.has("dry-run")) return printPlan(*client, run, lines, form);

  noteEarlySignals();
  auto answer = client->run(run.request);
  bool asksForEnd = false;
  if (const auto* failure = std::get_if<client::Failure>(&answer)) {
    if (failure->run.empty()) return refuseStart(*failure, lines, form);
    auto found = findLostStart(failure->run, run.request);
    if (const auto* refused = std::get_if<NotStarted>(&found)) return refuseStart(*refused, lines, form);
    if (const auto* ended = std::get_if<SessionEnd>(&found)) {
      const bool ranDetached = run.request.detached && ended->how == SessionEnd::How::kEnded;
      if (!ranDetached) return endOf(*ended, failure->run, lines);
      return printStarted({failure->run, run.request.name, 0, {}, {}, {}}, form);  // It began, and is over already.
    }
    FoundStart& start = std::get<FoundStart>(found);
    client = std::move(start.client);
    answer = std::move(start.accepted);
    asksForEnd = !std::get<client::RunAccepted>(answer).terminal;
  }
  auto& accepted = std::get<client::RunAccepted>(answer);
  run.handedOver.clear();
  run.workspace.reset();
  lines.started(accepted);
  sayWeakened(accepted);
  if (run.request.detached) return printStarted(accepted, form);
  SessionStreams streams{std::move(accepted.terminal),
                         LeaveBy::kNothing,
                         std::move(run.inputs),
                         std::move(run.outputs),
                         [&lines](const client::PendingEvent& event) { lines.question(event); },
                         asksForEnd};
  Session session(*std::move(client), accepted.run, std::move(streams));
  if (earlySignal != 0) session.pass(earlySignal);
  return endOf(session.follow(), accepted.run, lines);
}

int attachCommand(const Parsed& parsed) {
  StatusLines lines;
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), Form::kText);
  const auto details = client->show(parsed.words[0]);
  if (const auto* failure = std::get_if<client::Failure>(&details)) return fail(*failure, Form::kText);
  const std::string run = std::get<client::RunDetails>(details).id;
  auto answer = client->attach(run);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, Form::kText);
  auto& attached = std::get<client::Client::Attached>(answer);
  if (!attached.isTerminal) return followAttached(*std::move(client), run, std::move(attached.output));
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    complain(run + " has a terminal: attach to it from one (stdin and stdout), or use 'ringfence logs -f " + run + "'");
    return kExitUsage;
  }
  complain("attached to " + run + "; press Ctrl-\\ and then d to leave it running");
  SessionStreams streams;
  streams.master = std::move(attached.output);
  streams.leaveBy = LeaveBy::kDetachKey;
  const SessionEnd end = Session(*std::move(client), run, std::move(streams)).follow();
  return endOf(end, run, lines);
}

}  // namespace ringfence::cli
