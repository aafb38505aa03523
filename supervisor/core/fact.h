// What happened, in the past tense. Facts are stored for ever in this shape: a field is never renamed, only added, and
// a reader supplies the default for one that an old fact lacks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/clock.h"
#include "sdk/base/compiled_once.h"
#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "supervisor/core/action_facts.h"
#include "supervisor/core/agent_facts.h"
#include "supervisor/core/preempt_facts.h"
#include "supervisor/core/stop_facts.h"

namespace ringfence::supervisor {

struct DaemonStarted {
  std::string version;
  std::string kernel;
  bool operator==(const DaemonStarted&) const = default;
};
struct DaemonStopping {
  std::string reason;
  bool operator==(const DaemonStopping&) const = default;
};

// A policy that the launch named by its file, for whoever looks for it later. Where it is, its client says.
struct PolicyFile {
  std::string path;
  std::string sha256;  // of its text
  bool operator==(const PolicyFile&) const = default;
};
// What its conversation with people and its governing go by.
struct RunTerms {
  std::string home;         // what "~" stands for in its policy
  std::string resolved;     // SHA-256 of its policy with all origins, by which the daemon keeps it
  bool unattended = false;  // nobody is there to be asked
  std::uint64_t promptTimeoutSec = 600;
  std::uint32_t promptPerMinute = 6;
  std::optional<PolicyFile> policyFile;
  std::optional<RunBounds> bounds;      // absent in what builds before it wrote
  std::optional<AcceleratorShare> npu;  // absent: it has none
  std::optional<AcceleratorShare> gpu;  // likewise
  // Where it can change what is there outside too, by the names inside; absent in what builds before it wrote.
  std::optional<std::vector<std::string>> writable;
  std::optional<AdapterTerms> adapter = std::nullopt;  // absent: none was used
  bool operator==(const RunTerms&) const = default;
};
// A launch was admitted. Everything about the run that never changes.
struct RunAdmitted {
  std::string name;
  std::uint32_t callerUid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::string> command;
  std::string workspace;
  std::string policyName;
  std::string policyHash;
  std::string planHash;
  policy::PriorityClass priority = policy::PriorityClass::kBackground;
  sandbox::Stdio stdio = sandbox::Stdio::kDescriptors;
  std::vector<sandbox::Weakening> weakened;
  bool detached = false;
  std::optional<RunTerms> terms;  // absent in what builds before it wrote
  bool operator==(const RunAdmitted&) const = default;
};
struct RunBuilt {
  std::vector<sandbox::WallReading> posture;
  std::vector<sandbox::Note> notes;
  std::int32_t initPid = 0;
  bool operator==(const RunBuilt&) const = default;
};
struct RunStarted {
  std::int32_t pid = 0;
  bool operator==(const RunStarted&) const = default;
};
struct RunRefused {
  std::string token;
  std::string message;
  int exitCode = 125;
  bool operator==(const RunRefused&) const = default;
};
struct RunFrozen {
  std::uint32_t byUid = 0;
  std::string reason;
  std::optional<Preemption> preemption = std::nullopt;  // the governor holds it, and lets go by itself
  std::optional<SelfHeld> itself = std::nullopt;        // neither a person nor the governor
  bool operator==(const RunFrozen&) const = default;
};
// A person freezes it, and it goes on for now: its agent asked not to be interrupted, or to be told before. RunFrozen
// follows at the agent's moment and after the grace at the latest, RunResumed where a person takes it back.
struct RunPausing {
  std::uint32_t byUid = 0;
  std::string reason;
  std::uint64_t graceMs = 0;
  bool operator==(const RunPausing&) const = default;
};
struct RunResumed {
  std::uint32_t byUid = 0;
  std::optional<std::string> reason = std::nullopt;  // of the governor; absent: somebody asked
  bool operator==(const RunResumed&) const = default;
};
struct RunStopping {
  std::uint32_t byUid = 0;
  bool kill = false;
  std::string reason;
  std::optional<bool> latched = std::nullopt;  // the emergency stop met it before it ran
  bool operator==(const RunStopping&) const = default;
};
// The reading of the run's groups at its end, and how much output its ring had got; absent numbers are unknown.
struct FinalUsage {
  std::optional<std::uint64_t> cpuUsec, memoryPeakBytes, ioReadBytes, ioWriteBytes, outputBytes;
  bool operator==(const FinalUsage&) const = default;
};
FinalUsage finalUsage(const sandbox::LastReading& reading);
// How long it lived on that day of the machine's calendar, from the day's beginning at the earliest.
struct DayTime {
  std::string day;
  std::uint64_t ms = 0;
  bool operator==(const DayTime&) const = default;
};
struct RunEnded {
  sandbox::ExitStatus exit;
  bool outOfMemory = false;
  std::string note;
  FinalUsage usage;
  std::optional<LaterReport> later;             // absent: nobody watched what it changed
  std::optional<DayTime> ofDay = std::nullopt;  // on which it ended; absent: not known
  bool operator==(const RunEnded&) const = default;
};
// After a restart: the log said one thing, the kernel another.
struct DifferenceFound {
  std::string what;
  std::string action;
  bool operator==(const DifferenceFound&) const = default;
};
struct RunAdopted {
  std::int32_t initPid = 0;
  std::int32_t pid = 0;
  bool operator==(const RunAdopted&) const = default;
};
struct LauncherLost {
  std::string reason;
  bool operator==(const LauncherLost&) const = default;
};
struct LauncherReady {
  std::int32_t pid = 0;
  bool operator==(const LauncherReady&) const = default;
};
// Nothing can be recorded, or only this from room that was kept for it: agents are held, nothing is started or allowed.
struct RecordsStopped {
  bool diskFull = false;
  std::string reason;
  bool operator==(const RecordsStopped&) const = default;
};
struct RecordsResumed {
  bool operator==(const RecordsResumed&) const = default;
};
// The owner of a project accepted this exact text of its policy file.
struct PolicyTrusted {
  std::uint32_t uid = 0;
  std::string file;
  std::string hash;
  bool operator==(const PolicyTrusted&) const = default;
};
// The private home of one user and policy, with all that runs had left in it; it had about so many bytes.
struct HomeRemoved {
  std::uint32_t uid = 0;
  std::string policy;
  std::uint64_t bytes = 0;
  std::uint32_t byUid = 0;
  bool operator==(const HomeRemoved&) const = default;
};
// Background runs leave so many processors to the person's programs from then on; 0: none.
struct ProcessorsReserved {
  std::uint32_t processors = 0;
  std::string reason;
  bool operator==(const ProcessorsReserved&) const = default;
};
// About the log itself (log_keeping.h): the fold up to here is kept in a snapshot with this hash.
struct SnapshotTaken {
  std::uint64_t upToSeq = 0;
  std::string stateHash;
  bool operator==(const SnapshotTaken&) const = default;
};
// Likewise: facts up to here were removed; the chain goes on from `headHash`.
struct SegmentRetired {
  std::uint64_t upToSeq = 0;
  std::string headHash;
  bool operator==(const SegmentRetired&) const = default;
};

using FactBody = CompiledOnce<std::variant<
    DaemonStarted, DaemonStopping, RunAdmitted, RunBuilt, RunStarted, RunRefused, RunFrozen, RunResumed, RunStopping,
    RunEnded, DifferenceFound, RunAdopted, LauncherLost, LauncherReady, PolicyTrusted, SnapshotTaken, SegmentRetired,
    ActionAsked, AskJoined, AskLeft, ActionAnswered, ActionPerformed, ActionDenied, ActionRewritten, ConnectionOpened,
    OutcomeUnknown, AsksRefused, ActionsAllowed, GrantIssued, GrantRevoked, GrantExpired, GuardStarted, GuardLost,
    RulesEnforced, TrafficCounted, RecordsNotWritten, RunRestrained, InterruptionMeasured, AlarmRaised, LeaseGiven,
    LeaseEnded, LimitReached, ConnectionsHeld, RecordsStopped, RecordsResumed, EmergencyStopped, Rearmed, LatchReleased,
    UsageReported, UsageSeen, BudgetExtended, RunPausing, HomeRemoved, ProcessorsReserved>>;

struct Fact {
  std::uint64_t seq = 0;  // gapless from 1; order is seq, never time
  RunId run;              // empty: not about one run
  Now at;
  std::string bootId;
  FactBody body;
  bool operator==(const Fact&) const = default;
};

// "run-admitted": the `kind` of log lines and of the store.
std::string_view factKind(const FactBody& body);
std::vector<std::string_view> factKinds();
// The name of a wall in facts.
std::string_view storedName(sandbox::Wall wall);
// The body as canonical JSON (sorted keys), and back. Decoding fails with kInvalid naming kind and field.
std::string encodeFactBody(const FactBody& body);
Result<FactBody> decodeFactBody(std::string_view kind, std::string_view json);

}  // namespace ringfence::supervisor
