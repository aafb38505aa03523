// The least mediator that there can be, in the place of ringfence-warden: takes the notification, reads the path from
// the caller's memory, opens what that means for the caller and hands the descriptor over with the answer. An exec it
// lets happen under a tracer, which lets go of the new program before its first instruction. No policy, no pinning, no
// record, nothing compared. Started by the launcher as the real one is, so its callers have the same fence around them:
// filter, Landlock, groups, user namespace. For tests/bench/mediation.py; it lets through everything that it hears of.
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "sandbox/wire/guard.h"
#include "sandbox/wire/long_message.h"
#include "sdk/base/io.h"

namespace {

using namespace ringfence;
using namespace ringfence::sandbox;

// As the launcher gives them.
constexpr int kPair = 3;
constexpr int kListener = 4;
constexpr int kProc = 8;
constexpr std::size_t kLongestPath = 255;  // of those that are measured

bool say(const GuardEvent& event) {
  auto bytes = encodeBounded(event);
  return bytes && sendPacket(kPair, *bytes, {}, MSG_NOSIGNAL);
}

// Takes every order and obeys the first rules only: until then no call is heard of.
bool awaitRules() {
  for (;;) {
    auto packet = receivePacket(kPair, kMaxGuardPacket, 0);
    if (!packet || (packet->bytes.empty() && packet->fds.empty())) return false;
    auto order = decodeGuardOrder(*packet);
    if (!order) return false;
    const auto* rules = std::get_if<GuardRules>(&*order);
    if (rules != nullptr) return say(RulesInForce{.generation = rules->generation});
  }
}

void proceed(std::uint64_t id) {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  (void)::ioctl(kListener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

// The command of the launch cannot be traced.
void letExec(const seccomp_notif& call) {
  constexpr long kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  const bool traced = ::ptrace(PTRACE_SEIZE, static_cast<pid_t>(call.pid), nullptr, kOptions) == 0;
  proceed(call.id);
  if (!traced) return;
  (void)::ptrace(PTRACE_INTERRUPT, static_cast<pid_t>(call.pid), nullptr, nullptr);
  int status = 0;
  const pid_t stopped = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
  if (stopped <= 0 || !WIFSTOPPED(status)) return;
  const long signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
  (void)::ptrace(PTRACE_DETACH, stopped, nullptr, signal);
}

// What a relative path of that thread begins at.
int openFolderOf(pid_t thread) {
  std::array<char, 32> name{};
  (void)std::snprintf(name.data(), name.size(), "%d/cwd", thread);
  return ::openat(kProc, name.data(), O_PATH | O_CLOEXEC);
}

void serve() {
  // SECCOMP_IOCTL_NOTIF_SET_FLAGS, which these headers may lack: wake the other side on the same CPU.
  (void)::ioctl(kListener, _IOW('!', 4, std::uint64_t), std::uint64_t{1});
  for (;;) {
    seccomp_notif call{};
    if (::ioctl(kListener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
      if (errno == EINTR || errno == ENOENT) continue;
      return;
    }
    if (call.data.nr == SYS_execve) {
      letExec(call);
      continue;
    }
    if (call.data.nr != SYS_openat || static_cast<int>(call.data.args[0]) != AT_FDCWD) {
      proceed(call.id);
      continue;
    }
    char path[kLongestPath + 1];
    const iovec ours{path, kLongestPath};
    const iovec theirs{reinterpret_cast<void*>(call.data.args[1]), kLongestPath};
    const ssize_t got = ::process_vm_readv(static_cast<pid_t>(call.pid), &ours, 1, &theirs, 1, 0);
    path[got < 0 ? 0 : got] = '\0';
    open_how how{};
    how.flags = call.data.args[2] | O_CLOEXEC;
    how.mode = call.data.args[3];
    const int folder = path[0] == '/' ? AT_FDCWD : openFolderOf(static_cast<pid_t>(call.pid));
    const auto fd = static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
    if (folder >= 0) ::close(folder);
    if (fd < 0) {
      proceed(call.id);
      continue;
    }
    seccomp_notif_addfd add{};
    add.id = call.id;
    add.flags = SECCOMP_ADDFD_FLAG_SEND;
    add.srcfd = static_cast<std::uint32_t>(fd);
    add.newfd_flags = O_CLOEXEC;
    (void)::ioctl(kListener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    ::close(fd);
  }
}

}  // namespace

int main() {
  if (!say(GuardHello{.kind = GuardKind::kWarden, .pid = ::getpid()}) || !awaitRules()) return 1;
  std::thread([] {
    while (awaitRules()) {}
    ::_exit(0);
  }).detach();
  serve();
  for (;;) ::pause();  // nobody of the run is left; the launcher ends us
}
