#include "sdk/rpc/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"
#include "sdk/rpc/asker.h"
#include "sdk/rpc/child.h"
#include "sdk/rpc/lines.h"
#include "sdk/rpc/message.h"

namespace ringfence::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

constexpr std::size_t kMaxQueue = 1 << 20;  // bytes for one side; with more nothing is read that could add to them
constexpr std::size_t kBlock = 64 << 10;
// What a pipe takes without blocking once poll says that it takes anything: the descriptors of others stay as they are.
constexpr std::size_t kAtomic = 4096;
constexpr seconds kLeave{3};  // for a server to end after its client has left, then again after SIGTERM
constexpr seconds kDrain{1};  // for the last words of a server that has ended
constexpr seconds kFlush{5};  // for a client to read what is left at the end

void setNonBlocking(int fd) { (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Lines that wait to be written.
class Outbox {
 public:
  void add(const std::string& line) { (bytes_ += line) += '\n'; }
  std::string_view left() const { return std::string_view(bytes_).substr(written_); }
  bool empty() const { return left().empty(); }
  void drop(std::size_t count) {
    written_ += count;
    if (written_ == bytes_.size()) return clear();
    // Each byte is moved once at most.
    if (written_ < kBlock || written_ < bytes_.size() / 2) return;
    bytes_.erase(0, written_);
    written_ = 0;
  }
  void clear() {
    std::string().swap(bytes_);
    written_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t written_ = 0;
};

class Relay {
 public:
  Relay(Mediator& mediator, std::optional<Child> server, UniqueFd signals)
      : mediator_(mediator), server_(std::move(server)), signals_(std::move(signals)) {
    if (!server_) return;
    setNonBlocking(server_->input().get());
    setNonBlocking(server_->output().get());
  }

  Result<int> run() {
    for (;;) {
      work();
      if (const auto status = end()) return *status;
      RF_TRY(wait());
    }
  }

 private:
  bool hasRoom() const { return toClient_.left().size() < kMaxQueue && toServer_.left().size() < kMaxQueue; }
  bool readsClient() const { return !hasClientLeft_ && hasRoom(); }
  bool readsServer() { return server_ && server_->output() && hasRoom(); }

  void apply(const Effects& effects) {
    for (const std::string& line : effects.toClient) toClient_.add(line);
    // One that takes nothing more is told nothing, and what it would have been told fills no memory.
    if (server_ && server_->input()) {
      for (const std::string& line : effects.toServer) toServer_.add(line);
    }
    for (const std::string& key : effects.withdrawn) asker_.withdraw(key);
    for (const Ask& ask : effects.asks) asker_.start(ask);
    if (!effects.doing.empty()) asker_.say(effects.doing);
    asker_.report(effects.used);
    for (const std::string& key : effects.lookups) {
      const Asker::Denial denial = asker_.lastDenial();
      apply(mediator_.found(key, denial.json, denial.trouble));
    }
  }

  // All that can be done without waiting.
  void work() {
    for (const auto& [key, verdict] : asker_.take()) apply(mediator_.answered(key, verdict));
    while (hasRoom()) {
      const auto line = clientLines_.next();
      if (!line) break;
      if (line->isTooLong)
        toClient_.add(mediator_.unreadable("the message is longer than " + formatBytes(kMaxLine)));
      else if (!line->text.empty())
        apply(mediator_.fromClient(line->text));
    }
    while (server_ && hasRoom()) {
      const auto line = serverLines_.next();
      if (!line) break;
      if (line->isTooLong)
        giveUpServer("the server sent a message longer than " + formatBytes(kMaxLine));
      else if (!line->text.empty())
        apply(mediator_.fromServer(line->text));
    }
    if (server_ && !endedAt_ && server_->hasEnded()) endedAt_ = steady_clock::now();
    leave();
  }

  void giveUpServer(std::string why) {
    if (trouble_.empty()) trouble_ = std::move(why);
    server_->signal(SIGKILL);
    server_->output().reset();
  }

  // The client has left: the server is told, and helped after a while.
  void leave() {
    if (!hasClientLeft_ || !server_ || endedAt_) return;
    if (toServer_.empty()) server_->input().reset();
    const Time now = steady_clock::now();
    if (!isClientGone_ || now < leaveBy_) return;
    server_->signal(isAskedToEnd_ ? SIGKILL : SIGTERM);
    isAskedToEnd_ = true;
    leaveBy_ = now + kLeave;
  }

  std::optional<int> end() {
    const Time now = steady_clock::now();
    if (signal_ != 0 && !server_) return 128 + signal_;
    if (!server_) {
      const bool isDone = hasClientLeft_ && toClient_.empty();
      return isDone ? std::optional(0) : std::nullopt;
    }
    if (!endedAt_) return std::nullopt;
    const bool isRead = !server_->output() || now >= *endedAt_ + kDrain;
    if (!isRead) return std::nullopt;
    if (!isTold_) {
      isTold_ = true;
      flushBy_ = now + kFlush;
      apply(mediator_.ended(trouble_.empty() ? "the server has " + server_->howItEnded() : trouble_));
    }
    if (!toClient_.empty() && now < flushBy_) return std::nullopt;
    if (!trouble_.empty()) std::fprintf(stderr, "ringfence: %s, so it was ended\n", trouble_.c_str());
    asker_.finish();
    return server_->status();
  }

  Time wakeAt() const {
    Time wake = asker_.wakeAt();
    if (server_ && isClientGone_ && !endedAt_) wake = std::min(wake, leaveBy_);
    if (endedAt_ && !isTold_) wake = std::min(wake, *endedAt_ + kDrain);
    if (isTold_) wake = std::min(wake, flushBy_);
    return wake;
  }

  Result<void> wait() {
    enum { kClientIn, kClientOut, kServerOut, kServerIn, kSignals, kAsker, kPolls };
    pollfd polls[kPolls];
    for (pollfd& one : polls) one = {-1, 0, 0};
    if (readsClient()) polls[kClientIn] = {STDIN_FILENO, POLLIN, 0};
    if (!toClient_.empty())
      polls[kClientOut] = {STDOUT_FILENO, POLLOUT, 0};
    else if (hasClientLeft_ && !isClientGone_)
      polls[kClientOut] = {STDOUT_FILENO, 0, 0};  // for the moment in which nobody reads it any more
    if (readsServer()) polls[kServerOut] = {server_->output().get(), POLLIN, 0};
    if (server_ && server_->input() && !toServer_.empty()) polls[kServerIn] = {server_->input().get(), POLLOUT, 0};
    polls[kSignals] = {signals_.get(), POLLIN, 0};
    polls[kAsker] = {asker_.fd(), POLLIN, 0};
    const Time wake = wakeAt();
    int timeout = -1;
    if (wake != Time::max()) {
      const auto left = std::chrono::ceil<milliseconds>(wake - steady_clock::now()).count();
      timeout = static_cast<int>(std::clamp<milliseconds::rep>(left, 0, 60'000));
    }
    if (::poll(polls, kPolls, timeout) < 0 && errno != EINTR) return posixError(errno, "waiting for messages");
    if (polls[kSignals].revents != 0) takeSignals();
    if (polls[kClientIn].revents != 0) readClient();
    if (polls[kServerOut].revents != 0) readServer();
    if (polls[kClientOut].revents != 0 && toClient_.empty())
      clientIsGone();
    else if (polls[kClientOut].revents != 0)
      writeClient();
    if (polls[kServerIn].revents != 0) writeServer();
    return {};
  }

  void takeSignals() {
    signalfd_siginfo about{};
    while (::read(signals_.get(), &about, sizeof about) == sizeof about) {
      const int number = static_cast<int>(about.ssi_signo);
      if (number == SIGCHLD) continue;
      signal_ = number;
      if (server_) server_->signal(number);
    }
  }

  void readClient() {
    char block[kBlock];
    const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
    if (got > 0) return clientLines_.feed({block, static_cast<std::size_t>(got)});
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (clientLines_.isWithin()) toClient_.add(mediator_.unreadable("the last message has no end"));
    clientIsSilent();
  }

  // It sends nothing more.
  void clientIsSilent() {
    if (!hasClientLeft_) apply(mediator_.left());
    hasClientLeft_ = true;
    if (mediator_.lastLine() == LastLine::kLeaves) clientIsGone();
  }

  void clientIsGone() {
    if (isClientGone_) return;
    isClientGone_ = true;
    leaveBy_ = steady_clock::now() + kLeave;
    clientIsSilent();
  }

  void readServer() {
    char block[kBlock];
    const ssize_t got = ::read(server_->output().get(), block, sizeof block);
    if (got > 0) return serverLines_.feed({block, static_cast<std::size_t>(got)});
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    server_->output().reset();
  }

  void writeClient() {
    const std::string_view left = toClient_.left();
    const ssize_t put = ::write(STDOUT_FILENO, left.data(), std::min(left.size(), kAtomic));
    if (put > 0) {
      toClient_.drop(static_cast<std::size_t>(put));
    } else if (put < 0 && errno != EINTR && errno != EAGAIN) {
      toClient_.clear();
      clientIsGone();
    }
  }

  void writeServer() {
    const std::string_view left = toServer_.left();
    const ssize_t put = ::write(server_->input().get(), left.data(), std::min(left.size(), kBlock));
    if (put > 0) {
      toServer_.drop(static_cast<std::size_t>(put));
    } else if (put < 0 && errno != EINTR && errno != EAGAIN) {
      toServer_.clear();
      server_->input().reset();
    }
  }

  Mediator& mediator_;
  std::optional<Child> server_;
  UniqueFd signals_;
  Asker asker_;
  LineReader clientLines_, serverLines_;
  Outbox toClient_, toServer_;
  std::string trouble_;
  bool hasClientLeft_ = false, isClientGone_ = false, isAskedToEnd_ = false, isTold_ = false;
  int signal_ = 0;
  Time leaveBy_{}, flushBy_{};
  std::optional<Time> endedAt_;
};

Result<UniqueFd> blockSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return posixError(errno, "blocking signals");
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return posixError(errno, "waiting for signals");
  return signals;
}

}  // namespace

Result<int> relay(Mediator& mediator, const Server& server) {
  UniqueFd signals = RF_TRY(blockSignals());
  std::optional<Child> child;
  if (!server.program.empty()) {
    auto started = Child::start(server.program, server.argv);
    if (!started) return std::move(started).error();
    child.emplace(*std::move(started));
  }
  return Relay(mediator, std::move(child), std::move(signals)).run();
}

}  // namespace ringfence::rpc
