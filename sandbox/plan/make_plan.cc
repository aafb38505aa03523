#include "sandbox/plan/make_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "sandbox/plan/enforced.h"
#include "sandbox/plan/environment.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/guards.h"
#include "sandbox/plan/identity.h"
#include "sandbox/plan/landlock.h"
#include "sandbox/plan/masks.h"
#include "sandbox/plan/mounts.h"
#include "sandbox/plan/paths.h"
#include "sandbox/plan/policy_json.h"
#include "sandbox/plan/seccomp_default.h"
#include "sandbox/plan/seccomp_mediated.h"
#include "sandbox/plan/walls.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

Result<void> checkRequest(const LaunchRequest& request) {
  if (request.run.empty()) return Error{ErrorCode::kInvalid, "the request names no run"};
  if (request.command.empty()) return Error{ErrorCode::kInvalid, "the request names no command"};
  for (const std::string& word : request.command) {
    if (word.find('\0') != std::string::npos)
      return Error{ErrorCode::kInvalid, "an argument of the command holds a NUL byte"};
  }
  return {};
}

// Every grant is judged against every forbid rule, in the daemon, which serves others meanwhile.
Result<void> checkSize(const policy::Document& document, const LaunchRequest& request) {
  constexpr std::size_t kMaxGrants = 256, kMaxForbidRules = 512;
  const policy::Files& files = document.files;
  const std::size_t grants = files.read.size() + files.write.size() + files.ask.size() + files.askRead.size() +
                             document.auditRead.size() + request.extraPaths.size();
  if (grants > kMaxGrants) {
    return Error{ErrorCode::kInvalid, std::to_string(grants) + " paths are granted, at most " +
                                          std::to_string(kMaxGrants) + " can be; name the directories above them"};
  }
  if (document.files.forbid.size() > kMaxForbidRules) {
    return Error{ErrorCode::kInvalid, std::to_string(document.files.forbid.size()) + " forbid rules, at most " +
                                          std::to_string(kMaxForbidRules) + " can be; say it with patterns"};
  }
  return {};
}

// What the kernel takes at an exec: 128 KiB for one text with its end, and a quarter of the stack's soft limit
// (walls.cc) for all of them and their addresses. Refused here in words instead of there by a number.
Result<void> checkLengths(const Plan& plan) {
  constexpr std::size_t kMaxText = (128 << 10) - 1, kMaxTogether = 1984 << 10;
  const auto kib = [](std::size_t bytes) { return std::to_string((bytes + 1023) >> 10) + " KiB"; };
  std::size_t together = plan.executable.size();
  for (const std::string& word : plan.command) {
    if (word.size() > kMaxText) {
      return Error{ErrorCode::kInvalid, "an argument of the command takes " + kib(word.size()) +
                                            "; the kernel takes at most 128 KiB for one: put the text in a file"};
    }
    together += word.size() + 1 + sizeof(char*);
  }
  for (const std::string& variable : plan.environment) {
    if (variable.size() > kMaxText) {
      return Error{ErrorCode::kInvalid,
                   "the environment variable " +
                       escapeForDisplay(variable.substr(0, std::min<std::size_t>(variable.find('='), 64))) + " takes " +
                       kib(variable.size()) + "; the kernel takes at most 128 KiB for one"};
    }
    together += variable.size() + 1 + sizeof(char*);
  }
  if (together > kMaxTogether) {
    return Error{ErrorCode::kInvalid, "the command and environment together take " + kib(together) + "; at most " +
                                          kib(kMaxTogether) + " can be: put the text in a file"};
  }
  return {};
}

// The host's directory is in the fence at the same place.
bool isVisible(const std::vector<Grant>& grants, const std::string& path) {
  const Grant* grant = findGrant(grants, path);
  return grant != nullptr && grant->kind != GrantKind::kHome;
}

Result<std::string> chooseWorkingDirectory(const LaunchRequest& request, const std::vector<Grant>& grants) {
  if (request.workingDirectory.empty()) return request.workspace;
  const std::string shown = "working directory " + escapeForDisplay(request.workingDirectory);
  if (!isNormalPath(request.workingDirectory)) {
    return Error{ErrorCode::kInvalid, shown + ": is no absolute path without \"..\", \".\" and control characters"};
  }
  const std::string path = throughRootLinks(request, request.workingDirectory);
  if (isVisible(grants, request.workingDirectory)) return request.workingDirectory;
  if (isVisible(grants, path)) return path;
  return Error{ErrorCode::kInvalid, shown + ": is neither in the workspace " + escapeForDisplay(request.workspace) +
                                        " nor in a granted path; start from there or grant it with --read"};
}

Result<void> checkExecutable(const LaunchRequest& request, const std::string& executable,
                             const std::vector<Grant>& grants) {
  const std::string shown = "executable " + escapeForDisplay(executable);
  if (!isNormalPath(executable)) {
    return Error{ErrorCode::kInvalid, shown + ": is no absolute path without \"..\", \".\" and control characters"};
  }
  if (isVisible(grants, throughRootLinks(request, executable)) || isVisible(grants, executable)) return {};
  return Error{ErrorCode::kInvalid, shown + ": is in nothing that is granted; add read = [\"" +
                                        escapeForDisplay(parentPath(executable)) +
                                        "\"] under [files] of policy, or --read"};
}

