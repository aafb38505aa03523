#include "sandbox/warden/rules.h"

#include <atomic>
#include <utility>

#include "policy/move.h"
#include "sandbox/kernel/path_calls.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kOfTheRun = "of the run itself";

bool isBelow(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

constexpr std::string_view kForbidKey = "files.forbid ";
constexpr std::string_view kAuditReadKey = "audit.read ";

// A rule that a launch turns into mounts over what is there: what git, editors and agents obey, and patterns. A secret
// that is named in full is refused also where there was none.
bool isAsAtLaunch(const policy::PathRule& rule) {
  return rule.pattern.find_first_of("*?") != std::string::npos || !policy::isSecretPattern(rule);
}

std::unique_ptr<const policy::Judge> withoutAsAtLaunch(policy::Document document, const policy::Places& places) {
  if (document.walls.mount != policy::WallStrength::kRequired) return nullptr;
  std::erase_if(document.files.forbid, isAsAtLaunch);
  return std::make_unique<const policy::Judge>(std::move(document), places);
}

std::uint64_t nextSerial() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
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
      serial_(nextSerial()),
      home_(rules.places.home),
      places_(rules.places),
      audits_(rules.document.mode == policy::Mode::kAudit),
      made_(withoutAsAtLaunch(rules.document, rules.places)),
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

bool Rules::isAudited(const policy::Verdict& verdict) {
  return verdict.audit == policy::Audit::kAllowed || verdict.rule.starts_with(kAuditReadKey);
}

// What was there at launch is held by a mount, whatever is said here; at what the run made since there is none. So
// `git clone` into a new folder works, as it does in a run without a warden, and the end of the run tells of it.
std::optional<policy::Verdict> Rules::judgeMade(const policy::Action& target, const policy::Verdict& forbidden) const {
  if (!made_ || target.operation != policy::Operation::kWrite || !forbidden.rule.starts_with(kForbidKey)) return {};
  const policy::PathRule rule{.pattern = forbidden.rule.substr(kForbidKey.size()), .origin = forbidden.origin};
  if (!isAsAtLaunch(rule)) return {};
  const policy::PathPattern pattern(rule.pattern, places_);
  for (std::string path = target.target; pattern.matches(path); path.resize(path.rfind('/'))) {
    if (mayBeMountPoint(path)) return {};
  }
  policy::Verdict verdict = made_->judge(target);
  if (verdict.decision == policy::Decision::kForbid) return {};
  return verdict;
}

policy::Verdict Rules::judgeOne(const policy::Action& target) const {
  policy::Verdict verdict = judge_.judge(target);
  if (verdict.decision == policy::Decision::kForbid) {
    if (auto made = judgeMade(target, verdict)) return std::move(*made);
  }
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
    if (!audits_ && target.operation == policy::Operation::kRead &&
        judge_.decide(target.operation, target.target) == policy::Decision::kAllow) {
      continue;
    }
    policy::Verdict verdict = judgeOne(target);
    // A workspace may be below /tmp: what a rule speaks of is no passing thing of the run.
    const bool passes = isPassing(target.target) && verdict.rule == kOfTheRun;
    const bool lasts = isAudited(verdict) || (target.operation != policy::Operation::kRead && !passes);
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

Ruling Rules::ruleMove(const std::vector<policy::Action>& targets) const {
  Ruling ruling = rule(targets);
  if (targets.size() != 2 || ruling.decision == policy::Decision::kRewrite) return ruling;
  // What a launch forbade is a mount, and no folder above one can be moved.
  const policy::Judge& judge = made_ ? *made_ : judge_;
  auto moved = policy::judgeMove(judge.document(), places_, targets[0].target, targets[1].target);
  if (!moved || strength(moved->verdict.decision) <= strength(ruling.decision)) return ruling;
  ruling.decision = moved->verdict.decision;
  ruling.target = moved->place == policy::MovePlace::kFrom ? 0 : 1;
  ruling.verdict = std::move(moved->verdict);
  return ruling;
}

Rewrite rewriteOf(const policy::Verdict& verdict) {
  const policy::Replacement& replacement = verdict.replacement;
  return {.path = replacement.path, .host = replacement.host, .content = replacement.content, .argv = replacement.argv};
}

}  // namespace ringfence::sandbox
