// What a client may ask, as values: bounded and checked for shape by the session, not yet for rights or sense.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sandbox/plan/make_plan.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/clock.h"

namespace ringfence::supervisor::api {

inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxEnvironment = 4096;
inline constexpr std::size_t kMaxExtraPaths = 256;
inline constexpr std::size_t kMaxPolicyTexts = 64;
inline constexpr std::size_t kMaxNameLength = 64;
inline constexpr std::size_t kMaxPathLength = 4096;

struct PolicyText {
  std::string file;
  std::string text;
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
  sandbox::Stdio stdio = sandbox::Stdio::kDescriptors;
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  bool detached = false;
  bool dryRun = false;
  std::string asUser;
  bool unattended = false;
  bool wantsName = false;  // to be told the id before anything is recorded
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
enum class Verb { kFreeze, kResume, kStop, kKill };
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

using Request = std::variant<RunRequest, ListRuns, ShowRun, AttachRun, ReadOutput, ActOnRuns, ReadLog, VerifyLog,
                             AskDoctor, ReadUsage, SendSignal, TrustFile, Detach>;

}  // namespace ringfence::supervisor::api
