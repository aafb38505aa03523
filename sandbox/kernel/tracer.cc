#include "sandbox/kernel/tracer.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace ringfence::sandbox {
namespace {

constexpr auto kGetBlocked = static_cast<__ptrace_request>(0x420a);  // PTRACE_GETSIGMASK, absent from old headers
constexpr auto kSetBlocked = static_cast<__ptrace_request>(0x420b);
constexpr int kStopAtCall = SIGTRAP | 0x80;  // as PTRACE_O_TRACESYSGOOD marks it

int errnoOf(long result) { return result == 0 ? 0 : errno; }

TraceStop stopOf(int thread, int status) {
  TraceStop stop{.thread = thread};
  if (!WIFSTOPPED(status)) return stop;
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == PTRACE_EVENT_EXEC) {
    stop.kind = TraceStop::Kind::kExec;
  } else if (event == PTRACE_EVENT_STOP) {
    stop.kind = TraceStop::Kind::kTrap;  // A stop of the whole process stays one when the thread is released.
  } else if (signal == kStopAtCall) {
    stop.kind = TraceStop::Kind::kCall;
  } else {
    stop.kind = TraceStop::Kind::kSignal;
    stop.signal = signal;
  }
  return stop;
}

std::optional<TraceStop> nextStop(int options) {
  for (;;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, options | __WALL | __WNOTHREAD);
    if (thread > 0) return stopOf(thread, status);
    if (thread == 0 || errno != EINTR) return std::nullopt;
  }
}

}  // namespace

Result<Tracer> Tracer::create() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &child, nullptr)) return posixError(error, "blocking SIGCHLD");
  UniqueFd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return posixError(errno, "opening a signalfd");
  return Tracer(std::move(signals));
}

int Tracer::seize(int thread) const {
  constexpr long kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
  return errnoOf(::ptrace(PTRACE_SEIZE, thread, nullptr, kOptions));
}

int Tracer::interrupt(int thread) const { return errnoOf(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr)); }

int Tracer::resumeToCall(int thread) const { return errnoOf(::ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr)); }

int Tracer::release(int thread, int signal) const {
  return errnoOf(::ptrace(PTRACE_DETACH, thread, nullptr, static_cast<long>(signal)));
}

int Tracer::formerOf(int thread) const {
  unsigned long former = 0;
  return ::ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &former) == 0 ? static_cast<int>(former) : 0;
}

int Tracer::blockSignals(int thread, std::uint64_t& before) const {
  if (::ptrace(kGetBlocked, thread, sizeof before, &before) != 0) return errno;
  return setBlockedSignals(thread, ~std::uint64_t{0});
}

int Tracer::setBlockedSignals(int thread, std::uint64_t signals) const {
  return errnoOf(::ptrace(kSetBlocked, thread, sizeof signals, &signals));
}

int Tracer::writeMemory(int thread, std::uint64_t address, const std::string& bytes) const {
  const iovec local{const_cast<char*>(bytes.data()), bytes.size()};
  const iovec remote{reinterpret_cast<void*>(address), bytes.size()};
  const ssize_t done = ::process_vm_writev(thread, &local, 1, &remote, 1, 0);
  if (done < 0) return errno;
  return static_cast<std::size_t>(done) == bytes.size() ? 0 : EFAULT;
}

std::optional<TraceStop> Tracer::next() const {
  signalfd_siginfo seen[16];
  while (::read(signals_.get(), seen, sizeof seen) > 0) {}
  return nextStop(WNOHANG);
}

std::optional<TraceStop> Tracer::wait() const { return nextStop(0); }

}  // namespace ringfence::sandbox
