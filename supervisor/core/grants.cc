#include "supervisor/core/grants.h"

#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

const char* operationName(policy::Operation operation) {
  switch (operation) {
    case policy::Operation::kRead: return "read";
    case policy::Operation::kWrite: return "write";
    case policy::Operation::kExec: return "exec";
    case policy::Operation::kConnect: return "connect";
  }
  return "write";
}

std::string untilOf(const GrantIssued& grant) {
  return grant.untilWall ? formatRfc3339(*grant.untilWall) : std::string();
}

}  // namespace

std::optional<std::string> whyEnded(const StandingGrant& grant, const Now& now, const std::string& bootId) {
  if (grant.what.untilWall && now.wall >= *grant.what.untilWall) return "its time was over";
  if (!grant.what.untilBoottime) return std::nullopt;
  if (grant.bootId == bootId) {
    if (now.boottime >= *grant.what.untilBoottime) return "its time was over";
  } else if (now.wall < grant.issuedAt.wall) {
    return "after a restart of the machine its clock was behind the moment at which this was given";
  }
  return std::nullopt;
}

bool isFor(const StandingGrant& grant, const RunId& run, std::uint32_t callerUid, const std::string& workspace) {
  if (grant.what.uid != callerUid) return false;
  switch (grant.what.scope) {
    case GrantScope::kOnce: return false;
    case GrantScope::kRun: return !run.empty() && grant.run == run;
    case GrantScope::kProject: return grant.what.workspace == workspace;
    case GrantScope::kAlways: return true;
  }
  return false;
}

policy::Grant grantOf(const StandingGrant& grant) {
  return {.id = grant.what.id,
          .operation = grant.what.operation,
          .target = grant.what.target,
          .argv = grant.what.argv,
          .until = untilOf(grant.what),
          .origin = {.file = "grant " + std::to_string(grant.what.id), .line = 0, .text = {}}};
}

std::vector<policy::Grant> grantsFor(const State& state, const GrantsAt& at, const RunId& run, std::uint32_t callerUid,
                                     const std::string& workspace) {
  std::vector<policy::Grant> grants;
  for (const auto& [id, grant] : state.grants) {
    if (grant.seq > at.durableSeq || !isFor(grant, run, callerUid, workspace)) continue;
    if (whyEnded(grant, at.now, at.bootId)) continue;
    grants.push_back(grantOf(grant));
  }
  return grants;
}

std::string policyTextOf(const GrantIssued& grant, const Now& issuedAt) {
  std::string text = "# given by uid " + std::to_string(grant.byUid) + " at " + formatRfc3339(issuedAt.wall) +
                     " as the answer to question " + std::to_string(grant.question) +
                     "\n[[grant]]\nid = " + std::to_string(grant.id) + "\noperation = \"" +
                     operationName(grant.operation) + "\"\ntarget = " + quoteJson(grant.target) + "\n";
  if (grant.operation == policy::Operation::kExec) {
    text += "argv = [";
    for (std::size_t i = 0; i < grant.argv.size(); ++i) text += (i == 0 ? "" : ", ") + quoteJson(grant.argv[i]);
    text += "]\n";
  }
  if (grant.untilWall) text += "until = " + quoteJson(untilOf(grant)) + "\n";
  return text;
}

std::optional<std::string> whyNotLasting(const sandbox::GuardedAction& action) {
  const policy::Action& wanted = action.action;
  if (wanted.target.empty()) return "what it is about is not known";
  if (wanted.target.size() >= sandbox::kMaxGuardText) return "its target is too long to be shown whole";
  if (wanted.operation == policy::Operation::kConnect) return std::nullopt;
  if (wanted.target == "/") return "it would be for every path";
  std::size_t bytes = 0;
  for (const std::string& argument : wanted.argv) {
    bytes += argument.size();
    if (argument.size() > sandbox::kMaxWholeArgument) return "its arguments are too long to be shown whole";
  }
  if (wanted.argv.size() >= sandbox::kMaxGuardArguments ||
      bytes + sandbox::kMaxGuardText >= sandbox::kMaxGuardArgvBytes)
    return "its arguments are too long to be shown whole";
  return std::nullopt;
}

}  // namespace ringfence::supervisor
