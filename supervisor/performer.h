// Effects become mechanism: messages to the launcher with the descriptors of a launch, control groups, deadlines. Obeys
// and decides nothing. What failed comes back to the caller as an error, or (a launch) as the event that ends the run.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sdk/base/clock.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/core/effect.h"
#include "supervisor/output_spool.h"
#include "supervisor/reclaimer.h"
#include "supervisor/standstills.h"

namespace ringfence::supervisor {

// Groups whose processes are still dying are tried again this long, then given up and named.
inline constexpr Milliseconds kRemovalPatience = std::chrono::seconds(30);

using GuardEffect = std::variant<TellGuard, SendRules, SettleRing>;

class Performer {
 public:
  // `cgroups` may be absent (a machine where the groups could not be made): then every group effect fails. Without
  // `outputs` the output of a run ends with the run.
  Performer(AgentLauncher& launcher, sandbox::CgroupTree* cgroups, OutputSpool* outputs, const Clock& clock)
      : launcher_(launcher), cgroups_(cgroups), outputs_(outputs), clock_(clock), standstills_(clock) {}

  // The descriptors that go with the Launch of that run, until it is sent or dropped.
  void keepForLaunch(const RunId& run, std::vector<UniqueFd> fds) { launchFds_[run] = std::move(fds); }
  void dropForLaunch(const RunId& run) { launchFds_.erase(run); }

  Result<void> perform(const EffectBody& effect);

  // Runs whose end is settled: their output is written first, then the launcher forgets them. Called at the end of a
  // turn, so that whoever waits for the status of a run waits for none of this.
  void settleEnded();
  // The output of that run is written, or cannot be: the launcher may forget it.
  void outputKept(const RunId& run);

  // Runs whose launch could not be sent: the event that the launcher would have sent.
  std::vector<sandbox::LaunchFailed> takeFailedLaunches() { return std::exchange(failedLaunches_, {}); }
  // What guards are to be told now, in order (Mediation::perform).
  std::vector<GuardEffect> takeForGuards() { return std::exchange(forGuards_, {}); }
  // Whether ringfence-stop is to be asked to open its latch.
  bool takeRelease() { return std::exchange(releases_, false); }
  // Private homes whose removal is recorded, in order (Prunes::perform).
  std::vector<RemoveHome> takeHomes() { return std::exchange(homes_, {}); }
  // Runs whose deadline has passed.
  std::vector<RunId> takeFired();
  // Tries again to remove groups; yields what was given up.
  std::vector<Error> retryRemovals();
  // How fast the kernel does what it was told.
  Standstills& standstills() { return standstills_; }
  // When takeFired or retryRemovals have something to do (boottime).
  std::optional<Microseconds> nextWake() const;

 private:
  struct Removal {
    RemoveGroup group;
    Microseconds since{};
    Microseconds next{};
  };
  Result<void> performOne(const SendToLauncher& effect);
  Result<void> performOne(const FreezeGroup& effect);
  Result<void> performOne(const KillGroup& effect);
  Result<void> performOne(const ReclaimMemory& effect);
  Result<void> performOne(const LimitWrites& effect);
  Result<void> performOne(const KeepProcessors& effect);
  Result<void> performOne(const TellAgent& effect);
  Result<void> performOne(const CutConnections& effect);
  Result<void> performOne(const ReleaseLatch&) { return releases_ = true, Result<void>(); }
  Result<void> performOne(const RemoveHome& effect) { return homes_.push_back(effect), Result<void>(); }
  Result<void> performOne(const RemoveGroup& effect);
  Result<void> performOne(const ArmTimer& effect);
  Result<void> performOne(const Publish&) { return {}; }  // the turn's business
  Result<void> performOne(const TellGuard& effect) { return forGuards_.push_back(effect), Result<void>(); }
  Result<void> performOne(const SendRules& effect) { return forGuards_.push_back(effect), Result<void>(); }
  Result<void> performOne(const SettleRing& effect) { return forGuards_.push_back(effect), Result<void>(); }
  Result<void> remove(const RemoveGroup& group);
  bool keepsOutput(const RunId& run);
  void beginStandstill(const RunId& run, policy::PriorityClass priority, Standstills::Order order);

  AgentLauncher& launcher_;
  sandbox::CgroupTree* cgroups_;
  OutputSpool* outputs_;
  const Clock& clock_;
  std::map<RunId, std::vector<UniqueFd>> launchFds_;
  std::vector<sandbox::LaunchFailed> failedLaunches_;
  std::vector<RunId> ended_;
  std::vector<GuardEffect> forGuards_;
  std::vector<RemoveHome> homes_;
  bool releases_ = false;
  std::map<RunId, Microseconds> timers_;
  std::vector<Removal> removals_;
  Standstills standstills_;
  Reclaimer reclaimer_;
};

}  // namespace ringfence::supervisor
