// The stems of runs: born before what they fork, ordered when a warden is wanted, retired when nobody will be.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "sandbox/launcher/launcher.h"
#include "sandbox/launcher/report.h"

namespace ringfence::sandbox {

Result<void> Launcher::startNursery() {
  nursery_.emplace(RF_TRY(Nursery::start(
      {.runDirectory = options_.runDirectory, .landlockAbi = features_.landlockAbi, .canary = canary_->name()},
      {knownTable_, folders_})));
  return {};
}

// One that was killed, by whoever has the right to, is followed by another.
Result<int> Launcher::bearStem(const StemOrder& order) {
  for (int tries = 0;; ++tries) {
    if (!nursery_) RF_TRY(startNursery());
    auto born = nursery_->bear(order);
    if (born || born.error().code != ErrorCode::kUnavailable) return born;
    nursery_.reset();
    if (tries == 1) return born;
  }
}

// Waits for both: they are copies of us in our own group, which nobody freezes, and read nothing that is anybody's.
Result<BornChild> Launcher::forkByStem(StemOrder order, Stem& stem) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return posixError(errno, "making a pair for a stem");
  UniqueFd ours(ends[0]);
  UniqueFd its(ends[1]);
  order.orders = its.get();
  const int pid = RF_TRY(bearStem(order));
  its.reset();  // So that its end shows.
  auto report = receiveReport(ours.get());
  if (report && report->kind == static_cast<std::uint32_t>(ReportKind::kBorn) && report->fds.size() == 1) {
    stem = {.orders = std::move(ours), .pid = pid, .given = true};
    return BornChild{report->value, std::move(report->fds[0])};
  }
  (void)::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
  if (!report) return std::move(report).error();
  return Error{ErrorCode::kUnavailable, report->text.empty() ? "the stem of the run ended" : report->text,
               report->value};
}

// Whoever has a stem waits for its end.
Result<void> Launcher::watchStem(Run& run) {
  if (!run.stem.orders) return {};
  auto watched = watch(run.stem.orders.get(), Watch::kStem, serialOf(run));
  if (!watched) forgetStem(run);
  return watched;
}

Result<void> Launcher::orderWarden(Run& run, GuardSpec spec, int group, int control) {
  if (!run.stem.orders || !canary_)
    return Error{ErrorCode::kUnavailable,
                 "the process that wardens of this run come from is gone; one from elsewhere could not be held"};
  spec.canary = canary_->name();
  const int fds[] = {control, self_.get(), group};
  return sendReport(run.stem.orders.get(), static_cast<std::uint32_t>(OrderKind::kWarden), ::getpid(), 0,
                    wardenOrderText(spec), fds, MSG_DONTWAIT);
}

void Launcher::readStem(Run& run) {
  while (run.stem.orders) {
    const auto report = receiveReport(run.stem.orders.get(), MSG_DONTWAIT);
    if (!report && (report.error().sysErrno == EAGAIN || report.error().sysErrno == EINTR)) return;
    const bool moved = report && report->kind == static_cast<std::uint32_t>(ReportKind::kStemMoved);
    if (!moved)
      forgetStem(run);
    else if (run.stem.pid > 0)
      stems_.push_back(std::exchange(run.stem.pid, report->value));
  }
  reapStems();
  if (run.state == RunState::kEmptying && !run.hasGuardProcess()) concludeEnd(run);
}

// That of a run with a warden is waited for like a guard; any other was only the way by which its run was born.
void Launcher::retireStem(Run& run) {
  if (!run.stem.orders) return;
  (void)::shutdown(run.stem.orders.get(), SHUT_WR);
  if (!run.guards.warden) forgetStem(run);
}

void Launcher::forgetStem(Run& run) {
  unwatch(run.stem.orders.get());
  run.stem.orders.reset();
  if (run.stem.pid > 0) stems_.push_back(std::exchange(run.stem.pid, 0));
  reapStems();
}

void Launcher::reapStems() {
  std::erase_if(stems_, [](int pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

}  // namespace ringfence::sandbox
