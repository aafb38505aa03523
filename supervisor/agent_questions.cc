#include "supervisor/agent_questions.h"

#include <algorithm>
#include <utility>

#include "sandbox/wire/denial.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "supervisor/core/cards.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

using api::AgentVerdict;
using sandbox::GuardKind;

constexpr Milliseconds kWriteDelay{200};   // from what was answered to its way into the log
constexpr Milliseconds kRefuseDelay{200};  // at most, until asks that are too many are refused together
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << 53) - 1;
constexpr char kWhat[] = "guard";
constexpr char kOwnPlace[] = "of the run itself";

void soonest(std::optional<Microseconds>& at, Microseconds when) { at = std::min(at.value_or(when), when); }

bool isBelow(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

bool isAllowed(const AgentVerdict& verdict) {
  return verdict.outcome == AgentVerdict::Outcome::kAllowed || verdict.outcome == AgentVerdict::Outcome::kRewritten;
}

std::size_t bytesOf(const AgentVerdict& verdict) {
  std::size_t bytes = verdict.say.size() + verdict.rule.size() + verdict.fileLine.size();
  for (const std::string& word : verdict.argv) bytes += word.size();
  for (const auto* text : {&verdict.path, &verdict.host, &verdict.content, &verdict.inputJson})
    bytes += *text ? (*text)->size() : 0;
  return bytes;
}

AgentVerdict verdictBy(AgentVerdict::Outcome outcome, const sandbox::GuardRule& rule, std::string say) {
  AgentVerdict verdict;
  verdict.outcome = outcome;
  verdict.say = std::move(say);
  verdict.rule = rule.text;
  if (!rule.origin.file.empty()) verdict.fileLine = rule.origin.file + ":" + std::to_string(rule.origin.line);
  return verdict;
}

// A text of JSON holds no other bytes, and a packet not more.
bool canBeTold(const sandbox::Rewrite& rewrite) {
  std::string all = rewrite.path.value_or("") + rewrite.host.value_or("") + rewrite.content.value_or("");
  for (const std::string& word : rewrite.argv) all += word;
  return all.size() <= sandbox::kMaxGuardArgvBytes && isValidUtf8(all);
}

void addRewrite(AgentVerdict& verdict, const policy::Action& action, const sandbox::Rewrite& rewrite) {
  if (!canBeTold(rewrite)) {
    verdict.outcome = AgentVerdict::Outcome::kDenied;
    verdict.say = "what is to be done instead is too long or no text, so it cannot be told";
    return;
  }
  verdict.argv = rewrite.argv;
  verdict.path = rewrite.path;
  verdict.host = rewrite.host;
  (action.operation == policy::Operation::kCall ? verdict.inputJson : verdict.content) = rewrite.content;
}

AgentVerdict verdictOf(const sandbox::Answer& answer, const policy::Action& action, const sandbox::GuardRule& rule) {
  using Outcome = AgentVerdict::Outcome;
  switch (answer.outcome) {
    case sandbox::Outcome::kAllowed: return verdictBy(Outcome::kAllowed, rule, answer.say);
    case sandbox::Outcome::kDenied: return verdictBy(Outcome::kDenied, rule, answer.say);
    case sandbox::Outcome::kExpired: return verdictBy(Outcome::kExpired, rule, answer.say);
    case sandbox::Outcome::kStopped: return verdictBy(Outcome::kStopped, rule, answer.say);
    case sandbox::Outcome::kRewritten: break;
  }
  AgentVerdict verdict = verdictBy(Outcome::kRewritten, rule, answer.say);
  addRewrite(verdict, action, answer.rewrite);
  return verdict;
}

sandbox::Rewrite rewriteOf(const policy::Replacement& replacement) {
  return {replacement.path, replacement.host, replacement.content, replacement.argv};
}

// Its words cannot end the quotation.
std::string noteOf(const std::string& words) {
  std::string note = "its agent, before it acts";
  if (words.empty()) return note;
  std::string quoted = words;
  std::ranges::replace(quoted, '"', '\'');
  return note + ", and says: \"" + quoted + "\"";
}

sandbox::GuardedAction guardedAction(const policy::Action& action, const std::string& words) {
  sandbox::GuardedAction guarded;
  guarded.action = action;
  guarded.what = kWhat;
  guarded.chainNote = noteOf(words);
  if (action.operation == policy::Operation::kConnect) guarded.reversible = sandbox::Reversibility::kLeavesDevice;
  return guarded;
}

sandbox::DenialOutcome denialOf(AgentVerdict::Outcome outcome) {
  switch (outcome) {
    case AgentVerdict::Outcome::kForbidden: return sandbox::DenialOutcome::kForbidden;
    case AgentVerdict::Outcome::kExpired: return sandbox::DenialOutcome::kExpired;
    case AgentVerdict::Outcome::kStopped: return sandbox::DenialOutcome::kStopped;
    default: return sandbox::DenialOutcome::kDenied;
  }
}

}  // namespace

