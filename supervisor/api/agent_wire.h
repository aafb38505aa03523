// What an agent asks over its own socket, as values: bounded and checked for shape. Pure. The contract is
// sdk/proto/agent.proto.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/evaluate.h"
#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/units.h"
#include "supervisor/core/accelerator_kinds.h"
#include "supervisor/core/agent_commands.h"

namespace ringfence::supervisor::api {

inline constexpr std::uint32_t kAgentProtocol = 1;
inline constexpr Bytes kMaxAgentPacket{64 << 10};
inline constexpr std::size_t kMaxReportIdLength = 64;
inline constexpr std::size_t kMaxModelLength = 64;
inline constexpr std::size_t kMaxCounters = 8;
inline constexpr std::size_t kMaxCounterName = 32;
inline constexpr std::uint64_t kMaxReportedCount = 1'000'000'000'000;  // in one report
inline constexpr std::size_t kMaxAgentWords = 1024;
inline constexpr std::size_t kMaxAskedTarget = 4096;
inline constexpr std::size_t kMaxAskedArguments = 256;
inline constexpr Bytes kMaxAskedArgvBytes{32 << 10};
inline constexpr std::size_t kMaxToolName = 256;
inline constexpr Bytes kMaxToolInput{16 << 10};
inline constexpr std::size_t kMaxListenWords = 8;
inline constexpr Milliseconds kMaxLeaseWait = std::chrono::hours(1);
inline constexpr std::chrono::seconds kMaxRedo{1'000'000};
inline constexpr Milliseconds kMaxAskedHold = std::chrono::hours(24);

struct AgentHello {
  std::uint32_t protocol = 0;
};
struct AgentWhoami {};
struct AgentBrake {
  std::string why;
};
struct AgentSay {
  std::string text;
  std::string hook;                      // the event that called whoever says it; empty: none
  std::optional<std::uint32_t> percent;  // 0 to 100
};
// `redo`: work that an interruption would have it do again, as it says.
struct AgentSafePoint {
  Microseconds redo{};
};
struct AgentCriticalSection {
  std::chrono::seconds length{};  // 0: it is over
  std::optional<Microseconds> redo = {};
};
struct AgentInterruptionCost {
  Milliseconds hold{};
};
struct AgentWhy {};
struct AgentGuard {
  std::string id;
  policy::Action action;
  std::string words;
};
struct AgentListen {
  bool pause = false, resume = false, overrides = false;
};
struct AgentReady {};
struct AgentLease {
  AcceleratorKind kind = AcceleratorKind::kNpu;
  Milliseconds wait{};
};
struct AgentRelease {
  std::uint64_t lease = 0;
};
using AgentRequest =
    std::variant<AgentHello, AgentWhoami, UsageReport, AgentBrake, AgentSay, AgentSafePoint, AgentCriticalSection,
                 AgentWhy, AgentGuard, AgentListen, AgentReady, AgentLease, AgentRelease, AgentInterruptionCost>;

struct AgentCall {
  std::uint64_t id = 0;
  AgentRequest request;
};
// Fails with kInvalid, naming what is wrong.
Result<AgentCall> decodeAgentCall(std::string_view packet);

struct AgentWelcome {
  std::string run;
};
struct AgentSelf {
  std::string run, name, policyName, policyHash;
};
struct AgentTotals {
  std::uint64_t inputTokens = 0, outputTokens = 0, reports = 0;
  std::optional<std::uint64_t> costMicroUsd, tokensLimit, costLimitMicroUsd;
  bool countedBefore = false, costEstimated = false;
};
struct AgentDone {};
struct AgentGranted {
  Milliseconds length{};
};
struct AgentDenial {
  std::string json;  // one object; empty: nothing was denied
};
struct AgentVerdict {
  enum class Outcome { kAllowed, kRewritten, kForbidden, kDenied, kExpired, kStopped };
  Outcome outcome = Outcome::kDenied;
  std::string say, rule, fileLine;
  std::vector<std::string> argv;
  std::optional<std::string> path, host, content, inputJson;
};
struct AgentRefusal {
  std::string code;  // as AgentError has them
  std::string message;
};
struct AgentLeased {
  std::uint64_t lease = 0;
  std::vector<std::string> devices;
  std::uint32_t percent = 0;
};
// What is absent is not known.
struct AgentInterruption {
  double seconds = 0;
  std::optional<double> tokens, workCpuSeconds;
  double claimedSeconds = 0;
  bool forbidden = false;
  std::string why;
  std::optional<Milliseconds> cheaperAfter;  // from now on
};
struct AgentInterruptionCosts {
  AgentInterruption freeze, freezeAndReclaim, kill;
  std::string activity;  // empty: not known
  std::optional<Milliseconds> sinceSafePoint;
};
using AgentAnswer = std::variant<AgentWelcome, AgentSelf, AgentTotals, AgentDone, AgentGranted, AgentDenial,
                                 AgentVerdict, AgentLeased, AgentInterruptionCosts, AgentRefusal>;

// What is told unasked; shapes as in agent.proto.
struct AgentPause {
  Milliseconds within{};
  std::string why, limit;
};
struct AgentResume {
  Milliseconds held{};  // 0: what was announced did not come
  std::string why, heldBy, relief;
};
struct AgentOverride {
  AgentVerdict::Outcome outcome = AgentVerdict::Outcome::kDenied;
  policy::Operation operation{};
  std::string target, by, say, rule, fileLine;
  std::uint32_t count = 1;
  std::vector<std::string> argv = {};
  std::optional<std::string> path = {}, host = {};
};
struct AgentLeaseLost {
  std::uint64_t lease = 0;
  std::string why;
};
using AgentNotice = std::variant<AgentPause, AgentResume, AgentOverride, AgentLeaseLost>;
// One packet, never longer than kMaxAgentPacket; empty where it cannot be written (its texts are too long).
std::string encodeAgentNotice(const AgentNotice& notice, std::uint64_t missed);
// What the input of a tool is: one JSON object in UTF-8, bounded in length and depth.
bool isJsonObject(std::string_view text);
AgentRefusal agentRefusalOf(const Error& error);
// One packet, never longer than kMaxAgentPacket. `call` 0: to what had no id that could be read.
std::string encodeAgentAnswer(std::uint64_t call, const AgentAnswer& answer);

}  // namespace ringfence::supervisor::api
