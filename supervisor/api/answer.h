// What the daemon answers, as values. Descriptors travel beside the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/document.h"
#include "sandbox/wire/guard.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/clock.h"
#include "sdk/base/compiled_once.h"
#include "sdk/base/error.h"
#include "supervisor/core/action_facts.h"
#include "supervisor/core/scope.h"

namespace ringfence::supervisor::api {

// A refusal. `code` is one of those that sdk/proto/control.proto lists; `exitCode` is what a command line ends with.
struct Refusal {
  std::string code;
  std::string message;
  std::string token;
  std::uint32_t exitCode = 1;
  std::string json;
  std::uint64_t lastSeq = 0;
};
// An Error in words for the client.
Refusal refusalOf(const Error& error);

struct Weakening {
  std::string wall;
  std::string reason;
};
struct RunAccepted {
  std::string run;
  std::string name;
  std::int32_t pid = 0;
  std::vector<Weakening> weakened;
  std::vector<std::string> notes;
  bool hasTerminal = false;
};
struct RunNamed {
  std::string run;
};
struct ExitReport {
  std::optional<int> code;
  std::optional<int> signal;
  bool outOfMemory = false;
  std::string note;
  std::optional<LaterReport> later;  // absent: not known
};
struct StoppedBy {
  int signal = 0;
};
struct Continued {};
// The governor holds it, or lets it go on.
struct Governed {
  bool held = false;
  std::string reason;
};

// A rule of a file, as a person can find it.
struct RuleText {
  std::string file;
  std::uint32_t line = 0;
  std::string text;
};
// What allowing it for longer than once would write.
struct ScopeOffer {
  GrantScope scope = GrantScope::kRun;
  std::string policyText;
};
// What somebody waits to be allowed. Field by field as sdk/proto/control.proto explains them.
struct PendingItem {
  std::uint64_t id = 0;
  std::string run, runName;
  sandbox::GuardedAction action;  // its object stays here
  std::optional<RuleText> rule;   // absent: no rule of a file
  std::string why, digest, asked, deadline;
  std::uint32_t batch = 1;
  std::vector<sandbox::GuardedAction> batched;  // the others of the batch; their chains stay here
  std::uint32_t coalesced = 1;
  std::vector<ScopeOffer> offers;
  std::string onlyOnce, notInWindow;
};
enum class Settlement { kAllowed, kDenied, kRewritten, kExpired, kStopped, kWithdrawn };
struct PendingGone {
  std::uint64_t id = 0;
  std::string run;
  Settlement settlement = Settlement::kDenied;
};

struct RunEvent {
  std::string run;
  std::variant<StoppedBy, Continued, ExitReport, PendingItem, PendingGone, Governed> event;
};

struct AcceleratorLine {
  std::string device, kind, scope, confidence;
  std::optional<std::uint64_t> busyUsec, memoryBytes;
};
// Time in which something waited for it.
struct Pressure {
  std::optional<std::uint64_t> cpuUsec, memoryUsec, ioUsec;
};
// Field by field as sdk/proto/control.proto explains them; amounts are dollars where the limit is one of money.
struct BudgetLine {
  std::string limit;
  std::optional<double> used;
  double edge = 0, warnAt = 0;
  std::string day, state;
};
struct DaySpendingLine {
  std::uint32_t uid = 0;
  std::string policy, day;
  std::optional<std::uint64_t> tokens;
  std::optional<double> costUsd;
  bool costEstimated = false, costIncomplete = false;
  std::optional<std::uint64_t> prompts, wallTimeMs;
};
struct UsageReading {
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, pids, ioReadBytes, ioWriteBytes;
  std::optional<std::uint64_t> npuUsec, gpuUsec, tokens;
  std::optional<std::uint64_t> anonymousBytes, networkSentBytes, networkReceivedBytes;
  Pressure pressure;
  std::vector<AcceleratorLine> accelerators;
  std::optional<double> costUsd;
  bool costEstimated = false, costIncomplete = false;
  std::vector<BudgetLine> budgets = {};
};
struct WallLine {
  std::string wall, wanted, got, proved;
  bool up = false;
};
// Who holds a frozen run, and why.
struct HeldBy {
  bool governor = false;    // it lets go by itself
  std::uint32_t byUid = 0;  // of who asked
  std::string reason, since;
  std::string by;     // "governor", "person", "restart", "questions", "prompts" or "emergency stop"
  std::string cause;  // of the governor
};
// A person freezes it, and it goes on for so long at most.
struct PausingBy {
  std::uint32_t byUid = 0;
  std::string asked;
  Milliseconds within{};
};
struct AlarmLine {
  std::string kind, reason, at;
};
struct RunDetails {
  std::string id, name, state, priority;
  std::optional<ExitReport> exit;
  std::uint32_t uid = 0;
  std::uint32_t callerUid = 0;
  std::int32_t pid = 0;
  std::vector<std::string> command;
  std::string workspace, policyName, policyHash, started, ended, token;
  std::string policyFile, policyFileSha256;
  std::vector<Weakening> weakened;
  std::vector<WallLine> walls;
  UsageReading usage;
  std::vector<std::string> notes;
  std::optional<HeldBy> held;        // of a frozen one
  std::optional<PausingBy> pausing;  // of one that is about to be
  std::vector<AlarmLine> alarms;
  std::vector<AlarmLine> limitsReached;  // `kind`: which
  std::string says, saidAt;              // by its agent, of what it does; empty: nothing
  std::string adapter, hookHeardAt;      // empty: none; not since this daemon began
};
// Of the emergency stop.
struct StopState {
  bool latched = false;
  std::string trigger, at;  // then
  std::string alarm;        // why nobody could stop everything now; empty: they can
};
struct RunList {
  std::vector<RunDetails> runs;
  StopState stop = {};
};
struct Done {
  std::vector<std::string> runs;
  std::vector<std::string> pausing = {};  // of them; they go on for now
};
struct LogLine {
  std::uint64_t seq = 0;
  std::string at, run, kind, bodyJson, hash;
};
struct Verification {
  bool ok = false;
  std::uint64_t facts = 0;
  std::string head;
  std::uint64_t firstBadSeq = 0;
  std::string detail;
};
struct Document {
  std::string json;
  std::string text;
};
struct UsageRow {
  std::string run, name, state;
  UsageReading usage;
};
struct Energy {
  std::string domain;
  std::uint64_t microjoules = 0;
};
struct Battery {
  std::optional<std::uint32_t> percent;
  bool discharging = false;
  std::optional<std::uint64_t> microwatts;
};
// Of the whole machine.
struct Device {
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint64_t> cpuBusyUsec, memoryTotalBytes, memoryAvailableBytes;
  Pressure pressure;
  std::vector<Energy> energy;                 // empty: it does not tell
  std::vector<AcceleratorLine> accelerators;  // those that count themselves
  std::optional<Battery> battery;             // absent: it has none
};
// Of one second, minute or hour. Counters as they were at its end.
struct UsageBucket {
  std::string run;
  Microseconds start{};
  std::uint32_t seconds = 1;
  std::optional<std::uint64_t> cpuUsec = {}, ioReadBytes = {}, ioWriteBytes = {}, memoryMin = {}, memoryMean = {},
                               memoryMax = {}, pidsMax = {};
};
struct UsageList {
  std::vector<UsageRow> rows;
  std::optional<Device> device = std::nullopt;
  std::vector<UsageBucket> series = {};
  std::vector<DaySpendingLine> today = {};
};
// One descriptor: the run's terminal, or its output ring.
struct Output {
  bool isTerminal = false;
};

struct GrantRow {
  std::uint64_t id = 0;
  GrantScope scope = GrantScope::kOnce;
  std::string run, workspace;  // of kRun, of kProject
  policy::Operation operation = policy::Operation::kRead;
  std::string target;
  std::vector<std::string> argv;
  std::string until, policyText, issued, lastUsed;
  std::uint32_t byUid = 0;
  std::uint64_t hits = 0;
  // Of one that counts no more: when, and either who revoked it or why it ended.
  std::string ended, endedWhy;
  std::optional<std::uint32_t> revokedBy;
};
struct GrantList {
  std::vector<GrantRow> rows;
};
struct WhyAnswer {
  policy::Decision decision = policy::Decision::kForbid;
  std::optional<RuleText> rule;  // absent: nothing grants it
  std::string why;
  std::vector<std::string> next;
  std::string before;  // what allowed it until it ended
  struct Asked {
    std::uint64_t question = 0;
    std::string at;       // since when it waits, or when it was settled
    std::string outcome;  // "waits", or as it was settled
    std::vector<sandbox::ProcessLink> chain;
    std::string chainNote;
  };
  std::optional<Asked> asked = std::nullopt;  // who asked for it, as far back as the state goes
};

// What is absent is not known.
struct Price {
  std::optional<double> seconds, tokens, workCpuSeconds;
  bool forbidden = false;
  std::string why, cheaperAfter;
};
struct PriceAnswer {
  std::string run, name;
  Microseconds hold{};
  Price freeze, freezeAndReclaim, kill;
  std::string safePoint;  // empty: none is known
  std::string activity;   // empty: not known
};

struct ProtectedPart {
  std::string what;
  std::string amount;  // empty: not protected, and `why`
  std::string why;
};
struct FocusAnswer {
  std::int32_t pid = 0;  // 0: nobody has the focus
  std::string group;
  std::vector<ProtectedPart> parts;
};

// Field by field as sdk/proto/control.proto explains them.
struct HomeLine {
  std::uint32_t uid = 0;
  std::string policy, lastUsed;
  std::uint64_t bytes = 0;
  bool isMore = false;
  std::string fate, why;
};
struct PruneAnswer {
  std::vector<HomeLine> homes;
  std::uint64_t removed = 0, removedBytes = 0;
  std::vector<std::string> left;
};

using Answer = CompiledOnce<std::variant<Refusal, RunAccepted, RunEvent, RunList, RunDetails, Done, LogLine,
                                         Verification, Document, UsageList, Output, RunNamed, PendingItem, PendingGone,
                                         GrantList, WhyAnswer, PriceAnswer, FocusAnswer, PruneAnswer>>;

}  // namespace ringfence::supervisor::api