std::uint64_t askNumber(const api::AgentGuard& guard) {
  std::string bytes;
  const auto add = [&](std::string_view text) { bytes += std::to_string(text.size()) + ":" + std::string(text); };
  add(guard.id);
  add(keyOf(guard.action));
  const std::string digest = sha256Hex(bytes);
  return std::max<std::uint64_t>(std::stoull(digest.substr(0, 16), nullptr, 16) & kNumberMask, 1);
}

policy::Verdict judgeOwn(const policy::Judge& judge, const policy::Places& places, const policy::Action& action) {
  policy::Verdict verdict = judge.judge(action);
  const bool isFile = action.operation == policy::Operation::kRead || action.operation == policy::Operation::kWrite;
  const bool hasNoRule =
      verdict.decision == policy::Decision::kForbid && verdict.origin.file.empty() && verdict.rule == "not granted";
  if (!isFile || !hasNoRule || action.target.find("/..") != std::string::npos) return verdict;
  const std::string_view path = action.target;
  bool isOwn = isBelow(path, places.home);
  for (const char* place : {"/tmp", "/dev", "/proc"}) isOwn = isOwn || isBelow(path, place);
  if (action.operation == policy::Operation::kRead) isOwn = isOwn || isBelow(path, "/run");
  if (isOwn) return {.decision = policy::Decision::kAllow, .origin = {}, .rule = kOwnPlace, .why = ""};
  return verdict;
}

bool AgentQuestions::submit(const Command& command) {
  const auto outcome = world_.turns.submit(command);
  world_.report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
  return outcome.has_value();
}

// ---- asking

void AgentQuestions::ask(Asked asked) {
  const Run* run = findLive(world_.turns.state(), asked.run);
  if (run == nullptr) return world_.answer(asked, api::AgentRefusal{"invalid", "the run is over"});
  OfRun& of = runs_[asked.run];
  const std::uint64_t number = askNumber(std::get<api::AgentGuard>(asked.request));
  if (answerAgain(of, asked, number)) return;
  // What is answered is in the log a moment later.
  if (world_.turns.storeFailure())
    return world_.answer(asked, api::AgentRefusal{"unavailable", "the log cannot be written, so nothing is answered"});
  decide(*run, of, std::move(asked), number);
}

// True: it was answered, or waits with who asked before.
bool AgentQuestions::answerAgain(OfRun& of, const Asked& asked, std::uint64_t number) {
  const std::string& id = std::get<api::AgentGuard>(asked.request).id;
  const api::AgentRefusal another{"invalid", "guard.id " + id + " was used for something else"};
  if (const auto kept = of.kept.find(id); kept != of.kept.end()) {
    if (kept->second.number == number)
      world_.answer(asked, kept->second.verdict);
    else
      world_.answer(asked, another);
    return true;
  }
  for (auto& [known, open] : of.open) {
    if (known != number && open.id != id) continue;
    if (known != number) {
      world_.answer(asked, another);
      return true;
    }
    const auto isSame = [&](const Asked& one) { return one.connection == asked.connection; };
    if (std::ranges::any_of(open.waiting, isSame)) {
      world_.answer(asked, api::AgentRefusal{"busy", "this connection waits for that answer already"});
      return true;
    }
    open.id = id;
    open.waiting.push_back(asked);
    open.orphanedAt.reset();
    return true;
  }
  return false;
}

void AgentQuestions::decide(const Run& run, OfRun& of, Asked asked, std::uint64_t number) {
  const auto& guard = std::get<api::AgentGuard>(asked.request);
  const auto rules = world_.mediation.judgeOf(run);
  if (!rules)
    return world_.answer(asked,
                         api::AgentRefusal{"unavailable", "the policy of the run is lost: " + rules.error().message});
  of.policyHash = rules->hash;
  const policy::Verdict verdict = judgeOwn(*rules->judge, world_.mediation.placesOf(run), guard.action);
  const sandbox::GuardRule rule = sandbox::ruleOf(verdict);
  if (verdict.decision == policy::Decision::kAsk) return raise(run, of, std::move(asked), number, rule);
  AgentVerdict answer = verdictBy(AgentVerdict::Outcome::kAllowed, rule, verdict.why);
  if (verdict.decision == policy::Decision::kForbid) {
    answer.outcome = AgentVerdict::Outcome::kForbidden;
  } else if (verdict.decision == policy::Decision::kRewrite) {
    answer.outcome = AgentVerdict::Outcome::kRewritten;
    addRewrite(answer, guard.action, rewriteOf(verdict.replacement));
  }
  note(run.id, of, guard.action, verdict);
  if (!isAllowed(answer)) tellDenied(run.id, guard.action, rule, answer);
  keep(of, guard.id, number, answer);
  world_.answer(asked, answer);
}

