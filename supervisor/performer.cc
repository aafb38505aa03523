#include "supervisor/performer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/kernel/namespaces.h"
#include "sandbox/wire/denial.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kRemovalInterval{20};

Error noGroups() {
  return {ErrorCode::kUnsupported, "control groups could not be set up at start; see ringfence doctor"};
}

}  // namespace

Result<void> Performer::perform(const EffectBody& effect) {
  return std::visit([this](const auto& one) { return performOne(one); }, effect);
}

Result<void> Performer::performOne(const SendToLauncher& effect) {
  if (const auto* forget = std::get_if<sandbox::Forget>(&effect.request)) {
    ended_.push_back(forget->run);
    return {};
  }
  const auto* launch = std::get_if<sandbox::Launch>(&effect.request);
  std::vector<UniqueFd> held;
  std::vector<int> fds;
  if (launch != nullptr) {
    const auto kept = launchFds_.find(launch->plan.run);
    if (kept != launchFds_.end()) {
      held = std::move(kept->second);
      launchFds_.erase(kept);
    }
    for (const UniqueFd& fd : held) fds.push_back(fd.get());
  }
  auto sent = launcher_.send(effect.request, fds);
  if (sent) return {};
  if (launch != nullptr)
    failedLaunches_.push_back({.run = launch->plan.run, .token = "launcher", .message = sent.error().message});
  return sent;
}

// Until its output is on the disk, the launcher keeps the run: a daemon that dies now is followed by one that finds it.
bool Performer::keepsOutput(const RunId& run) {
  if (outputs_ == nullptr) return false;
  auto ring = launcher_.copyOf(run, sandbox::HeldFd::kOutputRing);
  return ring && outputs_->keep(run, *std::move(ring)) == OutputSpool::Keeping::kBegun;
}

void Performer::settleEnded() {
  for (const RunId& run : std::exchange(ended_, {})) {
    if (!keepsOutput(run)) outputKept(run);
  }
}

void Performer::outputKept(const RunId& run) {
  (void)launcher_.send(sandbox::Forget{run}, {});  // A launcher that is gone has forgotten.
}

void Performer::beginStandstill(const RunId& run, policy::PriorityClass priority, Standstills::Order order) {
  if (const auto agent = cgroups_->agentPlace(run, priority, ""))
    standstills_.begin(run, order, agent->directory.get());
}

Result<void> Performer::performOne(const FreezeGroup& effect) {
  if (cgroups_ == nullptr) return noGroups();
  beginStandstill(effect.run, effect.priority, effect.frozen ? Standstills::Order::kFreeze : Standstills::Order::kThaw);
  using Held = sandbox::CgroupTree::Held;
  if (!effect.frozen) return cgroups_->thaw(effect.run, effect.priority);
  return cgroups_->freeze(effect.run, effect.priority, effect.extent == Extent::kAgent ? Held::kAgent : Held::kRun);
}

Result<void> Performer::performOne(const ReclaimMemory& effect) {
  if (cgroups_ == nullptr) return noGroups();
  return reclaimer_.begin(RF_TRY(cgroups_->reclaimFile(effect.run, effect.priority)), Bytes{effect.bytes});
}

Result<void> Performer::performOne(const LimitWrites& effect) {
  if (cgroups_ == nullptr) return noGroups();
  return cgroups_->limitWrites(effect.run, effect.priority, effect.bytesPerSec);
}

Result<void> Performer::performOne(const KeepProcessors& effect) {
  return cgroups_ == nullptr ? noGroups() : cgroups_->reserveProcessors(effect.processors);
}

// A run without a file of denials is told nothing.
Result<void> Performer::performOne(const TellAgent& effect) {
  const auto file = launcher_.copyOf(effect.run, sandbox::HeldFd::kDenials);
  if (!file) return {};
  std::string next = "use less";
  constexpr std::array<std::string_view, 6> kSpent{"wall_time", "wall_time_per_day", "tokens", "tokens_per_day",
                                                   "cost",      "cost_per_day"};
  if (std::ranges::find(kSpent, effect.limit) != kSpent.end()) next = "finish";
  if (effect.limit == "on_alarm") next = "do not retry";
  sandbox::tellOfLimit(file->get(), {effect.limit, effect.place, effect.say, std::move(next)});
  return {};
}

