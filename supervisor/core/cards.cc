#include "supervisor/core/cards.h"

#include <algorithm>

#include "sandbox/plan/display.h"
#include "sdk/base/sha256.h"
#include "supervisor/core/budgets.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kMinute = std::chrono::minutes(1);

// Every text with its length before it, so that no two different asks are the same bytes.
void add(std::string& bytes, std::string_view text) { bytes += std::to_string(text.size()) + ":" + std::string(text); }
void add(std::string& bytes, std::uint64_t number) { add(bytes, std::to_string(number)); }

bool knows(const State& state, const Run& run, const AskName& name) {
  const auto hasName = [&](const AnsweredAsk& answered) { return answered.name == name; };
  if (std::ranges::any_of(run.talk.answered, hasName)) return true;
  return std::ranges::any_of(state.questions, [&](const auto& entry) {
    const Question& question = entry.second;
    return question.run == run.id && std::ranges::find(question.waiting, name) != question.waiting.end();
  });
}

bool couldJoin(const State& state, const Run& run, const sandbox::Ask& ask) {
  const std::string digest = digestOf(run.id, ask);
  return std::ranges::any_of(state.questions, [&](const auto& entry) {
    const Question& question = entry.second;
    return question.run == run.id && question.what.digest == digest && question.waiting.size() < kMaxAsksOfQuestion;
  });
}

std::size_t openOf(const State& state, const RunId& run) {
  return static_cast<std::size_t>(
      std::ranges::count_if(state.questions, [&](const auto& entry) { return entry.second.run == run; }));
}

}  // namespace

std::string digestOf(const RunId& run, const sandbox::Ask& ask) {
  const sandbox::GuardedAction& action = ask.action;
  std::string bytes;
  add(bytes, run.text());
  add(bytes, static_cast<std::uint64_t>(action.action.operation));
  add(bytes, action.action.target);
  add(bytes, action.action.argv.size());
  for (const std::string& argument : action.action.argv) add(bytes, argument);
  for (const std::string* text : {&action.what, &action.second, &action.cwd, &action.object}) add(bytes, *text);
  add(bytes, static_cast<std::uint64_t>(action.reversible));
  add(bytes, ask.rule.text);
  add(bytes, ask.rule.origin.file);
  add(bytes, ask.rule.origin.line);
  return sha256Hex(bytes);
}

std::string keyOf(const policy::Action& action) {
  std::string bytes;
  add(bytes, static_cast<std::uint64_t>(action.operation));
  add(bytes, action.target);
  for (const std::string& argument : action.argv) add(bytes, argument);
  return sha256Hex(bytes);
}

std::optional<AskedAction> findAsked(const State& state, const RunId& run, const policy::Action& action) {
  const std::string key = keyOf(action);
  for (auto open = state.questions.rbegin(); open != state.questions.rend(); ++open) {
    const auto& [id, question] = *open;
    const sandbox::GuardedAction& asked = question.what.action;
    if (question.run != run || keyOf(asked.action) != key) continue;
    return AskedAction{id, question.askedAt.wall, std::nullopt, asked.chain, asked.chainNote};
  }
  for (auto closed = state.closedQuestions.rbegin(); closed != state.closedQuestions.rend(); ++closed) {
    if (closed->run != run || closed->key != key) continue;
    return AskedAction{closed->id, closed->at.wall, closed->answer.outcome, closed->chain, closed->chainNote};
  }
  return std::nullopt;
}

std::vector<const Question*> cardOf(const State& state, const Question& question) {
  if (question.what.batch == 0) return {&question};
  std::vector<const Question*> card;
  for (const auto& [id, one] : state.questions) {
    if (one.run == question.run && one.what.batch == question.what.batch) card.push_back(&one);
  }
  return card;
}

std::string digestOf(const std::vector<const Question*>& card) {
  if (card.size() == 1) return card.front()->what.digest;
  std::string bytes;
  for (const Question* question : card) add(bytes, question->what.digest);
  return sha256Hex(bytes);
}

std::vector<std::vector<const Question*>> visibleCards(const State& state, const Peer& peer, const RunId& run) {
  std::vector<std::vector<const Question*>> cards;
  for (const auto& [id, question] : state.questions) {
    if (!run.empty() && question.run != run) continue;
    const auto owner = state.runs.find(question.run);
    if (owner == state.runs.end() || !maySee(peer, owner->second.what.callerUid)) continue;
    auto card = cardOf(state, question);
    if (card.front() == &question) cards.push_back(std::move(card));
  }
  return cards;
}

