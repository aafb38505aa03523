// What ringfenced and the guards of a run (ringfence-warden, ringfence-egress) say to each other: for each guard one
// SEQPACKET pair, made by ringfence-launcher, which keeps both ends. A guard may be hijacked by the agent that it
// guards, so the daemon believes nothing of it beyond its own run. Messages outlive both sides: whoever comes after a
// death reads the same pair, says hello again, and open asks are repeated under their old numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/document.h"
#include "policy/evaluate.h"
#include "sandbox/plan/process_link.h"
#include "sdk/base/compiled_once.h"
#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr std::uint32_t kGuardVersion = 6;
// Longer messages do not exist: whoever fills one cuts texts to the limits below.
inline constexpr Bytes kMaxGuardPacket = kibibytes(128);
inline constexpr Bytes kMaxGuardOrder = mebibytes(4);  // rules alone can be longer than a packet
inline constexpr std::size_t kMaxGuardText = 4096;     // a path, a host, one argument
// An argument of a command is told whole up to this; a longer one is cut, and says so at its end.
inline constexpr std::size_t kMaxWholeArgument = kMaxGuardText - 128;
inline constexpr std::size_t kMaxGuardArguments = 256;  // of an argv; the last one then says how many were cut
inline constexpr std::size_t kMaxGuardArgvBytes = 32 * 1024;
inline constexpr std::size_t kMostTrafficHosts = 256;
inline constexpr std::size_t kMaxModelName = 64;  // as in reports of agents

// kAgent: no guard but the agent itself, which asks the daemon before it acts. No message of a guard names it.
enum class GuardKind : std::uint8_t { kWarden, kEgress, kAgent };

// What an action would leave behind. Nothing is undoable yet.
enum class Reversibility : std::uint8_t { kUndoable, kIrreversible, kLeavesDevice };

// One thing that an agent wants, as the guard copied it once; everything later uses this copy.
struct GuardedAction {
  policy::Action action;
  std::string what;    // the system call or protocol: "unlinkat", "execve", "http-connect"
  std::string second;  // of calls with two paths: where a rename or link goes
  std::string cwd;
  std::string object;  // "DEV:INO" of what was pinned, of a connection its two ends (sandbox/kernel/socket_owner.h)
  std::vector<ProcessLink> chain;
  Reversibility reversible = Reversibility::kIrreversible;
  // Why there is no chain, what a person should know of it, or the words of an agent that asks itself. The daemon's
  // own: no guard sends it.
  std::optional<std::string> chainNote;
  bool operator==(const GuardedAction&) const = default;
};
// The rule that judged it, as a Verdict has it.
struct GuardRule {
  std::string text;
  policy::Origin origin;
  std::string why;
  bool operator==(const GuardRule&) const = default;
};
GuardRule ruleOf(const policy::Verdict& verdict);
// In place of what was wanted; one of them.
struct Rewrite {
  std::optional<std::string> path;
  std::optional<std::string> host;  // "host" or "host:port"
  std::optional<std::string> content;
  std::vector<std::string> argv;
  bool operator==(const Rewrite&) const = default;
};

// ---- guard -> daemon ------------------------------------------------------------------------------------------------

// The first of every guard that starts. `restarted`: it took over from one that died; its open asks follow.
struct GuardHello {
  std::uint32_t version = kGuardVersion;
  GuardKind kind = GuardKind::kWarden;
  std::int32_t pid = 0;
  bool restarted = false;
};
// `ask` is never reused in a run; the same number again is the same question.
struct Ask {
  std::uint64_t ask = 0;
  GuardedAction action;
  GuardRule rule;
};
// Nobody waits for the answer any more: the process died, or its call was interrupted by a signal.
struct Withdraw {
  std::uint64_t ask = 0;
  std::string why;
};
enum class RecordKind : std::uint8_t { kDenied, kRewritten, kLeavesDevice, kOutcomeUnknown };
// To be durable before its effect: the guard goes on when Recorded with that ticket came. `count` above 1: so many of
// the same kind, action and rule came since the last one; those are told afterwards and nobody waits (ticket 0).
struct Record {
  std::uint64_t ticket = 0;
  RecordKind kind = RecordKind::kDenied;
  GuardedAction action;
  GuardRule rule;
  Rewrite rewrite;
  std::uint32_t count = 1;
};
// How an asked action went. sysErrno 0: done.
struct Performed {
  std::uint64_t ask = 0;
  std::int32_t sysErrno = 0;
  std::string note;
};
// All so far in the run, of one host and port.
struct HostTraffic {
  std::string host;
  std::uint16_t port = 0;
  std::uint64_t sentBytes = 0;
  std::uint64_t receivedBytes = 0;
  std::uint64_t connections = 0;
  bool operator==(const HostTraffic&) const = default;
};
struct Traffic {
  std::vector<HostTraffic> hosts;  // all of them, at most kMostTrafficHosts
};
// `generation` of the rules is in force for every call from here on; `cut`: connections that ended because of it.
struct RulesInForce {
  std::uint64_t generation = 0;
  std::uint32_t cut = 0;
};

