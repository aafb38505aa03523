#include "sandbox/kernel/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

static_assert(UINT64_MAX == RLIM_INFINITY);

Result<void> expectZero(long result, const char* what) {
  if (result != 0) return posixError(errno, what);
  return {};
}

Result<void> resetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) (void)sigaction(signal, &action, nullptr);  // KILL and STOP refuse.
  sigset_t none;
  sigemptyset(&none);
  return expectZero(sigprocmask(SIG_SETMASK, &none, nullptr), "clearing the signal mask");
}

constexpr unsigned kLockedBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED;

// Bits of the first 32 capabilities, of which all that are used here are.
struct LowCapabilities {
  std::uint32_t permitted = 0, inheritable = 0;
};
Result<void> setCapabilities(LowCapabilities wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  sets[0] = {wanted.permitted, wanted.permitted, wanted.inheritable};
  return expectZero(::syscall(SYS_capset, &header, sets), "dropping capabilities");
}

Result<void> takeIds(const Identity& identity) {
  RF_CHECK(identity.uid != 0);
  std::vector<gid_t> groups(identity.groups.begin(), identity.groups.end());
  RF_TRY(expectZero(setgroups(groups.size(), groups.data()), "setting the groups"));
  RF_TRY(expectZero(setresgid(identity.gid, identity.gid, identity.gid), "setting the group id"));
  return expectZero(setresuid(identity.uid, identity.uid, identity.uid), "setting the user id");
}

}  // namespace

Result<CallerRights> CallerRights::assume(const Identity& identity) {
  std::vector<gid_t> groups(identity.callerGroups.begin(), identity.callerGroups.end());
  RF_TRY(expectZero(setgroups(groups.size(), groups.data()), "taking the caller's groups"));
  CallerRights rights;
  RF_TRY(expectZero(setresgid(static_cast<gid_t>(-1), identity.callerGid, static_cast<gid_t>(-1)),
                    "taking the caller's group"));
  RF_TRY(expectZero(setresuid(static_cast<uid_t>(-1), identity.callerUid, static_cast<uid_t>(-1)),
                    "taking the caller's user id"));
  return rights;
}

CallerRights::~CallerRights() {
  if (!active_) return;
  RF_CHECK(setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) == 0);
  RF_CHECK(setresgid(static_cast<gid_t>(-1), 0, static_cast<gid_t>(-1)) == 0);
  RF_CHECK(setgroups(0, nullptr) == 0);
}

void takeShortTurns() {
  // struct sched_attr of the kernel, whose header cannot be included beside the C library's.
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } attributes{};
  static_assert(sizeof attributes == 48);
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_OTHER;
  attributes.runtime = 100'000;  // nanoseconds
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

Result<void> resetInherited() {
  RF_TRY(resetSignals());
  umask(022);
  RF_TRY(expectZero(setpriority(PRIO_PROCESS, 0, 0), "resetting nice"));
  sched_param parameter{};
  RF_TRY(expectZero(sched_setscheduler(0, SCHED_OTHER, &parameter), "resetting the scheduler"));
  cpu_set_t everywhere;
  std::memset(&everywhere, 0xff, sizeof everywhere);
  RF_TRY(expectZero(sched_setaffinity(0, sizeof everywhere, &everywhere), "resetting the affinity"));
  RF_TRY(expectZero(prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0), "resetting the timer slack"));
  if (personality(PER_LINUX) == -1) return posixError(errno, "resetting the personality");
  // A kernel without keyrings has none to inherit.
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) {
    return posixError(errno, "making a session keyring");
  }
  return writeFileAt(AT_FDCWD, "/proc/self/oom_score_adj", "500");
}

Result<void> setLimits(const std::vector<RlimitSetting>& rlimits) {
  for (const auto& setting : rlimits) {
    const auto resource = static_cast<__rlimit_resource_t>(setting.resource);
    rlimit limit{setting.soft, setting.hard};
    if (setrlimit(resource, &limit) == 0) continue;
    // Without CAP_SYS_RESOURCE a hard limit cannot rise; the lower one that was inherited is the stricter.
    rlimit inherited{};
    if (errno == EPERM && getrlimit(resource, &inherited) == 0) {
      limit.rlim_max = std::min(limit.rlim_max, inherited.rlim_max);
      limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
      if (setrlimit(resource, &limit) == 0) continue;
    }
    return posixError(errno, "setting resource limit " + std::to_string(setting.resource));
  }
  return {};
}

Result<void> emptyBoundingSet() {
  unsigned long capability = 0;
  while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) ++capability;
  const int error = errno;
  // The kernel knows no further one, and knows the first in any case.
  if (error == EINVAL && capability > 0 && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) return {};
  return posixError(error, "emptying the bounding set");
}

Result<void> dropPrivileges(const Identity& identity) {
  RF_TRY(expectZero(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "emptying the ambient set"));
  RF_TRY(expectZero(prctl(PR_SET_SECUREBITS, kLockedBits, 0, 0, 0), "locking the secure bits"));
  RF_TRY(takeIds(identity));
  RF_TRY(setCapabilities({}));
  RF_TRY(expectZero(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges"));
  return expectZero(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "becoming undumpable");
}

Result<void> dropAllButTracing(const Identity& identity) {
  constexpr std::uint32_t kTrace = 1U << CAP_SYS_PTRACE;
  constexpr std::uint32_t kTogether = kTrace | 1U << CAP_SETPCAP;
  RF_TRY(expectZero(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "emptying the ambient set"));
  // The change of ids takes nothing away: what is not wanted goes below, by name.
  RF_TRY(expectZero(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "setting the secure bits"));
  RF_TRY(takeIds(identity));
  RF_TRY(setCapabilities({kTogether, kTrace}));
  RF_TRY(emptyBoundingSet());
  RF_TRY(expectZero(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_PTRACE, 0, 0), "keeping the right to trace"));
  RF_TRY(expectZero(prctl(PR_SET_SECUREBITS, kLockedBits, 0, 0, 0), "locking the secure bits"));
  RF_TRY(setCapabilities({kTrace, kTrace}));
  return expectZero(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges");
}

Result<void> keepOnlyTheId() {
  RF_TRY(expectZero(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "emptying the ambient set"));
  RF_TRY(emptyBoundingSet());
  RF_TRY(expectZero(prctl(PR_SET_SECUREBITS, kLockedBits, 0, 0, 0), "locking the secure bits"));
  RF_TRY(setCapabilities({}));
  RF_TRY(expectZero(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges"));
  return expectZero(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "becoming undumpable");
}

Result<void> keepWhatMakesGuards() {
  constexpr std::uint32_t kKept = 1U << CAP_KILL | 1U << CAP_SETGID | 1U << CAP_SETUID | 1U << CAP_SETPCAP |
                                  1U << CAP_SYS_CHROOT | 1U << CAP_SYS_PTRACE | 1U << CAP_SYS_ADMIN |
                                  1U << CAP_SYS_NICE | 1U << CAP_SYS_RESOURCE;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  RF_TRY(expectZero(::syscall(SYS_capget, &header, sets), "reading capabilities"));
  return setCapabilities({sets[0].permitted & kKept, 0});
}

Result<bool> dieWith(int parent) {
  RF_TRY(expectZero(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "asking to end with the launcher"));
  pollfd watched{parent, POLLIN, 0};
  const int ended = ::poll(&watched, 1, 0);
  if (ended < 0) return posixError(errno, "asking whether the launcher lives");
  return ended == 0;
}

}  // namespace ringfence::sandbox
