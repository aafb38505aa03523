#include "ui/cli/session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/io.h"
#include "ui/cli/output.h"
#include "ui/cli/question_views.h"
#include "ui/cli/screen_tracker.h"

namespace ringfence::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSuspendPatience{500};
constexpr milliseconds kDrainPatience{1'000};
constexpr int kBackgroundTurn = 200;  // how long typing waits after `fg` of a job that never stopped
constexpr int kReconnectTurn = 50;
constexpr milliseconds kAnnouncePatience{1'000};

// nohup and background jobs of scripts ignore some on purpose; blocked, those would come to us all the same.
bool isIgnored(int number) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t handledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGWINCH, SIGCONT, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGPIPE}) {
    if (!isIgnored(number)) sigaddset(&set, number);
  }
  return set;
}

bool isReadable(int fd) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, 0) > 0;
}

}  // namespace

int giveUpDaemon(const std::string& run) {
  complain("the daemon went away and did not come back within 10 seconds; " + run +
           " may still run. When the daemon is back: 'ringfence show " + run + "'");
  return kExitUnreachable;
}

int statusOf(const client::ExitStatus& exit) {
  if (exit.signal) return 128 + *exit.signal;
  return exit.code.value_or(1);
}

Session::Session(client::Client client, std::string run, SessionStreams streams)
    : client_(std::move(client)),
      run_(std::move(run)),
      streams_(std::move(streams)),
      hasTerminal_(static_cast<bool>(streams_.master)),
      usesTerminalInput_(hasTerminal_ || !streams_.inputs.empty()),
      raw_(STDIN_FILENO),
      asksForEnd_(streams_.asksForEnd) {
  const sigset_t handled = handledSignals();
  (void)::sigprocmask(SIG_BLOCK, &handled, nullptr);
  signals_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!hasTerminal_) return;
  const int master = streams_.master.get();
  streams_.inputs.emplace_back(ownDescriptor(STDIN_FILENO, O_RDONLY), UniqueFd(::fcntl(master, F_DUPFD_CLOEXEC, 3)));
  if (streams_.leaveBy == LeaveBy::kDetachKey) streams_.inputs.back().watchDetachKey();
  streams_.outputs.emplace_back(UniqueFd(::fcntl(master, F_DUPFD_CLOEXEC, 3)), ownDescriptor(STDOUT_FILENO, O_WRONLY));
  streams_.outputs.back().trackScreen();
  copyWindowSize();
  takeTerminal();
}

// The signals stay blocked: one that comes now must not replace the command's status with its own.
Session::~Session() { raw_.leave(); }

SessionEnd Session::follow() {
  for (;;) {
    auto end = turn();
    if (!end) continue;
    const bool cleanedUp = end->how == SessionEnd::How::kEnded && !end->exit.signal;
    if (hasTerminal_ && !cleanedUp && !terminalLost_ && ::isatty(STDOUT_FILENO) == 1) {
      (void)writeAll(STDOUT_FILENO, screenReset(),
                     "the terminal");  // Best effort: the words on it count, not its colours.
    }
    raw_.leave();
    return *std::move(end);
  }
}

std::optional<SessionEnd> Session::turn() {
  using How = SessionEnd::How;
  handleEvents();
  if (exit_) {
    drainOutputs();
    return SessionEnd{How::kEnded, *exit_};
  }
  announce();
  std::vector<pollfd> polls{{signals_.get(), POLLIN, 0}, {giveUpAt_ ? -1 : client_.fd(), POLLIN, 0}};
  for (Channel& channel : streams_.inputs) channel.prepare(polls, inputReading());
  for (Channel& channel : streams_.outputs) channel.prepare(polls, Channel::Reading::kYes);
  if (::poll(polls.data(), polls.size(), pollTimeout()) < 0) return std::nullopt;  // EINTR: look again.

  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    handleSignal(static_cast<int>(info.ssi_signo));
  }
  for (Channel& channel : streams_.inputs) channel.serve(polls);
  for (Channel& channel : streams_.outputs) channel.serve(polls);
  const bool left = std::any_of(streams_.inputs.begin(), streams_.inputs.end(),
                                [](const Channel& c) { return c.detachKeyPressed(); });
  if (hasTerminal_ && streams_.inputs.front().sourceEnded()) terminalLost_ = true;
  if (left || terminalLost_) {
    if (!giveUpAt_) (void)client_.detach(run_);  // Closing the connection says the same of a run with a terminal.
    return SessionEnd{left ? How::kLeft : How::kTerminalLost, {}};
  }
  if (suspendAt_ && steady_clock::now() >= *suspendAt_) suspend();
  if (giveUpAt_) {
    reconnect();
    if (giveUpAt_ && steady_clock::now() >= *giveUpAt_) return SessionEnd{How::kDaemonLost, {}};
  } else if (hasTerminal_) {
    takeTerminal();
  } else if (asksForEnd_) {
    lookAfterEnd();
  }
  return std::nullopt;
}