Result<void> Performer::performOne(const KillGroup& effect) {
  if (cgroups_ != nullptr) beginStandstill(effect.run, effect.priority, Standstills::Order::kKill);
  // Pid 1 by its own descriptor as well: its end is the end of its namespace, also where a group could not hold it.
  if (auto pidfd = launcher_.copyOf(effect.run, sandbox::HeldFd::kPidfd))
    (void)sandbox::signalPidfd(pidfd->get(), SIGKILL);  // Gone already is what is wanted.
  if (cgroups_ == nullptr) return noGroups();
  auto killed = cgroups_->kill(effect.run, effect.priority);
  // Groups that are gone have nobody left to kill; of one that goes at this moment the kernel says ENODEV.
  if (!killed && (killed.error().code == ErrorCode::kNotFound || killed.error().sysErrno == ENODEV)) return {};
  return killed;
}

// Its connections end with its processes, which a frozen group lets die. The group itself must not be killed: whoever
// is born into one that was dies at once, and another egress will be. Who is in it is looked at again by descriptor, as
// a number may be somebody else's by then.
Result<void> Performer::performOne(const CutConnections& effect) {
  if (cgroups_ == nullptr) return noGroups();
  const auto inside = [&] { return cgroups_->processes(effect.run, effect.priority, sandbox::Leaf::kEgress); };
  const auto pids = inside();
  if (!pids) return pids.error().code == ErrorCode::kNotFound ? Result<void>() : Result<void>(pids.error());
  for (const int pid : *pids) {
    const auto process = sandbox::openPidfd(pid);
    const auto again = inside();
    if (process && again && std::ranges::find(*again, pid) != again->end())
      (void)sandbox::signalPidfd(process->get(), SIGKILL);  // Gone already is what is wanted.
  }
  return {};
}

Result<void> Performer::performOne(const RemoveGroup& effect) {
  if (cgroups_ == nullptr) return noGroups();
  standstills_.forget(effect.run);
  auto removed = remove(effect);
  if (removed) return {};
  const Microseconds now = clock_.now().boottime;
  removals_.push_back({effect, now, now + kRemovalInterval});
  return {};
}

Result<void> Performer::remove(const RemoveGroup& group) {
  (void)cgroups_->kill(group.run, group.priority);  // What cannot be killed cannot be removed either, and that is told.
  return cgroups_->removeRun(group.run, group.priority);
}

Result<void> Performer::performOne(const ArmTimer& effect) {
  timers_[effect.run] = clock_.now().boottime + effect.after;
  return {};
}

std::vector<RunId> Performer::takeFired() {
  std::vector<RunId> fired;
  const Microseconds now = clock_.now().boottime;
  std::erase_if(timers_, [&](const auto& timer) {
    if (timer.second > now) return false;
    fired.push_back(timer.first);
    return true;
  });
  return fired;
}

std::vector<Error> Performer::retryRemovals() {
  std::vector<Error> given;
  const Microseconds now = clock_.now().boottime;
  std::erase_if(removals_, [&](Removal& removal) {
    if (removal.next > now) return false;
    auto removed = remove(removal.group);
    if (removed) return true;
    removal.next = now + kRemovalInterval;
    if (now - removal.since < kRemovalPatience) return false;
    given.push_back(std::move(removed).error().with("removing the control groups of " + removal.group.run.text()));
    return true;
  });
  return given;
}

std::optional<Microseconds> Performer::nextWake() const {
  std::optional<Microseconds> next;
  const auto consider = [&](Microseconds at) { next = std::min(next.value_or(Microseconds::max()), at); };
  for (const auto& [run, at] : timers_) consider(at);
  for (const Removal& removal : removals_) consider(removal.next);
  return next;
}

}  // namespace ringfence::supervisor
