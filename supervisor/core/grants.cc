#include "supervisor/core/grants.h"

#include <charconv>

#include "policy/flatten.h"
#include "policy/words.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

std::string untilOf(const GrantIssued& grant) {
  return grant.untilWall ? formatRfc3339(*grant.untilWall) : std::string();
}

// A name that is not UTF-8 is in no policy file: it stands there as a person sees it.
std::string quoted(const std::string& text) {
  return policy::quoteToml(isValidUtf8(text) ? text : escapeForDisplay(text));
}

std::string placeOf(const GrantIssued& grant, const RunId& run) {
  const std::string ofUser = "in every run of uid " + std::to_string(grant.uid);
  switch (grant.scope) {
    case GrantScope::kOnce: return "once";
    case GrantScope::kRun: return "until run " + run.text() + " ends";
    case GrantScope::kProject: return ofUser + " in the workspace " + quoted(grant.workspace);
    case GrantScope::kAlways: break;
  }
  return ofUser;
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

std::uint64_t grantNamed(std::string_view rule) {
  constexpr std::string_view kPrefix = "grant ";
  if (!rule.starts_with(kPrefix)) return 0;
  std::uint64_t id = 0;
  const std::string_view number = rule.substr(kPrefix.size(), rule.find(' ', kPrefix.size()) - kPrefix.size());
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), id);
  return parsed.ec == std::errc() && parsed.ptr == number.data() + number.size() ? id : 0;
}

GrantIssued grantOf(const Run& run, const Question& question, GrantScope scope) {
  const policy::Action& action = question.what.action.action;
  GrantIssued grant;
  grant.scope = scope;
  grant.uid = run.what.callerUid;
  if (scope == GrantScope::kProject) grant.workspace = run.what.workspace;
  grant.question = question.what.id;
  grant.operation = action.operation;
  grant.target = action.target;
  if (action.operation == policy::Operation::kExec) grant.argv = action.argv;
  return grant;
}

std::string policyTextOf(const GrantIssued& grant, const RunId& run) {
  std::string text = "# in force " + placeOf(grant, run) + "\n[[grant]]\nop = \"" + policy::wordOf(grant.operation) +
                     "\"\ntarget = " + quoted(grant.target) + "\n";
  if (grant.operation == policy::Operation::kExec) {
    text += "argv = [";
    for (std::size_t i = 0; i < grant.argv.size(); ++i) text += (i == 0 ? "" : ", ") + quoted(grant.argv[i]);
    text += "]\n";
  }
  if (grant.untilWall) text += "until = " + quoted(untilOf(grant)) + "\n";
  return text;
}

std::string policyTextOf(const GrantIssued& grant, const RunId& run, const Now& issuedAt) {
  return "# grant " + std::to_string(grant.id) + ", given by uid " + std::to_string(grant.byUid) + " at " +
         formatRfc3339(issuedAt.wall) + " as the answer to question " + std::to_string(grant.question) + "\n" +
         policyTextOf(grant, run);
}

std::optional<std::string> whyNotLasting(const sandbox::GuardedAction& action) {
  const policy::Action& wanted = action.action;
  if (wanted.target.empty()) return "what it is about is not known";
  if (wanted.target.size() >= sandbox::kMaxGuardText) return "its target is too long to be shown whole";
  const bool isPath = wanted.operation != policy::Operation::kConnect && wanted.operation != policy::Operation::kCall;
  if (!isPath) return std::nullopt;
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