void AgentQuestions::raise(const Run& run, OfRun& of, Asked asked, std::uint64_t number, sandbox::GuardRule rule) {
  if (of.open.size() >= kMaxOpenGuards) {
    return world_.answer(asked, api::AgentRefusal{"busy", std::to_string(kMaxOpenGuards) +
                                                              " questions of this run wait for an answer already"});
  }
  const auto guard = std::get<api::AgentGuard>(asked.request);
  const sandbox::Ask ask{number, guardedAction(guard.action, guard.words), rule};
  const Asked first = asked;
  of.open.emplace(number, Open{guard.id, guard.action, std::move(rule), {std::move(asked)}, std::nullopt});
  if (whyRefused(world_.turns.state(), run, GuardKind::kAgent, ask, world_.turns.context())) {
    of.tooMany.push_back(ask);
    soonest(of.refuseAt, world_.clock.now().boottime + kRefuseDelay);
    return;
  }
  if (submit(AskRaised{{run.id, GuardKind::kAgent}, ask, of.policyHash})) return;
  of.open.erase(number);
  world_.answer(first, api::AgentRefusal{"busy", "the question cannot be put at the moment"});
}

// ---- answers

void AgentQuestions::perform(const std::vector<GuardEffect>& effects) {
  for (const GuardEffect& effect : effects) {
    const auto* tell = std::get_if<TellGuard>(&effect);
    if (tell == nullptr || tell->guard != GuardKind::kAgent) continue;
    if (const auto* answer = std::get_if<sandbox::Answer>(&tell->order)) settle(tell->run, *answer);
  }
}

void AgentQuestions::settle(const RunId& run, const sandbox::Answer& answer) {
  const auto of = runs_.find(run);
  if (of == runs_.end()) return;
  const auto found = of->second.open.find(answer.ask);
  if (found == of->second.open.end()) return;
  const Open open = std::move(found->second);
  of->second.open.erase(found);
  const AgentVerdict verdict = verdictOf(answer, open.action, open.rule);
  if (!isAllowed(verdict)) tellDenied(run, open.action, open.rule, verdict);
  if (!open.id.empty()) keep(of->second, open.id, answer.ask, verdict);
  for (const Asked& asked : open.waiting) world_.answer(asked, verdict);
}

void AgentQuestions::keep(OfRun& of, const std::string& id, std::uint64_t number, const AgentVerdict& verdict) {
  if (!of.kept.try_emplace(id, Kept{number, verdict}).second) return;
  of.keptOrder.push_back(id);
  of.keptBytes.count += bytesOf(verdict);
  while (of.kept.size() > kMaxKeptVerdicts || (of.kept.size() > 1 && of.keptBytes.count > kMaxKeptVerdictBytes.count)) {
    const auto oldest = of.kept.find(of.keptOrder.front());
    of.keptBytes.count -= bytesOf(oldest->second.verdict);
    of.kept.erase(oldest);
    of.keptOrder.pop_front();
  }
}

// In what its agent can read about denials, where it has such a file.
void AgentQuestions::tellDenied(const RunId& run, const policy::Action& action, const sandbox::GuardRule& rule,
                                const AgentVerdict& verdict) {
  const auto file = world_.launcher.copyOf(run, sandbox::HeldFd::kDenials);
  if (file)
    sandbox::tellAgent(file->get(), {action.operation, action.target, denialOf(verdict.outcome), rule, verdict.say});
}

// ---- the log

void AgentQuestions::note(const RunId& run, OfRun& of, const policy::Action& action, const policy::Verdict& verdict) {
  Unwritten& unwritten = of.unwritten;
  soonest(unwritten.at, world_.clock.now().boottime + kWriteDelay);
  sandbox::Record record;
  record.action = guardedAction(action, {});
  record.rule = sandbox::ruleOf(verdict);
  if (verdict.decision == policy::Decision::kRewrite) {
    record.kind = sandbox::RecordKind::kRewritten;
    record.rewrite = rewriteOf(verdict.replacement);
  }
  const bool isAllowance = verdict.decision == policy::Decision::kAllow;
  const auto same = std::ranges::find_if(unwritten.records, [&](const Noted& one) {
    return one.isAllowance == isAllowance && one.record.kind == record.kind && one.record.action == record.action &&
           one.record.rule == record.rule;
  });
  if (same != unwritten.records.end()) {
    ++same->record.count;
    return;
  }
  const Bytes weight = weightOf(record);
  if (!of.allowance.take(weight, world_.clock.now().boottime)) {
    ++unwritten.omitted;
    return;
  }
  unwritten.bytes += weight.count;
  unwritten.records.push_back({isAllowance, std::move(record)});
  if (unwritten.records.size() >= kMaxUnwrittenGuards || unwritten.bytes > kMaxUnwrittenBytes.count) write(run, of);
}

