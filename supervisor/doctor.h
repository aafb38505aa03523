// What this machine can give, for people and programs. Looking is apart from judging: judging is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/plan/kernel_features.h"
#include "supervisor/accel_accounts.h"
#include "supervisor/api/answer.h"
#include "supervisor/config.h"
#include "supervisor/emergency.h"
#include "supervisor/system_policies.h"

namespace ringfence::supervisor {

// What the running daemon has seen of GPUs and NPUs.
struct AcceleratorFindings {
  bool present = false;
  std::optional<Microseconds> stuckFor;  // a reading does not come back
  AccelAccounts::Blind blind;
  std::vector<AccelDeviceUse> devices;
};

// Of the emergency stop, as the running daemon knows it.
struct StopFindings {
  Emergency::Presence presence;
  std::string latched;  // since when and why, in words; empty: it is not
};

// What was found by looking.
struct Findings {
  sandbox::KernelFeatures features;
  std::uint32_t uid = 0;
  std::uint64_t capabilities = 0;  // effective
  std::string groupsTrouble;       // why control groups could not be made; empty: they can
  std::string launcher;            // path that was looked at
  bool launcherFound = false;
  bool logind = false;  // runs
  LoginCheck logins = LoginCheck::kOn;
  bool viewerGroup = false, adminGroup = false;  // ringfence, ringfence-admin
  std::optional<std::uint64_t> stateBytesFree;   // absent: the directory does not exist or cannot be asked
  std::string stateDir;
  std::size_t policies = 0;  // that load
  std::vector<std::string> policyTroubles;
  std::optional<std::string> logTrouble;            // why the log cannot be written; empty: it can; absent: not asked
  std::optional<AcceleratorFindings> accelerators;  // absent: not asked
  std::optional<sandbox::CgroupTree::Placement> placement;  // absent: not asked
  std::string stopProgram;                                  // path that was looked at
  bool stopProgramFound = false;
  std::optional<StopFindings> stop;                  // absent: not asked
  std::optional<std::vector<std::string>> stopKeys;  // as configured
  std::string otherScheduler;  // that decides about processors in place of the kernel's own; empty: none
  std::optional<std::size_t> foregroundGroups;  // that tell how long their processes wait; absent: not asked
  // What the configuration wants of battery and heat, and whether the machine tells it.
  std::optional<std::uint32_t> pauseBelowBatteryPercent;
  bool tellsCharge = false;
  bool pauseWhenHot = false, tellsHeat = false;
  std::uint32_t reserveProcessors = 0;  // as configured
  bool reschedules = false;             // the kernel is made to choose after each tick, where that helps
  std::size_t processors = 0;           // that are there; 0: not asked
};

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;
  bool warns = false;  // nothing is broken, and a person wants to know of it all the same
};

Findings look(const Config& config, sandbox::KernelFeatures features, const SystemPolicies& policies);

// Pure.
// Of the keyboards and buttons that stop everything; `wanted`: what the configuration says, absent: nothing.
Check stopKeysCheck(const std::optional<StopFindings>& stop, const std::optional<std::vector<std::string>>& wanted);
std::vector<Check> judge(const Findings& findings);
api::Document describe(const Findings& findings, const std::vector<Check>& checks);

// One line for each file that is not in force as it stands, and each policy of the daemon's own directories that does
// not load. Pure.
std::vector<std::string> policyTroubles(const SystemPolicies& policies);

// Where the launcher is expected: beside the running program.
std::string launcherProgram();
std::string stopProgram();

}  // namespace ringfence::supervisor
