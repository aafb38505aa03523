#include "sandbox/kernel/features.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <vector>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/handing_over.h"
#include "sandbox/kernel/mount_table.h"
#include "sandbox/kernel/redirect.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// Numbers and flags that the build's headers may be too old to know.
constexpr long kLandlockCreateRuleset = 444;  // the same on every architecture
constexpr long kMountSetattr = 442;
constexpr unsigned kLandlockVersion = 1U << 0;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;

// Asking with an impossible pointer: EFAULT means that the kernel knew the flags and went on to the argument.
bool seccompKnows(unsigned flags) {
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) == -1 && errno == EFAULT;
}

std::uint32_t landlockAbi() {
  const long answer = syscall(kLandlockCreateRuleset, nullptr, 0, kLandlockVersion);
  return answer > 0 ? static_cast<std::uint32_t>(answer) : 0;
}

bool knowsCloneIntoCgroup() {
  struct {
    std::uint64_t flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize, cgroup;
  } arguments{};
  arguments.flags = kCloneIntoCgroup;
  arguments.exitSignal = SIGCHLD;
  arguments.cgroup = 0x7fffffff;  // No such descriptor: an answer of EBADF comes from a kernel that looked.
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) _exit(0);
  if (child > 0) (void)waitpid(static_cast<pid_t>(child), nullptr, 0);
  return child == -1 && errno == EBADF;
}

// A child puts on a filter that allows everything; whether its length can be asked for is the answer. Without a filter
// the kernel says the same as a kernel that lacks the request.
bool canReadFiltersBack() {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow};
    (void)ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) (void)raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  (void)waitpid(child, &status, 0);
  const bool known = WIFSTOPPED(status) && syscall(SYS_ptrace, abi::kPtraceSeccompGetFilter, child, 0, nullptr) == 1;
  if (WIFSTOPPED(status)) {
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
  }
  return known;
}

bool existsAt(int directory, const std::string& path) {
  struct stat status {};
  return fstatat(directory, path.c_str(), &status, 0) == 0;
}

// What a fresh group below `mountPoint` has. Files of the root group say nothing: freeze and kill are absent there.
std::vector<bool> freshGroupHas(int root, const std::string& mountPoint, const std::vector<std::string>& files) {
  std::vector<bool> found(files.size(), false);
  const std::string group = mountPoint.substr(1) + "/ringfence-probe-" + std::to_string(getpid());
  if (mkdirat(root, group.c_str(), 0755) != 0) return found;
  for (std::size_t i = 0; i < files.size(); ++i) found[i] = existsAt(root, group + "/" + files[i]);
  (void)unlinkat(root, group.c_str(), AT_REMOVEDIR);  // A leftover empty group holds nothing.
  return found;
}

void placeControllers(int root, KernelFeatures& features, const std::vector<MountEntry>& mounts) {
  for (const MountEntry& mount : mounts) {
    if (mount.type == "cgroup2" && features.unifiedMount.empty()) features.unifiedMount = mount.target;
    if (mount.type != "cgroup") continue;
    for (const std::string& option : mount.options) {
      const std::string name = option == "blkio" ? "io" : option;
      if (name == "memory" || name == "cpu" || name == "pids" || name == "io" || name == "cpuacct" ||
          name == "cpuset") {
        features.controllers[name] = {1, mount.target};
        features.layout = CgroupLayout::kHybrid;
      }
    }
  }
  if (features.unifiedMount.empty()) return;
  const auto available = readFileAt(root, features.unifiedMount.substr(1) + "/cgroup.controllers", kibibytes(4));
  if (!available) return;
  for (const std::string& name : splitWords(*available)) {
    features.controllers.try_emplace(name, ControllerPlace{2, features.unifiedMount});
  }
}

void probeCgroups(int root, KernelFeatures& features) {
  const auto mounts = readMountTable(root, "proc/self/mounts");
  if (mounts) placeControllers(root, features, *mounts);
  if (features.unifiedMount.empty()) return;
  const auto unified = freshGroupHas(root, features.unifiedMount, {"cgroup.freeze", "cgroup.kill"});
  features.cgroupFreeze = unified[0];
  features.cgroupKill = unified[1];
  const auto cpu = features.controllers.find("cpu");
  if (cpu == features.controllers.end()) return;
  if (cpu->second.version == 2) {
    // Fails harmlessly where another manager owns the root; the probe then finds no cpu.idle.
    (void)writeFileAt(root, features.unifiedMount.substr(1) + "/cgroup.subtree_control", "+cpu");
  }
  features.cpuIdle = freshGroupHas(root, cpu->second.mountPoint, {"cpu.idle"})[0];
}

}  // namespace

KernelFeatures probeFeatures(int root) {
  KernelFeatures features;
  utsname name{};
  if (uname(&name) == 0) {
    features.release = name.release;
    features.architecture = name.machine;
  }
  features.landlockAbi = landlockAbi();
  features.seccompFilter = seccompKnows(0);
  features.seccompNotify = seccompKnows(abi::kSeccompNewListener);
  const HandingOver handing = features.seccompNotify ? probeHandingOver() : HandingOver::kUncertain;
  features.seccompWaitKillable = handing == HandingOver::kHolds;
  features.listenerTaken = handing == HandingOver::kTaken;
  features.seccompGetFilter = canReadFiltersBack();
  const auto userNamespaces = readFileAt(root, "proc/sys/user/max_user_namespaces", kibibytes(1));
  features.userNamespaces = userNamespaces && *userNamespaces != "0\n" && existsAt(root, "proc/self/ns/user");
  features.idmappedMounts = syscall(kMountSetattr, -1, "", 0, nullptr, 0) == -1 && errno != ENOSYS;
  features.cloneIntoCgroup = knowsCloneIntoCgroup();
  features.memfdNoexec = existsAt(root, "proc/sys/vm/memfd_noexec");
  const long self = syscall(SYS_pidfd_open, getpid(), 0);
  features.pidfd = self >= 0;
  if (self >= 0) (void)close(static_cast<int>(self));
  features.netRedirect = hasRedirect();
  probeCgroups(root, features);
  return features;
}

}  // namespace ringfence::sandbox
