// What a client may ask, as values: bounded and checked for shape by the session, not yet for rights or sense.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "policy/evaluate.h"
#include "sandbox/plan/make_plan.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/clock.h"
#include "sdk/base/compiled_once.h"
#include "supervisor/api/answer.h"
#include "supervisor/core/agent_facts.h"
#include "supervisor/core/homes.h"
#include "supervisor/core/scope.h"

namespace ringfence::supervisor::api {

inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxEnvironment = 4096;
inline constexpr std::size_t kMaxExtraPaths = 256;
inline constexpr std::size_t kMaxPolicyTexts = 64;
inline constexpr std::size_t kMaxNameLength = 64;
inline constexpr std::size_t kMaxPathLength = 4096;
inline constexpr std::size_t kMaxAllowedHosts = 256;
inline constexpr std::size_t kMaxEndpointLength = 261;  // of a name, brackets or a colon, and a port
inline constexpr std::size_t kMaxSayLength = 1024;
inline constexpr std::size_t kMaxHookEvents = 16;
inline constexpr std::uint64_t kMaxSilentAfterSec = 86'400;
inline constexpr std::uint64_t kMaxStopPatienceSec = 60;
inline constexpr Bytes kMaxAdapterSettings{64 << 10};
inline constexpr std::size_t kMaxDigestLength = 128;
inline constexpr Bytes kMaxRewriteContent{1 << 20};
inline constexpr Microseconds kMaxPricedHold = std::chrono::hours(24 * 366);
inline constexpr std::chrono::seconds kMaxGrantDuration = std::chrono::hours(24 * 366);
inline constexpr std::chrono::seconds kMaxPruneAge = std::chrono::hours(24 * 36500);

struct PolicyText {
  std::string file;
  std::string text;
  std::string path = {};  // absolute, as the client says; empty: it does not say
};

// Of --allow-host: counts as an entry of network.allow.
struct HostGrant {
  std::string host;  // a name, "*.name" or a literal address
  std::optional<std::uint16_t> port;
};

// What makes an agent's files ready inside, and then becomes its command.
struct AdapterUse {
  AdapterTerms terms;
  std::string start;     // a program's path, inside; empty: nothing is made ready
  std::string settings;  // for it
};

// Descriptors beside it: the workspace, then three for Stdio::kDescriptors.
struct RunRequest {
  std::string name;
  std::string policy;
  std::optional<PolicyText> policyFile;
  std::vector<PolicyText> userPolicies;
  std::optional<PolicyText> projectPolicy;
  std::string workspace;
  std::string workingDirectory;
  std::vector<std::string> argv;
  std::string executable;
  std::string installTree;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> extraEnvironment;
  std::vector<sandbox::ExtraPath> extraPaths;
  std::vector<HostGrant> allowHosts;
  sandbox::Stdio stdio = sandbox::Stdio::kDescriptors;
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool detached = false;
  bool dryRun = false;
  std::string asUser;
  bool unattended = false;
  bool wantsName = false;  // to be told the id before anything is recorded
  std::optional<AdapterUse> adapter;
};

struct ListRuns {
  bool all = false;
};
struct ShowRun {
  std::string run;
};
struct AttachRun {
  std::string run;
};
struct ReadOutput {
  std::string run;
};
enum class Verb { kFreeze, kFreezeAtOnce, kResume, kStop, kKill };
// `all`: every run that the peer controls; otherwise the run by id or name.
struct ActOnRuns {
  Verb verb{};
  std::string run;
  bool all = false;
};
struct ReadLog {
  std::string run;
  std::uint64_t sinceSeq = 0;
  Microseconds sinceWall{};  // zero: from the beginning
  bool follow = false;
};
struct VerifyLog {
  std::string against;
};
struct AskDoctor {};
struct ReadUsage {
  std::string run;
  std::optional<Microseconds> since = std::nullopt;  // wall clock: the series since then
};
struct SendSignal {
  std::string run;
  int signal = 0;
};
struct TrustFile {
  std::string file;
  std::string hash;
};
struct Detach {
  std::string run;
};

// `run` empty: of all runs that the peer may see. `watch`: goes on with what is asked and settled.
struct ReadPending {
  std::string run;
  bool watch = false;
};
enum class AnswerVerdict { kAllow, kDeny, kRewrite };
struct AnswerQuestion {
  std::uint64_t id = 0;
  std::string digest;  // not empty: only for the question that has it
  AnswerVerdict verdict = AnswerVerdict::kDeny;
  GrantScope scope = GrantScope::kOnce;  // not kOnce: kAllow alone
  std::optional<std::chrono::seconds> duration;
  std::string say;
  sandbox::Rewrite rewrite;  // kRewrite: exactly one of its fields
  bool inWindow = false;
};
struct ListGrants {
  std::string run;     // empty: all that the peer may see
  bool ended = false;  // also those that count no more
};
struct RevokeGrant {
  std::uint64_t id = 0;
};
// The action has a target; of kExec perhaps arguments.
struct AskWhy {
  std::string run;
  policy::Action action;
};

struct AskPrice {
  std::string run;
  Microseconds hold{};
};

// `pid` 0 and not `clear`: what is protected now.
struct SetFocus {
  std::int32_t pid = 0;
  bool clear = false;
};

// The emergency stop may end.
struct Rearm {};

// Private homes that the peer may remove and no run was in for so long.
struct PruneHomes {
  std::chrono::seconds unusedFor = kPruneAge;
  bool dryRun = false;
};

using Request =
    CompiledOnce<std::variant<RunRequest, ListRuns, ShowRun, AttachRun, ReadOutput, ActOnRuns, ReadLog, VerifyLog,
                              AskDoctor, ReadUsage, SendSignal, TrustFile, Detach, ReadPending, AnswerQuestion,
                              ListGrants, RevokeGrant, AskWhy, AskPrice, SetFocus, Rearm, PruneHomes>>;

}  // namespace ringfence::supervisor::api
