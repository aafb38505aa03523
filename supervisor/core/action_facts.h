// Facts about what agents wanted, what was decided, and the guards that stood between. Part of supervisor/core/fact.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/document.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"
#include "supervisor/core/scope.h"

namespace ringfence::supervisor {

// ---- questions

// A guard asks a person. The call is held until it is answered.
struct ActionAsked {
  std::uint64_t id = 0;  // of the question, never reused
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ask = 0;  // the guard's own number
  sandbox::GuardedAction action;
  sandbox::GuardRule rule;
  std::string digest;                             // of run, action and rule
  std::string policyHash;                         // of the rules that the guard was sent last
  Microseconds deadline{};                        // CLOCK_MONOTONIC
  std::uint64_t batch = 0;                        // the question on whose card it is shown; 0: it has its own
  std::optional<std::string> day = std::nullopt;  // as in UsageReported
  bool operator==(const ActionAsked&) const = default;
};
// The same thing was asked again while the question is open: one answer is for both.
struct AskJoined {
  std::uint64_t id = 0;
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ask = 0;
  bool operator==(const AskJoined&) const = default;
};
// One of several that wait for the same answer does not wait any more.
struct AskLeft {
  std::uint64_t id = 0;
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ask = 0;
  std::string why;
  bool operator==(const AskLeft&) const = default;
};
enum class Settled { kAllowed, kDenied, kRewritten, kExpired, kStopped, kWithdrawn };
struct ActionAnswered {
  std::uint64_t id = 0;
  Settled outcome = Settled::kDenied;
  std::optional<std::uint32_t> byUid;  // absent: nobody; time, an end or the agent itself settled it
  GrantScope scope = GrantScope::kOnce;
  std::string say;
  sandbox::Rewrite rewrite;
  bool operator==(const ActionAnswered&) const = default;
};
// How an action that was asked went. sysErrno 0: done.
struct ActionPerformed {
  std::uint64_t id = 0;
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ask = 0;
  std::int32_t sysErrno = 0;
  std::string note;
  bool operator==(const ActionPerformed&) const = default;
};

// ---- what guards did by themselves

struct ActionRecord {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t ticket = 0;  // 0: told afterwards
  sandbox::GuardedAction action;
  sandbox::GuardRule rule;
  std::string policyHash;
  std::uint32_t count = 1;
  bool operator==(const ActionRecord&) const = default;
};
struct ActionDenied {
  ActionRecord what;
  bool operator==(const ActionDenied&) const = default;
};
struct ActionRewritten {
  ActionRecord what;
  sandbox::Rewrite rewrite;
  bool operator==(const ActionRewritten&) const = default;
};
struct ConnectionOpened {
  ActionRecord what;
  bool operator==(const ConnectionOpened&) const = default;
};
// A guard died in the middle of it: done or not, it is not repeated.
struct OutcomeUnknown {
  ActionRecord what;
  bool operator==(const OutcomeUnknown&) const = default;
};
// Asks of a run that had too many open questions: denied without a person.
struct AsksRefused {
  sandbox::GuardedAction action;  // the first of them
  sandbox::GuardRule rule;
  std::string why;
  std::uint32_t count = 1;
  bool operator==(const AsksRefused&) const = default;
};

// Records that a guard told faster than they may come into the log, and that nobody waited for.
struct RecordsNotWritten {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t count = 0;
  bool operator==(const RecordsNotWritten&) const = default;
};

struct AllowedCount {
  policy::Operation operation = policy::Operation::kRead;
  std::string what;
  std::string target;
  std::string second;
  std::vector<std::string> argv;
  std::string rule;
  std::uint64_t count = 1;
  std::optional<std::int32_t> pid;  // the thread that did it first, as the launcher's pid namespace counts
  std::optional<std::string> name;  // of its process; absent: nobody looked, as it is no file that is obeyed later
  bool operator==(const AllowedCount&) const = default;
};
// A file that a run changed and that runs or is obeyed later outside because of its name.
struct LaterFile {
  std::string path;                 // relative to the workspace where it is in it
  std::string obeyedBy;             // "make"
  std::optional<std::int32_t> pid;  // of who changed it first; absent: not known
  std::string name;                 // what that process called itself; empty: nobody looked
  bool operator==(const LaterFile&) const = default;
};
struct LaterReport {
  std::vector<LaterFile> files;
  std::uint64_t more = 0;  // changes of others
  bool operator==(const LaterReport&) const = default;
};
// What a guard allowed, equal things counted together.
struct ActionsAllowed {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::vector<AllowedCount> actions;
  std::string policyHash;
  std::uint64_t upTo = 0;  // byte of the guard's ring up to which this is all
  bool operator==(const ActionsAllowed&) const = default;
};

// ---- grants

struct GrantIssued {
  std::uint64_t id = 0;
  GrantScope scope = GrantScope::kRun;
  std::uint32_t uid = 0;  // whose runs it is for
  std::string workspace;  // kProject
  std::uint64_t question = 0;
  std::uint32_t byUid = 0;
  policy::Operation operation = policy::Operation::kWrite;
  std::string target;
  std::vector<std::string> argv;
  std::string policyText;                     // the same as a policy file would say it
  std::optional<Microseconds> untilBoottime;  // of the boot of this fact
  std::optional<Microseconds> untilWall;
  bool operator==(const GrantIssued&) const = default;
};
struct GrantRevoked {
  std::uint64_t id = 0;
  std::uint32_t uid = 0;  // whose grant it was
  std::uint32_t byUid = 0;
  bool operator==(const GrantRevoked&) const = default;
};
struct GrantExpired {
  std::uint64_t id = 0;
  std::uint32_t uid = 0;
  std::string why;
  bool operator==(const GrantExpired&) const = default;
};

// ---- guards

struct GuardStarted {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::int32_t pid = 0;  // as it says itself
  bool restarted = false;
  bool operator==(const GuardStarted&) const = default;
};
struct GuardLost {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::int32_t pid = 0;
  std::string reason;
  bool operator==(const GuardLost&) const = default;
};
// A guard judges by these from here on. `cut`: connections that ended because of it.
struct RulesEnforced {
  sandbox::GuardKind guard = sandbox::GuardKind::kWarden;
  std::uint64_t generation = 0;
  std::string policyHash;
  std::uint32_t cut = 0;
  bool operator==(const RulesEnforced&) const = default;
};
// All so far, by host.
struct TrafficCounted {
  std::vector<sandbox::HostTraffic> hosts;
  bool operator==(const TrafficCounted&) const = default;
};
// As its egress says.
struct ConnectionsHeld {
  sandbox::HoldReport report;
  bool operator==(const ConnectionsHeld&) const = default;
};

}  // namespace ringfence::supervisor
