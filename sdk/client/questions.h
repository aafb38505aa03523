// What waits for a person, what a person answers and what that leaves behind, as the client sees it. Part of
// sdk/client/client.h. kUnknown is a word of a newer daemon: it may be shown as such, and never means "allowed".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ringfence::client {

enum class Operation { kUnknown, kRead, kWrite, kExec, kConnect, kCall };
enum class Decision { kUnknown, kAllow, kAsk, kForbid, kRewrite };
enum class Scope { kUnknown, kOnce, kRun, kProject, kAlways };
enum class Reversibility { kUnknown, kUndoable, kIrreversible, kLeavesDevice };
enum class Settlement { kUnknown, kAllowed, kDenied, kRewritten, kExpired, kStopped, kWithdrawn };

// Paths, arguments, hosts and names are of an agent: to be escaped wherever they are shown.
struct PendingAction {
  Operation operation = Operation::kUnknown;
  std::string target;             // absolute path, program, "host:port", or the name of a tool
  std::string second;             // where a rename or link goes
  std::vector<std::string> argv;  // kExec; kCall: its input as one JSON object, where it has one
  std::string cwd;
  std::string what;  // the system call or protocol
};
struct ProcessLink {
  std::int32_t pid = 0;
  std::string name;
};
struct RuleText {
  std::string file;
  std::uint32_t line = 0;
  std::string text;
};
// What allowing it for longer than once would write, but for the number, the moment and an end.
struct ScopeOffer {
  Scope scope = Scope::kUnknown;
  std::string policyText;
};
struct PendingItem {
  std::uint64_t id = 0;
  std::string run, runName;
  PendingAction action;
  std::vector<ProcessLink> chain;  // from the process that asks up to the run's command, or pid 1
  std::string chainNote;           // why there is no chain, or what to know of it
  std::optional<RuleText> rule;    // absent: no rule of a file
  std::string why, digest, asked, deadline;
  Reversibility reversible = Reversibility::kUnknown;
  std::uint32_t batch = 1;             // questions that this one stands for
  std::vector<PendingAction> batched;  // the others of the batch, as far as they were sent
  std::uint32_t coalesced = 1;         // calls that wait for the same answer
  std::vector<ScopeOffer> offers;      // for how long it can be allowed, beside once
  std::string onlyOnce;                // why there are none
  std::string notInWindow;             // why it cannot be allowed in a window now; empty: it can
};
struct PendingGone {
  std::uint64_t id = 0;
  std::string run;
  Settlement settlement = Settlement::kUnknown;
};
// The same id again: the question changed.
using PendingEvent = std::variant<PendingItem, PendingGone>;

struct AllowAnswer {
  Scope scope = Scope::kOnce;
  std::chrono::seconds duration{};  // zero: no end but the scope's
};
struct DenyAnswer {
  std::string say;  // to the agent
};
// Where a person answers. What is allowed in a window is refused while a run could press its buttons.
enum class Surface { kUnknown, kWindow };
// In place of what was wanted: one of them.
struct RewriteAnswer {
  std::vector<std::string> argv;
  std::optional<std::string> path, host, content;
};
struct QuestionAnswer {
  std::uint64_t id = 0;
  std::string digest;  // not empty: counts only while the question has it
  std::variant<AllowAnswer, DenyAnswer, RewriteAnswer> verdict = DenyAnswer{};
  Surface surface = Surface::kUnknown;
};

enum class GrantsShown { kInForce, kAlsoEnded };
struct GrantRow {
  std::uint64_t id = 0;
  Scope scope = Scope::kUnknown;
  std::string run, workspace;  // of kRun, of kProject
  Operation operation = Operation::kUnknown;
  std::string target;
  std::vector<std::string> argv;
  std::string until, policyText, issued;
  std::string lastUsed;  // empty: not since the daemon started
  std::uint32_t byUid = 0;
  std::uint64_t hits = 0;
  std::string revoked;  // empty: nobody did
  std::optional<std::uint32_t> revokedBy;
  std::string ended, endedWhy;  // empty: in force; why where nobody revoked it
};
struct WhyAnswer {
  Decision decision = Decision::kUnknown;
  std::optional<RuleText> rule;  // absent: nothing grants it
  std::string why;
  std::vector<std::string> next;
  std::string before;  // what allowed it until it ended
  struct Asked {
    std::uint64_t question = 0;
    std::string at;       // since when it waits, or when it was settled
    std::string outcome;  // "waits", or as it was settled
    std::vector<ProcessLink> chain;
    std::string chainNote;
  };
  std::optional<Asked> asked = std::nullopt;  // who asked for it, where that is still known
};

}  // namespace ringfence::client
