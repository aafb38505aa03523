#include "sandbox/launcher/nursery.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>

#include "sandbox/kernel/namespaces.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"
#include "sandbox/launcher/stem.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr int kPairFd = 3;

std::string textOf(const StemOrder& order) {
  std::string text(reinterpret_cast<const char*>(&order.leftOut), sizeof order.leftOut);
  for (const std::string& file : order.joinFiles) text += file + '\0';
  return text;
}

std::optional<StemOrder> orderOf(const Report& report) {
  const bool isOne = report.kind == static_cast<std::uint32_t>(OrderKind::kStem);
  StemOrder order;
  if (!isOne || report.fds.size() < 2 || report.fds.size() > 3 || report.text.size() < sizeof order.leftOut)
    return std::nullopt;
  order.orders = report.fds[0].get();
  order.control = report.fds[1].get();
  if (report.fds.size() == 3) order.cgroup = report.fds[2].get();
  std::memcpy(&order.leftOut, report.text.data(), sizeof order.leftOut);
  for (std::string_view rest = std::string_view(report.text).substr(sizeof order.leftOut); !rest.empty();) {
    order.joinFiles.emplace_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(order.joinFiles.back().size() + 1, rest.size()));
  }
  return order;
}

[[noreturn]] void becomeStem(const NurseryOptions& options, const StemOrder& order, Inherited inherited) {
  StemBirth birth;
  birth.orders = order.orders;
  birth.cgroup = order.cgroup;
  birth.leftOut = order.leftOut;
  birth.landlockAbi = options.landlockAbi;
  birth.canary = options.canary;
  birth.becomeRun = [&](int scope) {
    runChild(order.control, options.runDirectory.c_str(), inherited, order.joinFiles, scope);
  };
  runStem(birth);
}

Result<void> obey(const NurseryOptions& options, const StemOrder& order, Inherited inherited) {
  const auto born = forkInto(0, -1, Parent::kOfCaller);
  if (born && born->pid == 0) becomeStem(options, order, inherited);
  if (born) return sendReport(kPairFd, static_cast<std::uint32_t>(ReportKind::kBorn), born->pid, 0, "");
  return sendReport(kPairFd, static_cast<std::uint32_t>(ReportKind::kFailed), born.error().sysErrno, 125,
                    born.error().message);
}

[[noreturn]] void live(const NurseryOptions& options, int pair, Inherited inherited) {
  (void)::prctl(PR_SET_NAME, "nursery");
  // What the launcher holds is nothing to those that are born here; it ends when it is gone.
  if (pair != kPairFd && ::dup3(pair, kPairFd, O_CLOEXEC) < 0) ::_exit(125);
  if (!closeFrom(kPairFd + 1)) ::_exit(125);
  for (;;) {
    restUntilReadable(kPairFd);
    const auto report = receiveReport(kPairFd);
    if (report && report->kind == static_cast<std::uint32_t>(OrderKind::kLesson)) {
      inherited.folders.absorb(report->text);
      continue;
    }
    const auto order = report ? orderOf(*report) : std::nullopt;
    if (!order || !obey(options, *order, inherited)) ::_exit(0);
  }
}

}  // namespace

Result<Nursery> Nursery::start(const NurseryOptions& options, Inherited inherited) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return posixError(errno, "making a pair for the nursery of stems");
  UniqueFd ours(ends[0]);
  const UniqueFd its(ends[1]);
  const BornChild born = RF_TRY(forkInto(0, -1));
  if (born.pid == 0) live(options, its.get(), inherited);
  return Nursery(std::move(ours), born.pid);
}

// It may be in the middle of a fork: what comes of that sees its own pairs close.
Nursery::~Nursery() {
  if (!pair_) return;
  pair_.reset();
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

Result<int> Nursery::bear(const StemOrder& order) {
  const Error gone{ErrorCode::kUnavailable, "the process that forks the stems of runs is gone"};
  std::vector<int> fds{order.orders, order.control};
  if (order.cgroup >= 0) fds.push_back(order.cgroup);
  if (!sendReport(pair_.get(), static_cast<std::uint32_t>(OrderKind::kStem), 0, 0, textOf(order), fds)) return gone;
  const auto answer = receiveReport(pair_.get());
  if (!answer || answer->kind == 0) return gone;
  if (answer->kind == static_cast<std::uint32_t>(ReportKind::kBorn)) return answer->value;
  return Error{ErrorCode::kInternal, answer->text, answer->value};
}

void Nursery::teach(std::string_view news) const {
  (void)sendReport(pair_.get(), static_cast<std::uint32_t>(OrderKind::kLesson), 0, 0, news, {}, MSG_DONTWAIT);
}

}  // namespace ringfence::sandbox