// What follows from a policy alone. Runs of one policy follow each other.
struct PolicyTexts {
  policy::Document document;
  std::string hash;
  std::string json;
};
const PolicyTexts& textsOf(const policy::Document& document) {
  thread_local PolicyTexts last;
  if (last.hash.empty() || last.document != document) {
    last = {document, policy::documentHash(document), {}};
    last.json = policyJson(document, last.hash);
  }
  return last;
}

// What follows from a policy and the place of a run, whatever its command. Runs of one place follow each other.
struct PlaceRules {
  policy::Document document;
  LaunchRequest place;  // what else a request says is left out, so that nothing here can depend on it
  std::vector<Grant> grants;
  Masks masks;
};
Result<const PlaceRules*> rulesAt(const policy::Document& document, const LaunchRequest& request) {
  thread_local std::optional<PlaceRules> last;
  LaunchRequest place;
  place.caller = request.caller;
  place.workspace = request.workspace;
  place.installTree = request.installTree;
  place.extraPaths = request.extraPaths;
  place.rootSymlinks = request.rootSymlinks;
  place.protectedPaths = request.protectedPaths;
  if (last && last->place == place && last->document == document) return &*last;
  last.reset();
  std::vector<Grant> grants = RF_TRY(collectGrants(document, place));
  Masks masks = RF_TRY(makeMasks(document, place, grants));
  return &last.emplace(PlaceRules{document, std::move(place), std::move(grants), std::move(masks)});
}

// A shell that is not in the fence would be a broken promise in $SHELL and passwd.
std::string chooseShell(const LaunchRequest& request, const std::vector<Grant>& grants) {
  const std::string& shell = request.caller.shell;
  return isNormalPath(shell) && isVisible(grants, throughRootLinks(request, shell)) ? shell : "/bin/sh";
}

Accelerators acceleratorsGiven(const policy::Limits& limits, const LaunchRequest& request) {
  Accelerators given;
  const auto add = [&](const Accelerators& more) {
    given.nodes.insert(more.nodes.begin(), more.nodes.end());
    given.texts.insert(more.texts.begin(), more.texts.end());
    given.links.insert(more.links.begin(), more.links.end());
  };
  if (limits.npu) add(request.npus);
  if (limits.gpu) add(request.gpus);
  return given;
}

}  // namespace

Result<Plan> makePlan(const policy::Document& document, const LaunchRequest& request, const KernelFeatures& features) {
  RF_TRY(checkRequest(request));
  RF_TRY(checkSize(document, request));
  const bool ownIdentity = usesOwnIdentity(document, request);
  WallChoice choice = RF_TRY(chooseWalls(document, ownIdentity, features));
  const Guards guards = guardsOf(document);
  RF_TRY(checkGuards(document, guards, choice, features));
  const LaunchedCommand command = RF_TRY(judgeCommand(document, request));
  Identity identity = RF_TRY(makeIdentity(document, request));
  const PlaceRules& rules = *RF_TRY(rulesAt(document, request));
  const std::vector<Grant>& grants = rules.grants;
  const Masks& masks = rules.masks;
  const std::string shell = chooseShell(request, grants);
  RF_TRY(checkExecutable(request, command.executable, grants));

  Plan plan;
  plan.run = request.run;
  plan.policyName = document.name;
  const PolicyTexts& texts = textsOf(document);
  plan.policyHash = texts.hash;
  plan.priority = document.priority;
  plan.hostname = makeHostname(request);
  plan.walls = choice.walls;
  std::vector<MakeFile> files = identityFiles(identity, request, shell, plan.hostname, guards);
  files.push_back({.target = "/run/ringfence/policy.json", .content = texts.json});
  const Accelerators accelerators = acceleratorsGiven(document.limits, request);
  plan.mounts = makeMounts({grants, masks.steps, std::move(files), rootLinks(request, grants), accelerators});
  plan.identity = std::move(identity);
  const bool landlocked = choice.walls.landlock != policy::WallStrength::kOff;
  plan.landlock =
      makeLandlock(grants, askedPlaces(document, request), accelerators, landlocked ? features.landlockAbi : 0);
  plan.seccomp = guards.warden ? mediatedSeccompTable(mediationOf(document)) : defaultSeccompTable();
  plan.guards = guards;
  if (guards.egress) plan.guards.egressUid = request.egressUid;
  plan.hasDenials = isTold(document, guards);
  plan.limits = choice.limits;
  plan.rlimits = makeRlimits();
  plan.command = command.argv;
  plan.executable = command.executable;
  plan.environment = RF_TRY(makeEnvironment(document, request, shell, guards));
  RF_TRY(checkLengths(plan));
  plan.workingDirectory = RF_TRY(chooseWorkingDirectory(request, grants));
  plan.stdio = request.stdio;
  plan.terminalRows = request.terminalRows;
  plan.terminalColumns = request.terminalColumns;
  plan.enforced = listEnforced({document, grants, masks, choice, features, guards, ownIdentity,
                                !request.npus.nodes.empty(), !request.gpus.nodes.empty()});
  plan.weakened = std::move(choice.weakened);
  return plan;
}

}  // namespace ringfence::sandbox
