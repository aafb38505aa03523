#include "sandbox/kernel/namespaces.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kBirthNamespaces = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
constexpr const char* kIdentityMap = "0 0 4294967295\n";

Result<BornChild> forkWith(std::uint64_t flags, int cgroup) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  // A sibling has the signal that its creator has; the kernel takes no other.
  arguments.exit_signal = (flags & CLONE_PARENT) == 0 ? SIGCHLD : 0;
  if (cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return posixError(errno, "forking into new namespaces");
  BornChild child;
  child.pid = static_cast<int>(pid);
  if (pid > 0) child.pidfd.reset(pidfd);
  return child;
}

// Another effective uid, with the capabilities that are permitted: where users may not make namespaces, root may.
Result<void> takeEffectiveId(std::uint32_t uid) {
  if (::setresuid(static_cast<uid_t>(-1), uid, static_cast<uid_t>(-1)) != 0)
    return posixError(errno, "taking the id that is charged for the run");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return posixError(errno, "reading capabilities");
  for (auto& set : sets) set.effective = set.permitted;
  if (::syscall(SYS_capset, &header, sets) != 0) return posixError(errno, "keeping capabilities");
  return {};
}

std::string procPath(int pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// Ends and reaps a child of ours, whatever happened before.
class ChildGuard {
 public:
  explicit ChildGuard(int pid) : pid_(pid) {}
  ChildGuard(const ChildGuard&) = delete;
  ChildGuard& operator=(const ChildGuard&) = delete;
  ~ChildGuard() {
    // Asked again until it is gone: a wait after a kill that failed would never end.
    for (pid_t gone = 0; gone == 0 || (gone < 0 && errno == EINTR);) {
      (void)::kill(pid_, SIGKILL);  // Not reaped yet: the number is still this child's.
      gone = ::waitpid(pid_, nullptr, WNOHANG);
      const timespec pause{0, 50'000};
      if (gone == 0) (void)::nanosleep(&pause, nullptr);
    }
  }

 private:
  int pid_;
};

}  // namespace

Result<BornChild> forkWithout(std::uint64_t namespaces, int cgroup, Parent parent) {
  return forkInto(kBirthNamespaces & ~namespaces, cgroup, parent);
}
Result<BornChild> forkInto(std::uint64_t namespaces, int cgroup, Parent parent) {
  return forkWith(namespaces | (parent == Parent::kOfCaller ? CLONE_PARENT : 0), cgroup);
}

Result<void> unshareCgroups() {
  if (::unshare(CLONE_NEWCGROUP) != 0) return posixError(errno, "making a cgroup namespace");
  return {};
}

Result<void> unshareUser(std::uint32_t owner) {
  if (owner != 0) RF_TRY(takeEffectiveId(owner));
  if (::unshare(CLONE_NEWUSER) != 0) return posixError(errno, "making a user namespace");
  return {};
}

Result<void> enterNamespace(int fd, const char* name) {
  if (::setns(fd, 0) != 0) return posixError(errno, std::string("entering a ") + name + " namespace");
  return {};
}

Result<void> enterNamespacesOf(int pidfd, int kinds) {
  if (::setns(pidfd, kinds) != 0) return posixError(errno, "entering the namespaces of the run");
  return {};
}

Result<void> writeIdentityMaps(int pid) {
  RF_TRY(writeFileAt(AT_FDCWD, procPath(pid, "uid_map"), kIdentityMap));
  return writeFileAt(AT_FDCWD, procPath(pid, "gid_map"), kIdentityMap);
}

std::string exchangeMap(IdPair pair) {
  if (pair.first == pair.second) return kIdentityMap;
  const std::uint64_t low = std::min(pair.first, pair.second);
  const std::uint64_t high = std::max(pair.first, pair.second);
  std::string text;
  const auto line = [&text](std::uint64_t inside, std::uint64_t outside, std::uint64_t count) {
    if (count == 0) return;
    text += std::to_string(inside) + " " + std::to_string(outside) + " " + std::to_string(count) + "\n";
  };
  line(0, 0, low);
  line(low, high, 1);
  line(low + 1, low + 1, high - low - 1);
  line(high, low, 1);
  line(high + 1, high + 1, 0xffffffffULL - high - 1);
  return text;
}

Result<UserNamespace> UserNamespace::make() {
  BornChild child = RF_TRY(forkWith(CLONE_NEWUSER, -1));
  if (child.pid == 0) {
    for (;;) ::pause();  // Holds the namespace until the parent has opened it.
  }
  const ChildGuard guard(child.pid);
  UserNamespace made;
  made.fd_ = RF_TRY(openAt(AT_FDCWD, procPath(child.pid, "ns/user"), O_RDONLY));
  // Maps belong to the namespace that the process was in when they were opened.
  made.userMap_ = RF_TRY(openAt(AT_FDCWD, procPath(child.pid, "uid_map"), O_WRONLY));
  made.groupMap_ = RF_TRY(openAt(AT_FDCWD, procPath(child.pid, "gid_map"), O_WRONLY));
  return made;
}

Result<void> UserNamespace::map(IdPair users, IdPair groups) {
  RF_TRY(writeAll(userMap_.get(), exchangeMap(users), "uid_map"));
  RF_TRY(writeAll(groupMap_.get(), exchangeMap(groups), "gid_map"));
  userMap_.reset();
  groupMap_.reset();
  return {};
}

Result<void> bringLoopbackUp() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return posixError(errno, "opening a socket for the loopback interface");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return posixError(errno, "bringing the loopback interface up");
  return {};
}

Result<void> setHostName(const std::string& name) {
  if (::sethostname(name.data(), name.size()) != 0) return posixError(errno, "setting the host name " + name);
  return {};
}

Result<void> closeFrom(unsigned first) {
  if (::close_range(first, ~0U, 0) != 0) return posixError(errno, "closing descriptors");
  return {};
}

Result<void> closeBetween(int first, int end) {
  if (first >= end) return {};
  if (::close_range(static_cast<unsigned>(first), static_cast<unsigned>(end) - 1, 0) != 0)
    return posixError(errno, "closing descriptors");
  return {};
}

Result<UniqueFd> openPidfd(int pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return posixError(errno, "opening process " + std::to_string(pid));
  return fd;
}

Result<void> signalPidfd(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0 && errno != ESRCH) {
    return posixError(errno, "signalling a process");
  }
  return {};
}

}  // namespace ringfence::sandbox
