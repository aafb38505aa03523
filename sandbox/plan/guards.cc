#include "sandbox/plan/guards.h"

#include <algorithm>
#include <set>
#include <string>

#include "policy/evaluate.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

using policy::Decision;
using policy::WallStrength;

policy::Origin originOf(const policy::Document& document, const std::string& key) {
  const auto found = document.origins.find(key);
  return found == document.origins.end() ? policy::Origin{} : found->second;
}

Error refuse(ErrorCode code, const policy::Origin& origin, const std::string& what) {
  const std::string at = originText(origin);
  return Error{code, (at.empty() ? "" : at + ": ") + what};
}

// The first key that needs a warden, and where it is written.
policy::Origin wardenOrigin(const policy::Document& document) {
  const policy::Files& files = document.files;
  if (!files.ask.empty()) return files.ask.front().origin;
  if (!files.askRead.empty()) return files.askRead.front().origin;
  if (!files.rewrite.empty()) return files.rewrite.front().origin;
  if (!document.exec.empty()) return document.exec.front().origin;
  return originOf(document, "mode");
}

policy::Origin egressOrigin(const policy::Document& document) {
  const policy::Network& network = document.network;
  if (network.fallback != Decision::kForbid) return originOf(document, "network.default");
  if (!network.allow.empty()) return network.allow.front().origin;
  if (!network.ask.empty()) return network.ask.front().origin;
  if (!network.rewrite.empty()) return network.rewrite.front().origin;
  if (!network.credentials.empty()) return network.credentials.front().origin;
  return originOf(document, network.loopback.empty() ? "network.publish" : "network.loopback");
}

const policy::PathRule* firstPlain(const std::vector<policy::PathRule>& rules) {
  const auto found = std::ranges::find_if_not(rules, hasGlob, &policy::PathRule::pattern);
  return found == rules.end() ? nullptr : &*found;
}

Result<void> checkWarden(const policy::Document& document, const WallChoice& choice, const KernelFeatures& features) {
  const policy::Origin origin = wardenOrigin(document);
  if (choice.walls.seccomp == WallStrength::kOff) {
    return refuse(ErrorCode::kInvalid, origin,
                  "asking, rewriting and rules about commands stand on the seccomp wall, which is off");
  }
  if (!features.seccompNotify) {
    return Error{ErrorCode::kUnsupported,
                 "seccomp: this kernel cannot hand a system call to a warden, which " + originText(origin) + " needs"};
  }
  const policy::PathRule* asked = firstPlain(document.files.ask);
  if (asked == nullptr) asked = firstPlain(document.files.askRead);
  if (asked != nullptr && choice.walls.landlock == WallStrength::kOff) {
    return refuse(ErrorCode::kInvalid, asked->origin,
                  "what is asked about stands on the Landlock wall, which is off or missing");
  }
  return {};
}

Result<void> checkPorts(const policy::Document& document) {
  constexpr std::uint16_t kNames = 53, kFirstUnprivileged = 1024;
  const policy::Network& network = document.network;
  const auto at = [&](const char* key, std::uint16_t port) {
    return originOf(document, key + ("." + std::to_string(port)));
  };
  for (const std::uint16_t port : network.loopback) {
    if (port == kEgressPort || port == kNames) {
      return refuse(ErrorCode::kInvalid, at("network.loopback", port),
                    "port " + std::to_string(port) + " inside is Ringfence's own");
    }
  }
  for (const std::uint16_t port : network.publish) {
    const policy::Origin origin = at("network.publish", port);
    const std::string shown = "port " + std::to_string(port);
    if (port == kEgressPort) return refuse(ErrorCode::kInvalid, origin, shown + " inside is Ringfence's own");
    if (port < kFirstUnprivileged)
      return refuse(ErrorCode::kInvalid, origin, shown + " cannot be published: below 1024 they belong to the system");
    if (std::ranges::find(network.loopback, port) != network.loopback.end())
      return refuse(ErrorCode::kInvalid, origin, shown + " cannot lead in and out: it is in `network.loopback` too");
  }
  return {};
}