void AgentQuestions::write(const RunId& run, OfRun& of) {
  const GuardName name{run, GuardKind::kAgent};
  Unwritten unwritten = std::exchange(of.unwritten, {});
  std::vector<AllowedCount> allowed;
  for (Noted& noted : unwritten.records) {
    policy::Action& action = noted.record.action.action;
    if (noted.isAllowance)
      allowed.push_back({action.operation, kWhat, std::move(action.target), "", std::move(action.argv),
                         std::move(noted.record.rule.text), noted.record.count, std::nullopt, std::nullopt});
    else
      submit(RecordTold{name, std::move(noted.record), of.policyHash});
  }
  if (!allowed.empty()) submit(ActionsDrained{name, std::move(allowed), 0, of.policyHash});
  if (unwritten.omitted > 0) submit(RecordsOmitted{name, unwritten.omitted});
}

void AgentQuestions::refuseTooMany(const RunId& run, OfRun& of) {
  of.refuseAt.reset();
  std::vector<sandbox::Ask> asks = std::exchange(of.tooMany, {});
  std::erase_if(asks, [&](const sandbox::Ask& one) { return !of.open.contains(one.ask); });
  if (asks.empty() || submit(AsksOverflowed{{run, GuardKind::kAgent}, asks})) return;
  of.tooMany = std::move(asks);
  of.refuseAt = world_.clock.now().boottime + kRefuseDelay;
}

// ---- connections and time

void AgentQuestions::adopt(const RunId& run) {
  for (const auto& [id, question] : world_.turns.state().questions) {
    if (question.run != run || question.what.guard != GuardKind::kAgent) continue;
    for (const AskName& name : question.waiting) {
      runs_[run].open.try_emplace(
          name.ask, Open{"", question.what.action.action, question.what.rule, {}, world_.clock.now().boottime});
    }
  }
}

void AgentQuestions::drain(const RunId& run) {
  const auto found = runs_.find(run);
  if (found != runs_.end()) write(run, found->second);
}

void AgentQuestions::lookAtConnections() {
  const Microseconds now = world_.clock.now().boottime;
  for (auto& [run, of] : runs_) {
    for (auto& [number, open] : of.open) {
      std::erase_if(open.waiting, [&](const Asked& asked) { return !world_.isConnected(asked.connection); });
      if (open.waiting.empty() && !open.orphanedAt) open.orphanedAt = now;
    }
  }
}

void AgentQuestions::endOrphans(const RunId& run, OfRun& of) {
  const Microseconds now = world_.clock.now().boottime;
  for (auto one = of.open.begin(); one != of.open.end();) {
    const bool isOver = one->second.orphanedAt && now - *one->second.orphanedAt >= kOrphanPatience;
    const sandbox::Withdraw withdraw{one->first, "its agent does not wait for an answer any more"};
    if (isOver && submit(AskWithdrawn{{run, GuardKind::kAgent}, withdraw}))
      one = of.open.erase(one);
    else
      ++one;
  }
}

void AgentQuestions::wake() {
  const Microseconds now = world_.clock.now().boottime;
  if (world_.turns.storeFailure()) return;  // Its own next try wakes the loop.
  for (auto& [run, of] : runs_) {
    if (of.unwritten.at && *of.unwritten.at <= now) write(run, of);
    if (of.refuseAt && *of.refuseAt <= now) refuseTooMany(run, of);
    endOrphans(run, of);
  }
}

std::optional<Microseconds> AgentQuestions::nextWake() const {
  std::optional<Microseconds> next;
  if (world_.turns.storeFailure()) return next;
  for (const auto& [run, of] : runs_) {
    if (of.unwritten.at) soonest(next, *of.unwritten.at);
    if (of.refuseAt) soonest(next, *of.refuseAt);
    for (const auto& [number, open] : of.open) {
      if (open.orphanedAt) soonest(next, *open.orphanedAt + kOrphanPatience);
    }
  }
  return next;
}

}  // namespace ringfence::supervisor