// Something is in the ring of allowed actions (sandbox/wire/action_ring.h), which was empty.
struct ActionsWaiting {};

// What the run's connections outwards do, by direction and time of their bytes alone: an egress reads no TLS.
enum class NetworkState : std::uint8_t {
  kQuiet,      // nobody is asked anything
  kWaiting,    // something was sent, and no byte of an answer has come
  kStreaming,  // an answer comes, or is not handed on yet
};
// Told when it changes, at most once a second.
struct NetworkActivity {
  NetworkState state = NetworkState::kQuiet;
  std::uint64_t turns = 0;       // so often it became quiet after an answer, since this egress began
  std::uint64_t quietForMs = 0;  // kQuiet: since the last byte of an answer
  bool operator==(const NetworkActivity&) const = default;
};
// How the connections fared that were open when a hold began, until a minute after it.
struct HoldReport {
  std::uint64_t heldMs = 0;
  std::uint32_t connections = 0;  // open when it began
  std::uint32_t closed = 0;       // of these: their server ended them, which may have been the end of an answer
  std::uint32_t reset = 0;        // of these: broken
  std::uint32_t full = 0;         // of these: more came than is kept, so their server had to wait
  std::uint64_t keptBytes = 0;    // waited for the run at once, at most
  bool operator==(const HoldReport&) const = default;
};

// What answers of one model stated that came unencrypted, since this was told last. Any server can state anything.
struct ModelAnswers {
  std::string model;          // empty: they named none; at most kMaxModelName bytes
  std::uint64_t answers = 0;  // with their usage in them
  std::uint64_t inputTokens = 0, outputTokens = 0;
  bool operator==(const ModelAnswers&) const = default;
};

using GuardEvent = CompiledOnce<std::variant<GuardHello, Ask, Withdraw, Record, Performed, Traffic, RulesInForce,
                                             ActionsWaiting, NetworkActivity, HoldReport, ModelAnswers>>;

// ---- daemon -> guard ------------------------------------------------------------------------------------------------

// The value of one credential of the document, in its order. Only for an egress. Without any although the document has
// some: whoever sends the rules does not know them, and an egress that has them keeps them.
struct CredentialValue {
  std::string value;
};
// Judge by these from now on. Until the first one a guard answers nothing: calls wait.
struct GuardRules {
  RunId run;
  std::uint64_t generation = 0;
  policy::Document document;
  policy::Places places;
  std::vector<CredentialValue> credentials;
  std::vector<HostTraffic> traffic;  // what an egress of this run that died had told: counting goes on from there
};
enum class Outcome : std::uint8_t { kAllowed, kDenied, kRewritten, kExpired, kStopped };
struct Answer {
  std::uint64_t ask = 0;
  Outcome outcome = Outcome::kDenied;
  std::string say;  // words of a person to the agent
  Rewrite rewrite;
};
struct Recorded {
  std::uint64_t ticket = 0;
};
// A daemon that came after another: hello and all open asks again, please.
struct Repeat {};

// Whether the run is held. Meanwhile an egress keeps what servers send, within bounds, and no deadline of a client
// runs.
struct RunHeld {
  bool held = false;
};
// Whether connections that a rule allows wait for a moment before they are made. An egress ends it by itself after a
// while, and lets each of them go on when it has waited as long as clients have patience.
struct DeferCalls {
  bool defer = false;
};

using GuardOrder = CompiledOnce<std::variant<GuardRules, Answer, Recorded, Repeat, RunHeld, DeferCalls>>;

// An order longer than kMaxGuardPacket travels as packRequest() makes it (sandbox/wire/long_message.h) and is taken by
// decodeGuardOrder(const Packet&) there.
Result<std::string> encodeBounded(const GuardEvent& event);
Result<std::string> encodeBounded(const GuardOrder& order);
Result<GuardEvent> decodeGuardEvent(std::string_view packet);
Result<GuardOrder> decodeGuardOrder(std::string_view message);

}  // namespace ringfence::sandbox