std::optional<std::string> whyRefused(const State& state, const Run& run, sandbox::GuardKind guard,
                                      const sandbox::Ask& ask, const Context& context) {
  if (!isLive(run) || knows(state, run, {guard, ask.ask})) return std::nullopt;
  if (std::holds_alternative<Stopping>(run.life)) return "the run is being stopped";
  if (state.latch) return "the emergency stop is latched: nothing is allowed until a person has re-armed it";
  if (couldJoin(state, run, ask)) return std::nullopt;
  if (auto spent = whyNoMorePrompts(state, run, context.today)) return std::move(spent->why);
  const auto recent =
      std::ranges::count_if(run.talk.askedAt, [&](Microseconds at) { return context.now.monotonic - at < kMinute; });
  if (termsOf(run).unattended && static_cast<std::size_t>(recent) >= kMaxOpenQuestionsPerRun) return "nobody is there";
  if (openOf(state, run.id) >= kMaxOpenQuestionsPerRun) {
    return "too many questions: " + std::to_string(kMaxOpenQuestionsPerRun) + " of this run are open";
  }
  const std::uint32_t owner = run.what.callerUid;
  const auto ofUser = std::ranges::count_if(state.questions, [&](const auto& one) {
    const auto other = state.runs.find(one.second.run);
    return other != state.runs.end() && other->second.what.callerUid == owner;
  });
  if (static_cast<std::size_t>(ofUser) >= kMaxOpenQuestionsPerUser)
    return "too many questions: " + std::to_string(kMaxOpenQuestionsPerUser) + " of this user's runs are open";
  if (state.questions.size() >= kMaxOpenQuestions)
    return "too many questions: " + std::to_string(kMaxOpenQuestions) + " of all runs are open";
  return std::nullopt;
}

bool isNew(const State& state, const Run& run, sandbox::GuardKind guard, const sandbox::Ask& ask) {
  return !knows(state, run, {guard, ask.ask}) && !couldJoin(state, run, ask);
}

std::string_view settledName(Settled settled) {
  switch (settled) {
    case Settled::kAllowed: return "allowed";
    case Settled::kDenied: return "denied";
    case Settled::kRewritten: return "rewritten";
    case Settled::kExpired: return "expired";
    case Settled::kStopped: return "stopped";
    case Settled::kWithdrawn: return "withdrawn";
  }
  return "denied";
}

std::optional<std::string> whyNotInWindow(const State& state, std::uint32_t uid) {
  for (const auto& [id, other] : state.runs) {
    if (!isLive(other) || other.what.callerUid != uid) continue;
    for (const sandbox::Weakening& weakening : other.what.weakened) {
      if (!weakening.reason.starts_with(sandbox::kDisplayGiven)) continue;
      return describe(other) + " was given " + weakening.reason.substr(sandbox::kDisplayGiven.size()) +
             " and could press the button itself";
    }
  }
  return std::nullopt;
}

std::optional<std::string> whyClosed(const State& state, const Peer& peer, std::uint64_t id) {
  const auto found = std::ranges::find(state.closedQuestions, id, &ClosedQuestion::id);
  if (found == state.closedQuestions.end() || !maySee(peer, found->ownerUid)) return std::nullopt;
  const std::string question = "question " + std::to_string(id) + " ";
  const std::string at = " at " + formatRfc3339(found->at.wall);
  switch (found->answer.outcome) {
    case Settled::kExpired: return question + "expired" + at;
    case Settled::kStopped:
      return question + "was stopped" + at + (found->answer.say.empty() ? "" : ": " + found->answer.say);
    case Settled::kWithdrawn: return question + "was withdrawn" + at + ": nobody waits for an answer any more";
    case Settled::kAllowed:
    case Settled::kDenied:
    case Settled::kRewritten: break;
  }
  std::string by = found->answer.byUid ? " by uid " + std::to_string(*found->answer.byUid) : "";
  return question + "was answered already: " + std::string(settledName(found->answer.outcome)) + by + at;
}

std::optional<Microseconds> nextDeadline(const State& state, const Now& now) {
  std::optional<Microseconds> next;
  const auto consider = [&](Microseconds left) {
    const Microseconds at = now.boottime + std::max(left, Microseconds{0});
    next = std::min(next.value_or(Microseconds::max()), at);
  };
  for (const auto& [id, question] : state.questions) consider(question.what.deadline - now.monotonic);
  for (const auto& [id, grant] : state.grants) {
    if (grant.what.untilWall) consider(*grant.what.untilWall - now.wall);
    if (grant.what.untilBoottime && grant.bootId == state.bootId) consider(*grant.what.untilBoottime - now.boottime);
  }
  return next;
}

}  // namespace ringfence::supervisor
