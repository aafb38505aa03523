#include "sandbox/launcher/run.h"

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace ringfence::sandbox {
namespace {

int fdOf(const Run& run, HeldFd held) {
  switch (held) {
    case HeldFd::kPidfd: return run.pidfd.get();
    case HeldFd::kReport: return run.report.get();
    case HeldFd::kTerminal: return run.terminal.get();
    case HeldFd::kOutputRing: return run.ring ? run.ring->fd() : -1;
    case HeldFd::kOutputPipe: return run.outputPipe.get();
    case HeldFd::kListener: return run.listener.get();
    case HeldFd::kCalls: return run.calls.get();
    case HeldFd::kWarden: return run.warden.daemonEnd.get();
    case HeldFd::kWardenEnd: return run.warden.guardEnd.get();
    case HeldFd::kWardenActions: return run.warden.actions.get();
    case HeldFd::kEgress: return run.egress.daemonEnd.get();
    case HeldFd::kEgressEnd: return run.egress.guardEnd.get();
    case HeldFd::kEgressActions: return run.egress.actions.get();
    case HeldFd::kDenials: return run.denials.get();
    case HeldFd::kStem: return run.guards.warden ? run.stem.orders.get() : -1;
    case HeldFd::kAgentSocket: return run.agentSocket.get();
  }
  return -1;
}

volatile std::sig_atomic_t interrupted = 0;

void setAlarm(suseconds_t every) {
  const itimerval timer{{0, every}, {0, every}};
  (void)::setitimer(ITIMER_REAL, &timer, nullptr);  // Fails for values out of range alone.
}

// Clients have the master's own description and may make it blocking at any time, also between two calls of ours: an
// alarm ends a read that waits. It repeats, so that one which comes too early is not the last.
ssize_t readShared(int fd, char* buffer, std::size_t size) {
  constexpr suseconds_t kPatience = 20'000;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  (void)::sigaction(SIGALRM, &action, nullptr);
  interrupted = 0;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) (void)::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  setAlarm(kPatience);
  const ssize_t got = ::read(fd, buffer, size);
  const int error = errno;
  setAlarm(0);
  errno = error;
  return got;
}

}  // namespace

std::uint16_t Run::held() const {
  unsigned bits = 0;
  for (const HeldFd each : kHeldOrder) bits |= fdOf(*this, each) >= 0 ? static_cast<unsigned>(each) : 0U;
  return static_cast<std::uint16_t>(bits);
}

std::vector<int> Run::heldFds() const {
  std::vector<int> fds;
  for (const HeldFd each : kHeldOrder) {
    if (const int fd = fdOf(*this, each); fd >= 0) fds.push_back(fd);
  }
  return fds;
}

Result<void> Run::takeHeld(std::uint16_t bits, std::vector<UniqueFd> fds) {
  std::size_t next = 0;
  for (const HeldFd each : kHeldOrder) {
    if ((bits & static_cast<unsigned>(each)) == 0) continue;
    if (next >= fds.size()) return Error{ErrorCode::kInvalid, "descriptors of run " + id.text() + " are missing"};
    UniqueFd fd = std::move(fds[next++]);
    switch (each) {
      case HeldFd::kPidfd: pidfd = std::move(fd); break;
      case HeldFd::kReport: report = std::move(fd); break;
      case HeldFd::kTerminal: terminal = std::move(fd); break;
      case HeldFd::kOutputRing: ring = RF_TRY(OutputRingWriter::continueFrom(std::move(fd))); break;
      case HeldFd::kOutputPipe: outputPipe = std::move(fd); break;
      case HeldFd::kListener: listener = std::move(fd); break;
      case HeldFd::kCalls: calls = std::move(fd); break;
      case HeldFd::kWarden: warden.daemonEnd = std::move(fd); break;
      case HeldFd::kWardenEnd: warden.guardEnd = std::move(fd); break;
      case HeldFd::kWardenActions: warden.actions = std::move(fd); break;
      case HeldFd::kEgress: egress.daemonEnd = std::move(fd); break;
      case HeldFd::kEgressEnd: egress.guardEnd = std::move(fd); break;
      case HeldFd::kEgressActions: egress.actions = std::move(fd); break;
      case HeldFd::kDenials: denials = std::move(fd); break;
      case HeldFd::kStem: stem.orders = std::move(fd); break;
      case HeldFd::kAgentSocket: agentSocket = std::move(fd); break;
    }
  }
  if (next != fds.size() || !pidfd || !report) {
    return Error{ErrorCode::kInvalid, "descriptors of run " + id.text() + " do not fit"};
  }
  return {};
}

Run::Pumped Run::pump(Source source) {
  const bool isTerminal = source == Source::kTerminal;
  static char buffer[64 << 10];  // One thread; too large for its stack.
  const ssize_t got =
      isTerminal ? readShared(terminal.get(), buffer, sizeof buffer) : ::read(outputPipe.get(), buffer, sizeof buffer);
  if (got < 0 && errno == EINTR && isTerminal && interrupted != 0) {
    terminalWaits = true;
    return Pumped::kClosed;
  }
  if (got > 0) {
    if (ring) ring->append({buffer, static_cast<std::size_t>(got)});
    return Pumped::kMore;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Pumped::kDry : Pumped::kClosed;
}

}  // namespace ringfence::sandbox