int Session::pollTimeout() const {
  if (giveUpAt_) return kReconnectTurn;
  if (suspendAt_ || asksForEnd_ || announceBy_) return kReconnectTurn;
  return usesTerminalInput_ && !isForeground(STDIN_FILENO) ? kBackgroundTurn : -1;
}

Channel::Reading Session::inputReading() const {
  // Reading a terminal from the background would stop this process.
  return isForeground(STDIN_FILENO) ? Channel::Reading::kYes : Channel::Reading::kPaused;
}

void Session::handleSignal(int number) {
  switch (number) {
    case SIGWINCH: copyWindowSize(); break;
    case SIGCONT:  // Stopped and continued by somebody else than us: the terminal may have another mode now.
      if (hasTerminal_) {
        raw_.forget();
        takeTerminal();
        copyWindowSize();
      }
      break;
    case SIGHUP:
      if (hasTerminal_)
        terminalLost_ = true;
      else
        sendSignal(SIGHUP);
      break;
    case SIGTSTP:
      sendSignal(SIGTSTP);
      suspendAt_ = steady_clock::now() + kSuspendPatience;
      break;
    case SIGINT:
    case SIGTERM:
    case SIGQUIT: sendSignal(number); break;
    default: break;
  }
}

void Session::handleEvents() {
  while (!exit_ && !giveUpAt_ && (client_.hasWaitingEvent() || isReadable(client_.fd()))) {
    auto answer = client_.nextRunEvent();
    if (std::holds_alternative<client::Failure>(answer))
      loseDaemon();
    else
      handleEvent(std::get<client::RunEvent>(answer));
  }
}

void Session::handleEvent(const client::RunEvent& event) {
  if (const auto* exit = std::get_if<client::ExitStatus>(&event))
    exit_ = *exit;
  else if (std::holds_alternative<client::StoppedBy>(event))
    suspend();
  else if (const auto* asked = std::get_if<client::PendingItem>(&event))
    handleQuestion(*asked);
  else if (const auto* gone = std::get_if<client::PendingGone>(&event))
    handleQuestion(*gone);
  else if (const auto* governed = std::get_if<client::Governed>(&event))
    tell(governedText(run_, *governed));
}

// Told once, and never answered here: what stands on this terminal may be written by the agent.
void Session::handleQuestion(const client::PendingEvent& event) {
  if (streams_.onQuestion) streams_.onQuestion(event);
  if (const auto* gone = std::get_if<client::PendingGone>(&event)) {
    announced_.erase(gone->id);
    return;
  }
  const auto& item = std::get<client::PendingItem>(event);
  if (!announced_.insert(item.id).second) return;
  const auto size = windowSize(hasTerminal_ ? STDOUT_FILENO : STDERR_FILENO);
  tell(announcement(item, size ? size->ws_col : 0));
}

// A line of ours, where a person sees it.
void Session::tell(const std::string& line) {
  if (hasTerminal_)
    announcements_.push_back(rowAbove(line));
  else if (::isatty(STDERR_FILENO) == 1)
    (void)writeAll(STDERR_FILENO, line + "\n", "stderr");  // What it tells of is so all the same.
}

void Session::announce() {
  const Instant now = steady_clock::now();
  while (!announcements_.empty()) {
    if (!announceBy_) announceBy_ = now + kAnnouncePatience;
    const bool late = now >= *announceBy_;
    if (!streams_.outputs.back().insert(announcements_.front(),
                                        late ? Channel::Insert::kAnyhow : Channel::Insert::kBetween) &&
        !late)
      return;
    announcements_.pop_front();
    announceBy_.reset();
  }
}

