#include "sandbox/kernel/handing_over.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string>

#include "sandbox/kernel/seccomp.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::int64_t kAnswer = 4711;  // no pid that getppid(2) would say here
constexpr int kPatienceMs = 1000;

volatile std::sig_atomic_t handled = 0;

constexpr int kTakenStatus = 2;

// Exits with 0 only when the call brought the answer and the signal was handled all the same.
[[noreturn]] void makeNotifiedCall(int socket) {
  struct sigaction action {};
  action.sa_handler = [](int) { handled = 1; };  // Without SA_RESTART: an interrupted call shows.
  (void)sigaction(SIGUSR1, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const BpfProgram program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const int listener = installWithListener(program);
  if (listener == -EBUSY) _exit(kTakenStatus);
  const int fds[] = {listener};
  if (listener < 0 || !sendPacket(socket, "listener", fds)) _exit(1);
  (void)close(listener);
  const long answer = syscall(SYS_getppid);
  _exit(answer == kAnswer && handled != 0 ? 0 : 1);
}

// 'D': the signal made it change to a wait that only SIGKILL ends. One that does not hold it ends in time by itself.
bool isHeld(pid_t child) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  do {
    const auto text = readFileAt(AT_FDCWD, "/proc/" + std::to_string(child) + "/stat", kibibytes(4));
    const std::size_t name = text ? text->rfind(')') : std::string::npos;
    if (name == std::string::npos || name + 2 >= text->size()) return false;
    const char state = (*text)[name + 2];
    if (state == 'D' || state == 'Z') return state == 'D';
    (void)usleep(100);
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

bool holdsThroughSignal(pid_t child, int socket) {
  pollfd watched{socket, POLLIN, 0};
  if (poll(&watched, 1, kPatienceMs) != 1) return false;
  const auto packet = receivePacket(socket, kibibytes(1));
  if (!packet || packet->fds.size() != 1) return false;
  const int listener = packet->fds[0].get();
  watched = {listener, POLLIN, 0};
  if (poll(&watched, 1, kPatienceMs) != 1) return false;
  seccomp_notif call{};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return false;
  if (kill(child, SIGUSR1) != 0 || !isHeld(child)) return false;
  seccomp_notif_resp response{};
  response.id = call.id;
  response.val = kAnswer;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

}  // namespace

HandingOver probeHandingOver() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return HandingOver::kUncertain;
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t child = fork();
  if (child < 0) return HandingOver::kUncertain;
  if (child == 0) makeNotifiedCall(theirs.get());
  theirs.reset();
  const bool held = holdsThroughSignal(child, ours.get());
  int status = 0;
  pid_t gone = waitpid(child, &status, held ? 0 : WNOHANG);
  if (gone != child) {
    (void)kill(child, SIGKILL);
    while ((gone = waitpid(child, &status, 0)) < 0 && errno == EINTR) {}
  }
  if (gone == child && WIFEXITED(status) && WEXITSTATUS(status) == kTakenStatus) return HandingOver::kTaken;
  return held && gone == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HandingOver::kHolds
                                                                                : HandingOver::kUncertain;
}

}  // namespace ringfence::sandbox
