#include "sandbox/launcher/guard_child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/redirect.h"
#include "sandbox/launcher/guard_view.h"
#include "sandbox/launcher/report.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr int kControlFd = 3;
constexpr int kLauncherFd = 4;
constexpr int kFirstGiven = 3;
// Above whatever a guard is given: what is placed never meets what waits for its place.
constexpr int kOutOfTheWay = 32;
constexpr std::uint64_t kGuardDescriptors = 4096;

Result<UniqueFd> moveAway(int fd) {
  UniqueFd moved(::fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay));
  if (!moved) return posixError(errno, "keeping a descriptor for a guard");
  return moved;
}

class GuardChild {
 public:
  explicit GuardChild(const GuardSpec& spec) : spec_(spec) {}

  // Returns only when it fails.
  Result<void> become() {
    RF_TRY(endWithLauncher());
    if (!spec_.canary.empty()) RF_TRY(sayBorn());
    RF_TRY(takeStandardDescriptors());
    RF_TRY(joinGroups());
    RF_TRY(resetInherited());
    takeShortTurns();
    RF_TRY(setLimits({{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, kGuardDescriptors, kGuardDescriptors}}));
    RF_TRY(receiveOrder());
    RF_TRY(takePlace());
    RF_TRY(endWithLauncher());
    return exec();
  }

 private:
  Result<void> endWithLauncher() {
    if (!RF_TRY(dieWith(kLauncherFd))) _exit(0);
    return {};
  }

  // Whoever forked it may have failed to enter the domain, and a warden outside of it is not wanted.
  Result<void> sayBorn() {
    const UniqueFd self = RF_TRY(openPidfd(::getpid()));
    const int fds[] = {self.get()};
    RF_TRY(sendReport(kControlFd, static_cast<std::uint32_t>(ReportKind::kBorn), ::getpid(), 0, "", fds));
    const UniqueFd probe = RF_TRY(ScopeCanary::makeProbe());
    const int error = ScopeCanary::tryFrom(probe.get(), spec_.canary);
    if (error == EPERM) return {};
    return Error{ErrorCode::kDenied,
                 "landlock: the warden is not in the domain that holds it: it could reach a socket outside of its run",
                 error};
  }

  Result<void> takeStandardDescriptors() {
    const UniqueFd null = RF_TRY(openAt(AT_FDCWD, "/dev/null", O_RDWR));
    for (int fd = 0; fd < 3; ++fd) {
      if (::dup2(null.get(), fd) < 0) return posixError(errno, "taking /dev/null");
    }
    return {};
  }

  Result<void> joinGroups() {
    if (!spec_.joins.empty()) {
      const UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
      for (const std::string& file : spec_.joins) RF_TRY(writeFileAt(root.get(), file, "0"));
    }
    return sendReport(kControlFd, static_cast<std::uint32_t>(ReportKind::kJoined), 0, 0, "");
  }

  Result<void> receiveOrder() {
    Report order = RF_TRY(receiveReport(kControlFd));
    if (order.kind == 0) _exit(0);  // Its run ended before it was built.
    const std::size_t wanted = spec_.role == GuardRole::kWarden ? 8 : spec_.role == GuardRole::kEgressInner ? 3 : 5;
    if (order.kind != static_cast<std::uint32_t>(OrderKind::kGuard) || order.fds.size() != wanted)
      return Error{ErrorCode::kInternal, "a guard got another order than its own"};
    pidOutside_ = order.value;
    std::size_t next = 0;
    program_ = RF_TRY(moveAway(order.fds[next++].get()));
    if (spec_.role != GuardRole::kEgressOuter) run_ = RF_TRY(moveAway(order.fds[next++].get()));
    for (; next < order.fds.size(); ++next) given_.push_back(RF_TRY(moveAway(order.fds[next].get())));
    return {};
  }

  Result<void> takePlace() {
    switch (spec_.role) {
      case GuardRole::kWarden: return takeWardensPlace();
      case GuardRole::kEgressInner:
        RF_TRY(enterNamespacesOf(run_.get(), CLONE_NEWNET));
        if (spec_.preparesNetwork) RF_TRY(prepare());
        RF_TRY(enterHostView(HostView::kNothing, spec_.attachPoint));
        break;
      case GuardRole::kEgressOuter: RF_TRY(enterHostView(HostView::kResolver, spec_.attachPoint)); break;
    }
    RF_TRY(emptyBoundingSet());
    return dropPrivileges(spec_.identity);
  }

  // The user namespace last: in it there is no right left to the others, which the host owns.
  Result<void> takeWardensPlace() {
    RF_TRY(enterNamespacesOf(run_.get(), CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS));
    RF_TRY(enterNamespacesOf(run_.get(), CLONE_NEWUSER));
    if (::chdir("/") != 0) return posixError(errno, "entering the root of the run");
    return dropAllButTracing(spec_.identity);
  }

  // Where the kernel lacks what the rules need, only the explicit proxy works: `ringfence doctor` says so.
  Result<void> prepare() {
    auto prepared = prepareNetwork();
    if (!prepared && prepared.error().code == ErrorCode::kUnsupported) return {};
    return prepared;
  }

  // The pair with the launcher stays until the exec closes it, so that a failure of it is told.
  Result<void> exec() {
    const bool isWarden = spec_.role == GuardRole::kWarden;
    control_ = RF_TRY(moveAway(kControlFd));
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (::dup2(given_[i].get(), kFirstGiven + static_cast<int>(i)) < 0)
        return posixError(errno, "giving a guard its descriptors");
    }
    RF_TRY(closeBetween(kFirstGiven + static_cast<int>(given_.size()), kOutOfTheWay));
    std::vector<std::string> words{isWarden ? "ringfence-warden" : "ringfence-egress"};
    if (!isWarden) words.emplace_back(spec_.role == GuardRole::kEgressInner ? "inner" : "outer");
    words.insert(words.end(), {"--run", spec_.run.text()});
    if (spec_.role == GuardRole::kEgressOuter) words.insert(words.end(), {"--pid", std::to_string(pidOutside_)});
    if (spec_.restarted) words.emplace_back("--restarted");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* const environment[] = {nullptr};
    (void)::fexecve(program_.get(), arguments.data(), environment);
    return posixError(errno, "running " + words[0]);
  }

 public:
  int control() const { return control_ ? control_.get() : kControlFd; }

 private:
  const GuardSpec& spec_;
  std::int32_t pidOutside_ = 0;  // an egress is the first of a namespace of its own
  UniqueFd control_, program_, run_;
  std::vector<UniqueFd> given_;
};

}  // namespace

void runGuard(int control, int launcher, const GuardSpec& spec) {
  (void)::prctl(PR_SET_NAME, "guard");
  // Out of the way of each other first; what the launcher holds for other runs is closed before anything else is done.
  const int ours = ::fcntl(control, F_DUPFD_CLOEXEC, kOutOfTheWay);
  const int parent = ::fcntl(launcher, F_DUPFD_CLOEXEC, kOutOfTheWay);
  if (::dup3(ours, kControlFd, O_CLOEXEC) < 0 || ::dup3(parent, kLauncherFd, O_CLOEXEC) < 0) _exit(125);
  if (!closeFrom(kLauncherFd + 1)) _exit(125);
  GuardChild guard(spec);
  if (auto failed = guard.become(); !failed) {
    (void)sendReport(guard.control(), static_cast<std::uint32_t>(ReportKind::kFailed), failed.error().sysErrno, 125,
                     failed.error().message, {}, MSG_DONTWAIT);
  }
  _exit(125);
}

}  // namespace ringfence::sandbox
