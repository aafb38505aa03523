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

// A rule of a file, as a person can find it.
struct RuleText {
  std::string file;
  std::uint32_t line = 0;
  std::string text;
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
};
enum class Settlement { kAllowed, kDenied, kRewritten, kExpired, kStopped, kWithdrawn };
struct PendingGone {
  std::uint64_t id = 0;
  std::string run;
  Settlement settlement = Settlement::kDenied;
};

struct RunEvent {
  std::string run;
  std::variant<StoppedBy, Continued, ExitReport, PendingItem, PendingGone> event;
};

struct UsageReading {
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, pids, ioReadBytes, ioWriteBytes;
};
struct WallLine {
  std::string wall, wanted, got, proved;
  bool up = false;
};
struct RunDetails {
  std::string id, name, state;
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
};
struct RunList {
  std::vector<RunDetails> runs;
};
struct Done {
  std::vector<std::string> runs;
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
struct UsageList {
  std::vector<UsageRow> rows;
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
  std::string until, policyText, issued;
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
};

using Answer = std::variant<Refusal, RunAccepted, RunEvent, RunList, RunDetails, Done, LogLine, Verification, Document,
                            UsageList, Output, RunNamed, PendingItem, PendingGone, GrantList, WhyAnswer>;

}  // namespace ringfence::supervisor::api
