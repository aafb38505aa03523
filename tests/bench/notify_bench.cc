// What a notified call costs, seen from the program that makes it.
//
//   notify_bench open DIRECTORY COUNT   opens a file of DIRECTORY for writing and closes it again, COUNT times; a
//                                       hundred files, "0" to "99", by turns
//   notify_bench exec PROGRAM COUNT     vfork, exec, wait
//   notify_bench floor DIRECTORY COUNT  as `open`, without a fence, under the least mediator that there can be: it
//   takes
//                                       the notification, reads the path from the caller's memory, opens it and hands
//                                       the descriptor over with the answer; no policy, no pinning, no record. The same
//                                       one in the warden's place is least_warden.cc
//
// Prints one line: median and 99th percentile of one operation in nanoseconds, and operations a second.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void measure(std::size_t count, const std::function<void()>& operation) {
  for (std::size_t i = 0; i < count / 10 + 1; ++i) operation();  // warms the caches
  std::vector<std::int64_t> took(count);
  const auto begun = Clock::now();
  for (auto& one : took) {
    const auto before = Clock::now();
    operation();
    one = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - before).count();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::ranges::sort(took);
  std::printf("%lld %lld %.0f\n", static_cast<long long>(took[count / 2]),
              static_cast<long long>(took[count * 99 / 100]), static_cast<double>(count) / seconds);
  std::fflush(stdout);
}

void openOften(const char* directory, std::size_t count) {
  constexpr std::size_t kFiles = 100;
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < kFiles; ++i) paths.push_back(std::string(directory) + "/" + std::to_string(i));
  std::size_t turn = 0;
  measure(count, [&] {
    const char* path = paths[turn++ % kFiles].c_str();
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) die(path);
    ::close(fd);
  });
}

void execOften(char* program, std::size_t count) {
  measure(count, [&] {
    char* const argv[] = {program, nullptr};
    char* const none[] = {nullptr};
    pid_t child = 0;
    if (::posix_spawn(&child, program, nullptr, nullptr, argv, none) != 0) die(program);
    int status = 0;
    if (::waitpid(child, &status, 0) < 0 || status != 0) die("waiting for the program");
  });
}

// openat for writing is notified, everything else is allowed: what the real filter does with it, and nothing more.
int installFilter() {
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  sock_filter code[] = {
      load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 3),
      load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof code / sizeof code[0], code};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  constexpr unsigned kWaitKillable = 1U << 5;
  const long fd =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program);
  if (fd < 0) die("installing the filter");
  return static_cast<int>(fd);
}

void sendFd(int socket, int fd) {
  char byte = 'f';
  iovec io{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(socket, &message, 0) != 1) die("handing over the listener");
}

int receiveFd(int socket) {
  char byte = 0;
  iovec io{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == nullptr) die("taking the listener");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

void serve(int listener) {
  // SECCOMP_IOCTL_NOTIF_SET_FLAGS, which these headers may lack: wake the other side on the same CPU.
  (void)::ioctl(listener, _IOW('!', 4, std::uint64_t), std::uint64_t{1});
  for (;;) {
    seccomp_notif call{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
      if (errno == EINTR) continue;
      return;  // the caller is gone
    }
    char path[256] = {};
    const iovec ours{path, sizeof path - 1};
    const iovec theirs{reinterpret_cast<void*>(call.data.args[1]), sizeof path - 1};
    (void)::process_vm_readv(static_cast<pid_t>(call.pid), &ours, 1, &theirs, 1, 0);
    const int fd = ::open(path, static_cast<int>(call.data.args[2]) | O_CLOEXEC);
    seccomp_notif_addfd add{};
    add.id = call.id;
    add.flags = SECCOMP_ADDFD_FLAG_SEND;
    add.srcfd = static_cast<std::uint32_t>(fd);
    add.newfd_flags = O_CLOEXEC;
    (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    ::close(fd);
  }
}

void floorOf(const char* directory, std::size_t count) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) die("making a pair");
  const pid_t child = ::fork();
  if (child == 0) {
    const int listener = installFilter();
    sendFd(ends[1], listener);
    ::close(listener);
    openOften(directory, count);
    std::exit(0);
  }
  ::close(ends[1]);
  serve(receiveFd(ends[0]));
  int status = 0;
  if (::waitpid(child, &status, 0) < 0 || status != 0) die("the caller under the least mediator");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 4 ? argv[1] : "";
  const std::size_t count = argc == 4 ? std::strtoul(argv[3], nullptr, 10) : 0;
  if (count == 0 || (what != "open" && what != "exec" && what != "floor")) {
    std::fputs("usage: notify_bench open|floor DIRECTORY COUNT\n       notify_bench exec PROGRAM COUNT\n", stderr);
    return 2;
  }
  if (what == "open")
    openOften(argv[2], count);
  else if (what == "exec")
    execOften(argv[2], count);
  else
    floorOf(argv[2], count);
  return 0;
}