Result<void> checkCredentials(const policy::Document& document) {
  std::set<std::string> bases;
  for (const policy::Credential& credential : document.network.credentials) {
    if (!bases.insert(credential.baseVariable).second) {
      return refuse(ErrorCode::kInvalid, credential.origin,
                    "two credentials have their base URL in " + credential.baseVariable);
    }
    if (credential.baseVariable == credential.fromVariable) {
      return refuse(ErrorCode::kInvalid, credential.origin,
                    credential.baseVariable + " cannot hold both the value outside and the base URL inside");
    }
  }
  return {};
}

bool hasBudget(const policy::Limits& limits) {
  return limits.tokens || limits.tokensPerDay || limits.costMicroUsd || limits.costPerDayMicroUsd || limits.prompts ||
         limits.promptsPerDay || limits.wallTime || limits.wallTimePerDay;
}

}  // namespace

Guards guardsOf(const policy::Document& document) {
  const policy::Files& files = document.files;
  const policy::Network& network = document.network;
  Guards guards;
  guards.warden = document.mode == policy::Mode::kAudit || !files.ask.empty() || !files.askRead.empty() ||
                  !files.rewrite.empty() || !document.exec.empty();
  guards.egress = network.fallback != Decision::kForbid || !network.allow.empty() || !network.ask.empty() ||
                  !network.rewrite.empty() || !network.loopback.empty() || !network.publish.empty() ||
                  !network.credentials.empty();
  return guards;
}

bool isTold(const policy::Document& document, const Guards& guards) {
  const policy::Limits& limits = document.limits;
  const bool isHeldForMemory = limits.memory.has_value() && document.origins.contains("limits.on_limit");
  return guards.warden || guards.egress || isHeldForMemory || hasBudget(limits) || limits.ioWrite.has_value() ||
         limits.npu.has_value() || limits.gpu.has_value() || limits.onAlarm == policy::OnAlarm::kPause;
}

Result<void> checkGuards(const policy::Document& document, const Guards& guards, const WallChoice& choice,
                         const KernelFeatures& features) {
  if (guards.warden) RF_TRY(checkWarden(document, choice, features));
  if (!guards.egress) return {};
  if (choice.walls.net == WallStrength::kOff) {
    return refuse(ErrorCode::kInvalid, egressOrigin(document),
                  "rules about the network stand on the net wall, which is off");
  }
  RF_TRY(checkPorts(document));
  return checkCredentials(document);
}

policy::Document withGranted(policy::Document document, const std::vector<ExtraPath>& extraPaths,
                             const std::string& installTree) {
  const auto add = [](std::vector<policy::PathRule>& rules, const std::string& path, const char* option) {
    if (path.empty() || hasGlob(path)) return;
    rules.push_back({.pattern = path, .origin = {.file = option, .line = 0, .text = path}});
  };
  for (const ExtraPath& extra : extraPaths) {
    const bool writable = extra.access == Access::kReadWrite;
    add(writable ? document.files.write : document.files.read, extra.path, writable ? "--write" : "--read");
  }
  add(document.files.read, installTree, "tree of the command");
  return document;
}

Result<LaunchedCommand> judgeCommand(const policy::Document& document, const LaunchRequest& request) {
  LaunchedCommand command{.executable = request.executable, .argv = request.command};
  if (document.exec.empty()) return command;
  const policy::Places places{.workspace = request.workspace, .home = homeInside(request.caller)};
  const policy::Verdict verdict = policy::evaluate(
      document, places, {.operation = policy::Operation::kExec, .target = request.executable, .argv = request.command});
  // Whether it is there to be run at all is checkExecutable's affair: more is granted for it than the policy says.
  if (!verdict.rule.starts_with("exec.rule")) return command;
  if (verdict.decision == Decision::kForbid) {
    return refuse(ErrorCode::kDenied, verdict.origin,
                  "the command " + escapeForDisplay(request.command.front()) + " is forbidden by " + verdict.rule +
                      (verdict.why.empty() ? "" : ": " + verdict.why));
  }
  if (verdict.decision != Decision::kRewrite) return command;
  command.argv = verdict.replacement.argv;
  if (verdict.replacement.path) command.executable = *verdict.replacement.path;
  return command;
}

}  // namespace ringfence::sandbox
