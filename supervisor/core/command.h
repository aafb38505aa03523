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
#include "sdk/base/compiled_once.h"
#include "sdk/base/run_id.h"
#include "supervisor/core/action_commands.h"
#include "supervisor/core/agent_commands.h"
#include "supervisor/core/fact.h"
#include "supervisor/core/homes.h"
#include "supervisor/core/peer.h"
#include "supervisor/core/stop_commands.h"

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
// `grace`: what its agent does may go on for so long, if it is not being frozen already; absent: at once.
struct FreezeRun {
  Peer peer;
  RunId run;
  std::string reason;
  std::optional<Milliseconds> grace = std::nullopt;
};
// Its agent's moment, or the end of its grace.
struct PauseDue {
  RunId run;
};
struct ResumeRun {
  Peer peer;
  RunId run;
};
// A signal to the command, and a kill when it is still there after a while: as stopMethodOf() has it.
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
// `frozenGroups`: the runs that the kernel was told to hold, where the caller has read that; absent: not read.
// `unknown`: what becomes of a run that the log does not know: it ends, or, where the log cannot be trusted, is held.
enum class UnknownRuns { kEnd, kHold };
struct LauncherConnected {
  std::int32_t pid = 0;
  std::vector<sandbox::KeptRun> kept;
  std::optional<std::set<RunId>> frozenGroups = std::nullopt;
  UnknownRuns unknown = UnknownRuns::kEnd;
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
// The governor wants this, for its reason; its own holds are the only ones that it ends.
enum class PreemptStep { kReclaim, kLimitWrites, kDeferModelCall, kFreeze, kResume, kKill };
struct PreemptRun {
  RunId run;
  PreemptStep step{};
  PreemptCause cause{};
  std::string reason;
  std::optional<std::uint64_t> bytes = std::nullopt;  // as in RunRestrained
  std::optional<InterruptionPrice> predicted = std::nullopt;
  // What the agent is told of which limit ("wall_time"); empty: nothing.
  std::string limit = {}, tellAgent = {};
};
// So many processors are kept from background runs from now on, for that reason; 0: none any more.
struct ReserveProcessors {
  std::uint32_t processors = 0;
  std::string reason;
};
struct AlarmFound {
  RunId run;
  AlarmKind kind{};
  std::string reason;
  bool mayHold = true;  // false: somebody outside waits for it
};
// The kernel held it at a limit of its policy, or it comes near one; `limit` and `tellAgent` as in PreemptRun.
struct LimitFound {
  RunId run;
  std::string limit, reason, tellAgent;
  std::optional<LimitEdge> edge = std::nullopt;  // as in LimitReached
};
struct InterruptionCost {
  RunId run;
  InterruptionMeasured measured;
};
// The log cannot be written; it can again.
struct RecordsFailed {
  bool diskFull = false;
  std::string reason;
};
struct RecordsWork {};
// Somebody else did that to the groups of a run.
enum class GroupTrouble { kMovedOut, kThawed, kFrozen };
struct GroupsTouched {
  RunId run;
  GroupTrouble trouble{};
  std::string reason;
};
struct DaemonBegan {
  std::string version;
  std::string kernel;
};
struct DaemonEnds {
  std::string reason;
};

using Command = CompiledOnce<
    std::variant<AdmitRun, FreezeRun, ResumeRun, StopRun, KillRun, TrustPolicy, LauncherSaid, LauncherConnected,
                 LauncherGone, ClientLost, TimerFired, DaemonBegan, DaemonEnds, AskRaised, AsksOverflowed, AskWithdrawn,
                 AskPerformed, RecordTold, ActionsDrained, GuardGreeted, GuardFailed, RulesTaken, TrafficTold,
                 RecordsOmitted, AnswerCard, RevokeGrant, TimePassed, PreemptRun, AlarmFound, InterruptionCost,
                 LimitFound, HoldTold, RecordsFailed, RecordsWork, GroupsTouched, StopHeard, StopKills, RearmStop,
                 LatchOpened, ReportUsage, CountAnswers, AgentStops, PauseDue, PruneHomes, ReserveProcessors>>;

}  // namespace ringfence::supervisor
