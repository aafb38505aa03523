// The state of the daemon: the fold of all facts. Value type; changed by evolve alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "supervisor/core/fact.h"
#include "supervisor/core/questions.h"

namespace ringfence::supervisor {

// A run's life. Each state holds what is known only in it.
struct Requested {};  // admitted; the launcher builds
// Walls proved; the command is being started.
struct Starting {
  std::int32_t initPid = 0;
};
struct Running {
  std::int32_t initPid = 0;
  std::int32_t pid = 0;
};
struct Frozen {
  std::int32_t initPid = 0;
  std::int32_t pid = 0;
  Now since;
  std::uint32_t byUid = 0;
  std::optional<Preemption> preemption;  // this and the rest as in RunFrozen
  std::optional<std::string> reason;     // absent in what builds before it wrote
  std::optional<SelfHeld> itself;
};
struct Stopping {
  std::int32_t initPid = 0;
  std::int32_t pid = 0;
  Now since;
  bool killed = false;
  bool wasFrozen = false;
  std::optional<bool> latched;  // as in RunStopping
};
struct EndedState {
  sandbox::ExitStatus exit;
  Now at;
  bool refused = false;
  std::string token;
  std::string note;
  bool outOfMemory = false;
  FinalUsage usage;
  int exitCode = 0;
  std::optional<LaterReport> later;  // as in RunEnded
};
using LifeState = std::variant<Requested, Starting, Running, Frozen, Stopping, EndedState>;

struct SeenAlarm {
  AlarmRaised alarm;
  Now at;
};

// A person's freeze that is to come.
struct Pausing {
  RunId run;
  RunPausing what;
  Now at;
};

struct SeenLimit {
  LimitReached limit;
  Now at;
};

// What its agent reported, or its egress saw, added up. Sums stop at the greatest number there is.
struct ReportedUsage {
  std::uint64_t reports = 0;
  std::uint64_t inputTokens = 0, outputTokens = 0;
  std::optional<std::uint64_t> costMicroUsd;       // of those reports that told one
  std::vector<std::string> recentIds;              // of a live run: the last kMaxReportIds, oldest first
  std::optional<std::uint64_t> estimatedMicroUsd;  // of the others, as far as list prices are known
  std::optional<std::uint64_t> unpriced;           // reports of which they are not; absent: none
};
// A budget of a run that a person made longer: where it ends now.
struct LongerBudget {
  std::string limit;  // as in BudgetExtended
  std::uint64_t upTo = 0;
};
// What all runs spent on one day that one user had under the policy of one name.
struct DaySpending {
  std::uint32_t uid = 0;
  std::string policy, day;
  std::optional<std::uint64_t> tokens;        // absent: nothing was reported or seen
  std::optional<std::uint64_t> costMicroUsd;  // told and estimated; absent: nothing of it is known
  bool estimated = false;                     // some of that
  bool incomplete = false;                    // of some of it no cost is known
  std::vector<LongerBudget> longer;           // budgets of that day
  std::optional<std::uint64_t> prompts;       // questions that were put to a person; absent: none
  std::optional<std::uint64_t> wallTimeMs;    // of those that ended; absent: none did
};
struct Run {
  RunId id;
  std::uint64_t admittedSeq = 0;
  Now admittedAt;
  RunAdmitted what;
  std::vector<sandbox::WallReading> posture;
  std::vector<sandbox::Note> notes;
  LifeState life = Requested{};
  Conversation talk;
  std::vector<SeenLimit> limits;      // at which the kernel held it: the last of each, at most kMaxLimitsKept
  std::vector<SeenAlarm> alarms;      // of a live run, the last kMaxAlarmsKept, oldest first
  std::optional<bool> leasesDropped;  // by an emergency stop; it takes them again when it is resumed
  // That the governor has set, below its policy's own, in bytes a second. The kernel keeps it over a daemon's death.
  std::optional<std::uint64_t> writeLimit;
  std::optional<ReportedUsage> reported;
  std::optional<ReportedUsage> seen;   // by its egress
  std::optional<std::uint64_t> asked;  // questions that were put to a person; absent: none
  std::vector<LongerBudget> longer;    // budgets of its own
};

// Closed by an emergency stop: nothing starts, nothing goes on.
struct Latch {
  EmergencyStopped stop;  // the last that changed anything
  Now at;
  std::optional<std::uint32_t> rearmedBy;  // a person has said that it may be opened; that it is, nobody has yet
  std::optional<std::uint32_t> closedBy;   // who made the first stop; absent: nobody with an id, or not known
  std::vector<std::uint32_t> owners;       // whose runs it met alive, whatever became of them since
};

bool isLive(const Run& run);
std::optional<std::uint64_t> tokensOf(const Run& run);  // absent: nothing was reported or seen
RunTerms termsOf(const Run& run);
std::string_view lifeName(const LifeState& life);  // "starting|running|frozen|stopping|ended"
std::int32_t commandPid(const LifeState& life);    // 0: none

struct State {
  std::uint64_t lastSeq = 0;
  std::string bootId;  // of the last fact
  bool launcherReady = false;
  bool recordsStopped = false;    // and not said to be over
  std::uint64_t snapshotSeq = 0;  // the last snapshot holds the state up to here
  std::uint64_t retiredSeq = 0;   // facts up to here are no longer in the log
  std::map<RunId, Run> runs;      // live ones, and the last kMaxEndedRuns that ended
  std::vector<RunId> ended;       // oldest first
  std::map<std::pair<std::uint32_t, std::string>, std::string> trusted;  // (uid, file) -> hash
  std::uint64_t lastQuestion = 0;
  std::uint64_t lastGrant = 0;
  std::map<std::uint64_t, Question> questions;    // open ones
  std::vector<ClosedQuestion> closedQuestions;    // the last kMaxClosedQuestions, oldest first
  std::map<std::uint64_t, StandingGrant> grants;  // in force, as far as time was looked at
  std::vector<EndedGrant> endedGrants;            // the last kMaxEndedGrants, oldest first
  std::optional<Latch> latch;                     // absent: it is open
  std::vector<DaySpending> spendings;             // of the last days, least recently changed first
  std::vector<Pausing> pausing;                   // live runs, each once
};

const Pausing* findPausing(const State& state, const RunId& run);  // null: nobody freezes it, or it is frozen
Microseconds latestOf(const Pausing& pausing);                     // boottime; it is frozen then

inline constexpr std::size_t kMaxEndedRuns = 1000;
inline constexpr std::size_t kMaxLiveRuns = 512;
inline constexpr std::size_t kMaxLiveRunsPerUser = 128;
inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::size_t kMaxCommandBytes = 256 * 1024;  // recorded of one run; what is cut is named by its digest
inline constexpr std::size_t kMaxEndedCommandBytes = 4096;   // of an ended run; the log has all that was recorded
inline constexpr std::size_t kMaxReasonBytes = 1024;
inline constexpr std::size_t kMaxAlarmsKept = 4;
inline constexpr std::size_t kMaxLimitsKept = 8;
inline constexpr std::size_t kMaxReportIds = 256;
inline constexpr std::size_t kMaxSpendingsPerUser = 64;
inline constexpr std::size_t kMaxSpendings = 4096;
inline constexpr std::size_t kMaxTrustedPerUser = 256;
inline constexpr std::size_t kMaxTrustedPathBytes = 4096;

// To kMaxEndedCommandBytes; what was cut off shows as "…". Of ended runs, and where many runs are listed.
void shorten(std::vector<std::string>& command);

// The state after `fact`. Total: a fact that does not fit (a RunStarted of an unknown run) changes only lastSeq.
State evolve(State state, const Fact& fact);

// Canonical JSON of the whole state, for snapshots and their hash; and back.
std::string encodeState(const State& state);
Result<State> decodeState(std::string_view json);

}  // namespace ringfence::supervisor
