// Something wants a change.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/run_id.h"
#include "supervisor/core/action_commands.h"
#include "supervisor/core/fact.h"
#include "supervisor/core/peer.h"

namespace ringfence::supervisor {

struct AdmitRun {
  Peer peer;
  sandbox::Plan plan;
  std::string name;
  std::string workspace;
  std::string planHash;
  bool detached = false;
  RunTerms terms = {};
};
struct FreezeRun {
  Peer peer;
  RunId run;
  std::string reason;
};
struct ResumeRun {
  Peer peer;
  RunId run;
};
// SIGTERM to the command, and a kill when it is still there after `kStopGrace`.
struct StopRun {
  Peer peer;
  RunId run;
  std::string reason;
};
struct KillRun {
  Peer peer;
  RunId run;
  std::string reason;
};
struct TrustPolicy {
  Peer peer;
  std::string file;
  std::string hash;
};
// `usage`: only with Ended, in place of the launcher's own reading.
struct LauncherSaid {
  sandbox::LauncherEvent event;
  FinalUsage usage = {};
};
// `frozenGroups`: the runs whose group the kernel holds frozen, where the caller has read that; absent: not read.
struct LauncherConnected {
  std::int32_t pid = 0;
  std::vector<sandbox::KeptRun> kept;
  std::optional<std::set<RunId>> frozenGroups = std::nullopt;
};
struct LauncherGone {
  std::string reason;
};
// The foreground client of a run without a terminal died: hang up, then kill.
struct ClientLost {
  RunId run;
};
// A deadline that an ArmTimer effect asked for.
struct TimerFired {
  RunId run;
};
struct DaemonBegan {
  std::string version;
  std::string kernel;
};
struct DaemonEnds {
  std::string reason;
};

using Command =
    std::variant<AdmitRun, FreezeRun, ResumeRun, StopRun, KillRun, TrustPolicy, LauncherSaid, LauncherConnected,
                 LauncherGone, ClientLost, TimerFired, DaemonBegan, DaemonEnds, AskRaised, AsksOverflowed, AskWithdrawn,
                 AskPerformed, RecordTold, ActionsDrained, GuardGreeted, GuardFailed, RulesTaken, TrafficTold,
                 RecordsOmitted, AnswerCard, RevokeGrant, TimePassed>;

}  // namespace ringfence::supervisor