// What Ctrl-Z does to a program: with a terminal everything of the shell's job stops, as its driver would have done it.
void Session::suspend() {
  suspendAt_.reset();
  drainOutputs();
  raw_.leave();
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTSTP);
  (void)::sigprocmask(SIG_UNBLOCK, &stop, nullptr);
  if (hasTerminal_)
    (void)::kill(0, SIGTSTP);
  else
    (void)::raise(SIGTSTP);
  // Continued (or never stopped: nobody could continue a group without a shell).
  (void)::sigprocmask(SIG_BLOCK, &stop, nullptr);
  dropStaleStops();
  sendSignal(SIGCONT);
  if (hasTerminal_) {
    takeTerminal();
    copyWindowSize();
  }
}

// Reports of stops that this continue has overtaken.
void Session::dropStaleStops() {
  while (!exit_ && !giveUpAt_ && (client_.hasWaitingEvent() || isReadable(client_.fd()))) {
    auto answer = client_.nextRunEvent();
    if (std::holds_alternative<client::Failure>(answer))
      loseDaemon();
    else if (!std::holds_alternative<client::StoppedBy>(std::get<client::RunEvent>(answer)))
      handleEvent(std::get<client::RunEvent>(answer));
  }
}

void Session::sendSignal(int number) {
  if (!giveUpAt_) {
    const auto answer = client_.signal(run_, number);
    const auto* failure = std::get_if<client::Failure>(&answer);
    if (failure == nullptr || failure->refusal) return;  // Refused: it has ended, and says so next.
    loseDaemon();
  }
  undelivered_.push_back(number);
}

void Session::loseDaemon() {
  if (!giveUpAt_) giveUpAt_ = steady_clock::now() + kDaemonPatience;
}

void Session::reconnect() {
  auto connected = client::Client::connect();
  if (!connected) return;
  if (hasTerminal_) {
    const auto attached = connected->attach(run_);
    if (std::holds_alternative<client::Failure>(attached)) {
      // It may have ended meanwhile; otherwise the daemon is not yet ready for it.
      const auto details = connected->show(run_);
      const auto* run = std::get_if<client::RunDetails>(&details);
      if (run != nullptr && run->state == "ended") exit_ = run->exit.value_or(client::ExitStatus{});
      return;
    }
  } else {
    const auto details = connected->show(run_);
    if (std::holds_alternative<client::Failure>(details)) return;
    asksForEnd_ = true;
  }
  client_ = *std::move(connected);
  giveUpAt_.reset();
  for (const int number : std::exchange(undelivered_, {})) sendSignal(number);
}

void Session::lookAfterEnd() {
  const auto answer = client_.show(run_);
  const auto* run = std::get_if<client::RunDetails>(&answer);
  if (run == nullptr)
    loseDaemon();
  else if (run->state == "ended")
    exit_ = run->exit.value_or(client::ExitStatus{});
}

void Session::takeTerminal() {
  if (isForeground(STDIN_FILENO)) raw_.enter();
}

void Session::copyWindowSize() {
  if (!hasTerminal_) return;
  if (const auto size = windowSize(STDIN_FILENO)) (void)::ioctl(streams_.master.get(), TIOCSWINSZ, &*size);
}

// What the run wrote before it ended or stopped still belongs on the screen.
void Session::drainOutputs() {
  const Instant deadline = steady_clock::now() + kDrainPatience;
  const int patience = exit_ ? 100 : 0;
  for (;;) {
    std::vector<pollfd> polls;
    for (Channel& channel : streams_.outputs) channel.prepare(polls, Channel::Reading::kYes);
    const bool open =
        std::any_of(streams_.outputs.begin(), streams_.outputs.end(), [](const Channel& c) { return !c.done(); });
    if (!open || polls.empty() || steady_clock::now() >= deadline) return;
    if (::poll(polls.data(), polls.size(), patience) == 0) {
      if (!exit_) return;
      continue;
    }
    for (Channel& channel : streams_.outputs) channel.serve(polls);
  }
}

}  // namespace ringfence::cli
