#include "sandbox/launcher/stem.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/launcher/knockout.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr int kOrdersFd = 3;
constexpr int kRunFd = 4;

struct OrderHeader {
  std::uint32_t uid, gid, restarted, groups;
};

std::string_view takeText(std::string_view& text) {
  const std::string_view taken = text.substr(0, text.find('\0'));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

std::optional<GuardSpec> specOf(std::string_view text) {
  OrderHeader header{};
  if (text.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, text.data(), sizeof header);
  text.remove_prefix(sizeof header);
  if (header.groups > text.size() / sizeof(std::uint32_t)) return std::nullopt;
  GuardSpec spec;
  spec.identity.uid = header.uid;
  spec.identity.gid = header.gid;
  spec.identity.groups.resize(header.groups);
  std::memcpy(spec.identity.groups.data(), text.data(), header.groups * sizeof(std::uint32_t));
  text.remove_prefix(header.groups * sizeof(std::uint32_t));
  spec.restarted = header.restarted != 0;
  const auto run = RunId::parse(std::string(takeText(text)));
  if (!run || header.uid == 0) return std::nullopt;
  spec.run = *run;
  spec.canary = takeText(text);
  while (!text.empty()) spec.joins.emplace_back(takeText(text));
  return spec;
}

class StemProcess {
 public:
  explicit StemProcess(const StemBirth& birth) : birth_(birth) {}

  [[noreturn]] void live() {
    UniqueFd run;
    if (auto born = bear(); born)
      run = std::move(*born);
    else
      fail(born.error());
    if (auto settled = shrink(run.get()); !settled) ::_exit(125);
    while (!isOver_ || warden_) wait();
    ::_exit(0);
  }

 private:
  Result<UniqueFd> bear() {
    if (!isStemLeftOut()) RF_TRY(enterScopeDomain(birth_.landlockAbi));
    // From here, because the run's first process has another network.
    const UniqueFd probe = RF_TRY(ScopeCanary::makeProbe());
    BornChild run = RF_TRY(forkWithout(birth_.leftOut, birth_.cgroup, Parent::kOfCaller));
    if (run.pid == 0) birth_.becomeRun(ScopeCanary::tryFrom(probe.get(), birth_.canary));
    const int fds[] = {run.pidfd.get()};
    RF_TRY(sendReport(birth_.orders, static_cast<std::uint32_t>(ReportKind::kBorn), run.pid, 0, "", fds));
    return std::move(run.pidfd);
  }

  [[noreturn]] void fail(const Error& error) {
    (void)sendReport(birth_.orders, static_cast<std::uint32_t>(ReportKind::kFailed), error.sysErrno, 125,
                     error.message);
    ::_exit(125);
  }

  // What the launcher holds for other runs is closed, and every right given up that no warden is made with.
  Result<void> shrink(int run) {
    (void)::prctl(PR_SET_NAME, "stem");
    (void)::signal(SIGCHLD, SIG_IGN);  // Those that are our own children are waited for by nobody.
    const UniqueFd orders(::fcntl(birth_.orders, F_DUPFD_CLOEXEC, kRunFd + 1));
    const UniqueFd watched(::fcntl(run, F_DUPFD_CLOEXEC, kRunFd + 1));
    const UniqueFd null = RF_TRY(openAt(AT_FDCWD, "/dev/null", O_RDWR));
    for (int fd = 0; fd < kOrdersFd; ++fd) {
      if (::dup2(null.get(), fd) < 0) return posixError(errno, "taking /dev/null");
    }
    if (::dup3(orders.get(), kOrdersFd, O_CLOEXEC) < 0 || ::dup3(watched.get(), kRunFd, O_CLOEXEC) < 0)
      return posixError(errno, "placing the descriptors of a stem");
    RF_TRY(closeFrom(kRunFd + 1));
    if (::chdir("/") != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) return posixError(errno, "confining a stem");
    return keepWhatMakesGuards();
  }

  void wait() {
    const int orders = isOver_ ? -1 : kOrdersFd, run = isOver_ ? -1 : kRunFd;
    pollfd watched[] = {
        {orders, POLLIN, 0}, {run, POLLIN, 0}, {launcher_.get(), POLLIN, 0}, {warden_.get(), POLLIN, 0}};
    const int ready = ::poll(watched, 4, rest_.until());
    rest_.after(ready);
    if (ready <= 0) return;
    if (watched[3].revents != 0) warden_.reset();
    if (watched[2].revents != 0) endWithLauncher();
    if (watched[1].revents != 0)
      isOver_ = true;  // Its wardens see that themselves.
    else if (watched[0].revents != 0)
      obey();
  }

  void obey() {
    auto order = receiveReport(kOrdersFd);
    const bool isWarden = order && order->kind == static_cast<std::uint32_t>(OrderKind::kWarden);
    auto spec = isWarden && order->fds.size() == 3 ? specOf(order->text) : std::nullopt;
    isOver_ = !spec;  // Nobody wants wardens any more.
    if (isOver_) return;
    const int control = order->fds[0].get(), launcher = order->fds[1].get(), group = order->fds[2].get();
    // One that did not start us is no parent for them: we are.
    const Parent parent = ::getppid() == order->value ? Parent::kOfCaller : Parent::kCaller;
    auto warden = forkInto(0, group, parent);
    if (warden && warden->pid == 0) runGuard(control, launcher, *spec);
    if (!warden) {
      (void)sendReport(control, static_cast<std::uint32_t>(ReportKind::kFailed), warden.error().sysErrno, 125,
                       warden.error().message, {}, MSG_DONTWAIT);
      return;
    }
    // Also said here: one that is killed at birth, with its group, says nothing.
    const int fds[] = {warden->pidfd.get()};
    (void)sendReport(control, static_cast<std::uint32_t>(ReportKind::kBorn), warden->pid, 0, "", fds, MSG_DONTWAIT);
    if (parent == Parent::kCaller) {
      warden_ = std::move(warden->pidfd);
      launcher_ = std::move(order->fds[1]);
    }
    if (!moved_) moveTo(group);
  }

  // Born there, as a change of groups would hold up the whole machine.
  void moveTo(int group) {
    const Parent parent = Parent::kOfCaller;
    auto next = forkInto(0, group, parent);
    if (!next) return;  // It stays where it is: counted elsewhere, but at its post.
    if (next->pid == 0) {
      moved_ = true;
      return;
    }
    (void)sendReport(kOrdersFd, static_cast<std::uint32_t>(ReportKind::kStemMoved), next->pid, 0, "");
    ::_exit(0);
  }

  // The kernel ends a warden with its parent: this one's is not the launcher but this process, which ends after it.
  void endWithLauncher() {
    (void)signalPidfd(warden_.get(), SIGKILL);
    warden_.reset();
    launcher_.reset();
  }

  const StemBirth& birth_;
  UniqueFd warden_, launcher_;  // of a launcher that is not our parent
  Rest rest_;
  bool moved_ = false;
  bool isOver_ = false;
};

}  // namespace

std::string wardenOrderText(const GuardSpec& spec) {
  const OrderHeader header{spec.identity.uid, spec.identity.gid, spec.restarted ? 1U : 0U,
                           static_cast<std::uint32_t>(spec.identity.groups.size())};
  std::string text(reinterpret_cast<const char*>(&header), sizeof header);
  text.append(reinterpret_cast<const char*>(spec.identity.groups.data()),
              spec.identity.groups.size() * sizeof(std::uint32_t));
  text += spec.run.text() + '\0' + spec.canary + '\0';
  for (const std::string& file : spec.joins) text += file + '\0';
  return text;
}

void runStem(const StemBirth& birth) { StemProcess(birth).live(); }

}  // namespace ringfence::sandbox
