#include "sandbox/warden/rules.h"

#include <utility>

namespace ringfence::sandbox {
namespace {

constexpr const char* kOfTheRun = "of the run itself";

bool isBelow(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace

int strength(policy::Decision decision) {
  switch (decision) {
    case policy::Decision::kForbid: return 3;
    case policy::Decision::kAsk: return 2;
    case policy::Decision::kRewrite: return 1;
    case policy::Decision::kAllow: return 0;
  }
  return 3;
}

Rules::Rules(GuardRules rules)
    : run_(std::move(rules.run)),
      generation_(rules.generation),
      home_(rules.places.home),
      judge_(std::move(rules.document), std::move(rules.places)) {}

bool Rules::isPassing(std::string_view path) {
  return isBelow(path, "/tmp") || isBelow(path, "/dev") || isBelow(path, "/proc");
}

// What was made for the run to read.
bool Rules::isMade(std::string_view path) {
  for (const std::string_view made :
       {"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/nsswitch.conf", "/"}) {
    if (path == made) return true;
  }
  return isBelow(path, "/run");
}

bool Rules::isOwnPlace(std::string_view path) const { return isPassing(path) || isBelow(path, home_); }

policy::Verdict Rules::judgeOne(const policy::Action& target) const {
  policy::Verdict verdict = judge_.judge(target);
  // Only where no rule says anything: "not granted" is the absence of a rule.
  if (verdict.decision == policy::Decision::kForbid && verdict.origin.file.empty() && verdict.rule == "not granted" &&
      (isOwnPlace(target.target) || (target.operation == policy::Operation::kRead && isMade(target.target)))) {
    return {.decision = policy::Decision::kAllow, .origin = {}, .rule = kOfTheRun, .why = ""};
  }
  return verdict;
}

Ruling Rules::rule(const std::vector<policy::Action>& targets) const {
  Ruling ruling{.decision = policy::Decision::kAllow, .recorded = false};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const policy::Action& target = targets[i];
    // Most reads are allowed, and then nobody wants to know by which rule.
    if (target.operation == policy::Operation::kRead &&
        judge_.decide(target.operation, target.target) == policy::Decision::kAllow) {
      continue;
    }
    policy::Verdict verdict = judgeOne(target);
    // A workspace may be below /tmp: what a rule speaks of is no passing thing of the run.
    const bool passes = isPassing(target.target) && verdict.rule == kOfTheRun;
    const bool lasts = target.operation != policy::Operation::kRead && !passes;
    const bool first = !ruling.recorded && lasts && ruling.decision == policy::Decision::kAllow;
    if (strength(verdict.decision) > strength(ruling.decision) || (first && verdict.decision == ruling.decision)) {
      ruling.decision = verdict.decision;
      ruling.target = i;
      ruling.verdict = std::move(verdict);
    }
    ruling.recorded = ruling.recorded || lasts;
  }
  return ruling;
}

GuardRule ruleOf(const policy::Verdict& verdict) {
  return {.text = verdict.rule, .origin = verdict.origin, .why = verdict.why};
}

Rewrite rewriteOf(const policy::Verdict& verdict) {
  const policy::Replacement& replacement = verdict.replacement;
  return {.path = replacement.path, .host = replacement.host, .content = replacement.content, .argv = replacement.argv};
}

}  // namespace ringfence::sandbox
