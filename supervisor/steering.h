// Watches what runs and the machine use, keeps it as samples, and lets the governor act on it: reads, asks, submits
// what it proposes. How often follows what there is to fear: not at all while nothing runs, once a second while there
// is plenty of memory and nobody works, four times while somebody does, and as the governor wants it where there is
// not.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "supervisor/accel_accounts.h"
#include "supervisor/agent_claims.h"
#include "supervisor/governor/alarms.h"
#include "supervisor/governor/govern.h"
#include "supervisor/governor/hook_watch.h"
#include "supervisor/governor/limit_watch.h"
#include "supervisor/governor/price.h"
#include "supervisor/interruptions.h"
#include "supervisor/live_runs.h"
#include "supervisor/meter/device_meter.h"
#include "supervisor/meter/file_locks.h"
#include "supervisor/meter/foreground_meter.h"
#include "supervisor/processor_steering.h"
#include "supervisor/run_activity.h"
#include "supervisor/run_meter.h"
#include "supervisor/store/sample.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

class Steering {
 public:
  struct World {
    const Clock& clock;
    Turns& turns;
    const MeterRoots* roots = nullptr;             // absent: nothing is read of the machine, so nobody is governed
    const sandbox::CgroupTree* cgroups = nullptr;  // absent: likewise of runs
    const AccelAccounts& accelerators;
    std::string ownGroup;  // of the daemon, in the unified hierarchy; empty: the root
    std::function<RunActivity::Told(const RunId&)> network;
    const AgentClaims& agents;
    RescheduleTicker* ticker = nullptr;  // absent: the kernel is left to choose who has a processor
    std::function<void(const governor::Proposal&)> announce;  // kAnnounce and kWithdraw
    std::function<void(std::vector<Sample>)> keep;            // may lose them
    std::function<void(const std::vector<Error>&)> report;
  };
  Steering(World world, governor::GovernorSettings settings);

  // An agent said something by which a hold may come sooner: it is time now.
  void hurry() { next_ = world_.clock.now().boottime; }
  // Reads and acts when it is time.
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime
  // A fact is durable.
  void published(const Fact& fact);
  // The kernel has done what was ordered of a run.
  void took(const Standstills::Taken& taken) { interruptions_.took(taken); }

  Now now() const { return world_.clock.now(); }
  // What an interruption would cost now. Fails with kNotFound for a run that was not read yet.
  Result<governor::Price> priceOf(const RunId& run, governor::Interruption interruption, Microseconds hold) const;
  // What prices are made of: how the run was when it was read last, and what its agent said up to now. Absent: it was
  // not read yet.
  std::optional<governor::RunSignals> signalsOf(const RunId& run) const;
  // How many groups tell how long the person's programs wait; 0: that is not known.
  std::size_t foregroundGroups() const { return foreground_ ? foreground_->groups() : 0; }
  // Everything, for somebody who looks: the machine read anew when that was longer ago than that, a run each time.
  // Absent: nothing can be read of it. The governor's own readings of runs stay as they were.
  const DeviceReading* lookAtDevice(Microseconds freshFor = std::chrono::seconds(1));
  std::optional<GroupReading> lookAt(const RunId& run);

 private:
  struct Watched {
    RunMeter meter;
    RunActivity activity;
  };
  bool isCalm() const;
  governor::Signals asTold();
  void readFullDevice(const Now& now);
  governor::DeviceSignals deviceSignals(const Now& now);
  void forgetEnded();
  void lookForRuns();
  governor::Signals read(const Now& now);
  void noteLocks();
  void noteBudgets(const Run& run, governor::RunSignals& signals) const;
  governor::RunSignals signalsOf(const Run& run, const Watched& watched) const;
  void readProcesses(const Run& run, Watched& watched, const Now& now) const;
  void noteActivity(const Now& now, RunActivity& activity, governor::RunSignals& signals) const;
  void noteClaims(const RunActivity& activity, governor::RunSignals& signals) const;
  void keepSamples(const Now& now);
  void lookForSilence(const Now& now);
  void noteGoing(const Fact& fact);
  void learnKill(const Fact& fact);
  void submit(const Command& command);
  void propose(const governor::Proposal& proposal);

  World world_;
  LiveRuns live_;
  governor::GovernorSettings settings_;
  governor::Governor governor_;
  governor::AlarmWatch alarms_;
  governor::LimitWatch limits_;
  governor::HookWatch hooks_;
  ProcessorSteering processors_;
  Microseconds beganAt_;  // boottime; what ran before may have been heard by another daemon
  governor::CostModel costs_;
  std::optional<DeviceMeter> meter_;
  std::optional<FileLocks> locks_;
  std::set<RunId> waitedFor_;  // runs with a file lock for which somebody waits who is no agent
  std::optional<ForegroundMeter> foreground_;
  std::optional<ForegroundReading> foregroundSeen_;  // by the last reading, where it looked
  bool tooHot_ = false;                              // at the last full reading
  bool canReclaim_ = false;                          // of all runs
  std::map<RunId, Watched> watched_;
  Interruptions interruptions_;
  Today today_;  // by the last reading
  DeviceReading device_;
  std::optional<Microseconds> deviceAt_;          // when it was read in full
  governor::Signals signals_;                     // the last
  std::optional<Microseconds> acceleratorsTold_;  // the reading of them that the governor had
  std::optional<Microseconds> next_, nextSample_, nextFull_, nextForeground_;
};

}  // namespace ringfence::supervisor
