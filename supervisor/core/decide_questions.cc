// Asks become questions, and questions are answered: by a person, by time, by the end of their run. Once.
#include <algorithm>

#include "supervisor/core/cards.h"
#include "supervisor/core/deciding.h"
#include "supervisor/core/grants.h"
#include "supervisor/core/login.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

Error refuse(ErrorCode code, std::string message) { return {code, std::move(message), 0}; }

// Of whatever a policy says; a sum of times stays a time.
constexpr std::chrono::seconds kLongestPatience = std::chrono::hours(24 * 366);
constexpr char kNobody[] = "nobody is there";

sandbox::Outcome outcomeOf(Settled settled) {
  switch (settled) {
    case Settled::kAllowed: return sandbox::Outcome::kAllowed;
    case Settled::kDenied: return sandbox::Outcome::kDenied;
    case Settled::kRewritten: return sandbox::Outcome::kRewritten;
    case Settled::kExpired: return sandbox::Outcome::kExpired;
    case Settled::kStopped: return sandbox::Outcome::kStopped;
    case Settled::kWithdrawn: return sandbox::Outcome::kDenied;
  }
  return sandbox::Outcome::kDenied;
}

TellGuard tell(const RunId& run, const AskName& name, const ActionAnswered& answer) {
  return {run, name.guard, sandbox::Answer{name.ask, outcomeOf(answer.outcome), answer.say, answer.rewrite}};
}

ActionAnswered settledBy(std::uint64_t id, Settled outcome, std::string say) {
  ActionAnswered answer;
  answer.id = id;
  answer.outcome = outcome;
  answer.say = std::move(say);
  return answer;
}

// Records the answer; whoever waits is told when that is durable.
std::uint64_t settle(Deciding& deciding, const Question& question, const ActionAnswered& answer) {
  const std::uint64_t seq = deciding.record(question.run, answer);
  if (answer.outcome == Settled::kWithdrawn) return seq;
  for (const AskName& name : question.waiting) deciding.after(seq, tell(question.run, name, answer));
  return seq;
}

const Question* findSame(const State& state, const RunId& run, const std::string& digest) {
  for (const auto& [id, question] : state.questions) {
    if (question.run == run && question.what.digest == digest && question.waiting.size() < kMaxAsksOfQuestion)
      return &question;
  }
  return nullptr;
}

const Question* findWaiting(const State& state, const RunId& run, const AskName& name) {
  for (const auto& [id, question] : state.questions) {
    if (question.run == run && std::ranges::find(question.waiting, name) != question.waiting.end()) return &question;
  }
  return nullptr;
}

// The card that a new question of that run goes on: its own (0), unless its policy lets the run ask no more at the
// moment.
std::uint64_t batchFor(const State& state, const Run& run, std::uint64_t id, const Now& now) {
  const auto recent = std::ranges::count_if(
      run.talk.askedAt, [&](Microseconds at) { return now.monotonic - at < Microseconds(std::chrono::minutes(1)); });
  const std::size_t most = std::min<std::size_t>(termsOf(run).promptPerMinute, kMaxQuestionTimes);
  if (static_cast<std::size_t>(recent) < most) return 0;
  for (const auto& [other, question] : state.questions) {
    if (question.run == run.id && question.what.batch != 0) return question.what.batch;
  }
  return id;
}

void refuseAsks(Deciding& deciding, const Run& run, const GuardName& guard, const std::vector<sandbox::Ask>& asks,
                const std::string& why) {
  if (asks.empty()) return;
  const auto count = static_cast<std::uint32_t>(asks.size());
  const std::uint64_t seq = deciding.record(run.id, AsksRefused{asks.front().action, asks.front().rule, why, count});
  const bool stopping = std::holds_alternative<Stopping>(run.life) || deciding.state().latch.has_value();
  const auto outcome = stopping                  ? sandbox::Outcome::kStopped
                       : termsOf(run).unattended ? sandbox::Outcome::kExpired
                                                 : sandbox::Outcome::kDenied;
  for (const sandbox::Ask& ask : asks)
    deciding.after(seq, TellGuard{run.id, guard.kind, sandbox::Answer{ask.ask, outcome, why, {}}});
  const auto spent = whyNoMorePrompts(deciding.state(), run, deciding.context().today);
  if (!stopping && spent && holdForPrompts(deciding, run, *spent)) return;
  // What other users' runs keep it from is not its own doing.
  const bool isItsOwn = deciding.state().questions.size() < kMaxOpenQuestions;
  const bool tooMany = run.talk.refused + count > kMaxRefusedAsks && !termsOf(run).unattended && isItsOwn;
  if (!tooMany || !std::holds_alternative<Running>(run.life)) return;
  deciding.atOnce(FreezeGroup{run.id, run.what.priority, true});
  deciding.record(run.id,
                  RunFrozen{0, "it went on asking while nobody answered: " + why, std::nullopt, SelfHeld::kQuestions});
}

Result<void> checkRewrite(const policy::Action& action, const sandbox::Rewrite& rewrite) {
  const bool isExec = action.operation == policy::Operation::kExec;
  const bool isConnect = action.operation == policy::Operation::kConnect;
  const bool isRead = action.operation == policy::Operation::kRead;
  const bool isCall = action.operation == policy::Operation::kCall;
  const int given =
      (rewrite.path ? 1 : 0) + (rewrite.host ? 1 : 0) + (rewrite.content ? 1 : 0) + (rewrite.argv.empty() ? 0 : 1);
  if (given != 1)
    return refuse(ErrorCode::kInvalid, "a rewrite says one thing: other arguments, a path, a host or content");
  if (isCall && !rewrite.content)
    return refuse(ErrorCode::kInvalid, "the call of a tool is rewritten by other input, as its content");
  if (isExec != !rewrite.argv.empty())
    return refuse(ErrorCode::kInvalid, isExec ? "the start of a program is rewritten by other arguments"
                                              : "other arguments are for the start of a program");
  if (isConnect != rewrite.host.has_value())
    return refuse(ErrorCode::kInvalid,
                  isConnect ? "a connection is rewritten by another host" : "another host is for a connection");
  if (rewrite.content && !isRead && !isCall) return refuse(ErrorCode::kInvalid, "prepared content is for what is read");
  if (rewrite.path && !rewrite.path->starts_with('/'))
    return refuse(ErrorCode::kInvalid, "the path to go to instead is not absolute");
  return {};
}

// The question that this peer may answer now.
Result<const Question*> findAnswerable(const State& state, const AnswerCard& command, const Now& now) {
  const std::string name = "question " + std::to_string(command.id);
  const auto found = state.questions.find(command.id);
  if (found == state.questions.end()) {
    if (auto why = whyClosed(state, command.peer, command.id)) return refuse(ErrorCode::kInvalid, *std::move(why));
    return refuse(ErrorCode::kNotFound, "no " + name + " that you may see; `ringfence pending` lists them");
  }
  const Question& question = found->second;
  const auto run = state.runs.find(question.run);
  if (run == state.runs.end() || !maySee(command.peer, run->second.what.callerUid))
    return refuse(ErrorCode::kNotFound, "no " + name + " that you may see; `ringfence pending` lists them");
  if (!mayControl(command.peer, run->second.what.callerUid)) {
    return refuse(ErrorCode::kDenied,
                  name + " is for uid " + std::to_string(run->second.what.callerUid) +
                      "; only the owner of the run, root or a member of ringfence-admin may answer");
  }
  if (question.what.deadline <= now.monotonic) return refuse(ErrorCode::kInvalid, name + " has expired");
  return &question;
}

// What came on a card after somebody read it is never allowed with it: without the digest that was shown, the one
// question that was named. A no is for all of them.
std::vector<const Question*> answeredBy(const State& state, const AnswerCard& command, const Question& question) {
  if (command.digest.empty() && command.verdict != CardVerdict::kDeny) return {&question};
  return cardOf(state, question);
}

// Its beginning is enough, and can be typed.
bool isDigestOf(const std::vector<const Question*>& card, const std::string& given) {
  constexpr std::size_t kLeast = 16;
  return given.size() >= kLeast && digestOf(card).starts_with(given);
}

Result<void> checkAnswer(const State& state, const AnswerCard& command, const std::vector<const Question*>& card) {
  const bool lasting = command.scope != GrantScope::kOnce;
  if (!command.digest.empty() && !isDigestOf(card, command.digest)) {
    return refuse(ErrorCode::kInvalid,
                  "question " + std::to_string(command.id) + " is not what it was when you saw it; look again");
  }
  if (command.say.size() > kMaxSayBytes)
    return refuse(ErrorCode::kInvalid, "the words are longer than " + std::to_string(kMaxSayBytes) + " bytes");
  if (command.verdict != CardVerdict::kAllow && (lasting || command.duration))
    return refuse(ErrorCode::kInvalid, "only what is allowed can be allowed for longer");
  if (command.duration && !lasting)
    return refuse(ErrorCode::kInvalid, "a duration needs a scope: run, project or always");
  if (command.duration && command.duration->count() <= 0)
    return refuse(ErrorCode::kInvalid, "the duration is no time at all");
  if (command.verdict == CardVerdict::kRewrite) {
    if (card.size() != 1) return refuse(ErrorCode::kInvalid, "several questions on one card cannot be rewritten");
    return checkRewrite(card.front()->what.action.action, command.rewrite);
  }
  if (!lasting) return {};
  for (const Question* question : card) {
    if (auto why = whyNotLasting(question->what.action))
      return refuse(ErrorCode::kInvalid, "this can only be allowed once: " + *why);
  }
  std::size_t own = card.size(), all = card.size();
  const std::uint32_t owner = state.runs.at(card.front()->run).what.callerUid;
  for (const auto& [id, grant] : state.grants) {
    ++all;
    own += grant.what.uid == owner ? 1U : 0U;
  }
  if (own > kMaxGrantsPerUser || all > kMaxGrants)
    return refuse(ErrorCode::kUnavailable, "there are too many grants; revoke some first, or allow it once");
  return {};
}

GrantIssued grantBy(const AnswerCard& command, const Run& run, const Question& question, std::uint64_t id,
                    const Now& now) {
  GrantIssued grant = grantOf(run, question, command.scope);
  grant.id = id;
  grant.byUid = command.peer.uid;
  if (command.duration) {
    grant.untilBoottime = now.boottime + *command.duration;
    grant.untilWall = now.wall + *command.duration;
  }
  grant.policyText = policyTextOf(grant, run.id, now);
  return grant;
}

}  // namespace

void sendRulesWhere(Deciding& deciding, std::uint64_t afterSeq, const StandingGrant& grant) {
  for (const auto& [id, run] : deciding.state().runs) {
    if (isLive(run) && isFor(grant, id, run.what.callerUid, run.what.workspace))
      deciding.after(afterSeq, SendRules{id});
  }
}

void decideAsk(Deciding& deciding, const AskRaised& command, const Context& context) {
  const State& state = deciding.state();
  const Run* live = findLive(state, command.guard.run);
  if (live == nullptr) return;  // Nobody waits any more.
  const Run& run = *live;
  const AskName name{command.guard.kind, command.ask.ask};
  const auto answered = std::ranges::find(run.talk.answered, name, &AnsweredAsk::name);
  if (answered != run.talk.answered.end()) {
    // Its answer got lost with a daemon or a guard. It may not be durable yet.
    const ActionAnswered again{answered->id,      answered->outcome, std::nullopt,
                               GrantScope::kOnce, answered->say,     answered->rewrite};
    return deciding.after(state.lastSeq, tell(run.id, name, again));
  }
  if (findWaiting(state, run.id, name) != nullptr) return;
  if (auto why = whyRefused(state, run, name.guard, command.ask, context))
    return refuseAsks(deciding, run, command.guard, {command.ask}, *why);
  std::string digest = digestOf(run.id, command.ask);
  if (const Question* same = findSame(state, run.id, digest)) {
    deciding.record(run.id, AskJoined{same->what.id, name.guard, name.ask});
    return;
  }
  Question question{.run = run.id, .askedAt = context.now, .what = {}, .waiting = {name}};
  ActionAsked& what = question.what;
  what.id = state.lastQuestion + 1;
  what.guard = name.guard;
  what.ask = name.ask;
  what.action = command.ask.action;
  what.rule = command.ask.rule;
  what.digest = std::move(digest);
  what.policyHash = command.policyHash;
  what.day = context.today.known();
  what.deadline = context.now.monotonic;
  const auto timeout = std::min<std::uint64_t>(termsOf(run).promptTimeoutSec, kLongestPatience.count());
  if (!termsOf(run).unattended) what.deadline += std::chrono::seconds(timeout);
  if (!termsOf(run).unattended) what.batch = batchFor(state, run, what.id, context.now);
  deciding.record(run.id, what);
  if (termsOf(run).unattended)
    settle(deciding, question, settledBy(what.id, Settled::kExpired, kNobody));
  else
    warnOfPrompts(deciding, run, context);
}

void decideOverflow(Deciding& deciding, const AsksOverflowed& command, const Context& context) {
  const State& state = deciding.state();
  const Run* run = findLive(state, command.guard.run);
  if (run == nullptr || command.asks.empty()) return;
  const auto why = whyRefused(state, *run, command.guard.kind, command.asks.front(), context);
  refuseAsks(deciding, *run, command.guard, command.asks, why.value_or("too many questions"));
}

void decideWithdrawal(Deciding& deciding, const AskWithdrawn& command) {
  const AskName name{command.guard.kind, command.withdraw.ask};
  const Question* question = findWaiting(deciding.state(), command.guard.run, name);
  if (question == nullptr) return;
  std::string why = boundedReason(command.withdraw.why);
  if (question->waiting.size() > 1) {
    deciding.record(question->run, AskLeft{question->what.id, name.guard, name.ask, std::move(why)});
    return;
  }
  settle(deciding, *question, settledBy(question->what.id, Settled::kWithdrawn, std::move(why)));
}

void withdrawAsksOf(Deciding& deciding, const GuardName& guard, const std::string& why) {
  for (const auto& [id, question] : deciding.state().questions) {
    if (question.run != guard.run || question.what.guard != guard.kind) continue;
    settle(deciding, question, settledBy(id, Settled::kWithdrawn, why));
  }
}

Result<void> decideAnswer(Deciding& deciding, const AnswerCard& command, const Context& context) {
  const State& state = deciding.state();
  const Question* question = RF_TRY(findAnswerable(state, command, context.now));
  if (command.verdict != CardVerdict::kDeny) RF_TRY(requireLogin(command.peer));
  const auto card = answeredBy(state, command, *question);
  RF_TRY(checkAnswer(state, command, card));
  const Run& run = state.runs.at(question->run);
  const Settled outcome = command.verdict == CardVerdict::kAllow     ? Settled::kAllowed
                          : command.verdict == CardVerdict::kRewrite ? Settled::kRewritten
                                                                     : Settled::kDenied;
  std::uint64_t grantId = state.lastGrant;
  for (const Question* one : card) {
    if (command.scope != GrantScope::kOnce) {
      GrantIssued grant = grantBy(command, run, *one, ++grantId, context.now);
      const StandingGrant standing{grant, run.id, 0, context.now, context.bootId};
      sendRulesWhere(deciding, deciding.record(run.id, std::move(grant)), standing);
    }
    settle(deciding, *one,
           {.id = one->what.id,
            .outcome = outcome,
            .byUid = command.peer.uid,
            .scope = command.scope,
            .say = command.say,
            .rewrite = command.verdict == CardVerdict::kRewrite ? command.rewrite : sandbox::Rewrite{}});
  }
  return {};
}

Result<void> decideRevocation(Deciding& deciding, const RevokeGrant& command) {
  const auto found = deciding.state().grants.find(command.id);
  if (found == deciding.state().grants.end() || !maySee(command.peer, found->second.what.uid)) {
    return refuse(ErrorCode::kNotFound, "no grant " + std::to_string(command.id) +
                                            " in force that you may see; `ringfence grants` lists them");
  }
  const StandingGrant& grant = found->second;
  if (!mayControl(command.peer, grant.what.uid)) {
    return refuse(ErrorCode::kDenied, "grant " + std::to_string(command.id) + " is of uid " +
                                          std::to_string(grant.what.uid) +
                                          "; only they, root or a member of ringfence-admin may revoke it");
  }
  const RunId run = grant.what.scope == GrantScope::kRun ? grant.run : RunId();
  deciding.record(run, GrantRevoked{command.id, grant.what.uid, command.peer.uid});
  // Taking back waits for no disk.
  sendRulesWhere(deciding, 0, grant);
  return {};
}

void decideTime(Deciding& deciding, const Context& context) {
  for (const auto& [id, question] : deciding.state().questions) {
    if (question.what.deadline > context.now.monotonic) continue;
    settle(deciding, question, settledBy(id, Settled::kExpired, "nobody answered in time"));
  }
  for (const auto& [id, grant] : deciding.state().grants) {
    auto why = whyEnded(grant, context.now, context.bootId);
    if (!why) continue;
    const RunId run = grant.what.scope == GrantScope::kRun ? grant.run : RunId();
    deciding.record(run, GrantExpired{id, grant.what.uid, *std::move(why)});
    sendRulesWhere(deciding, 0, grant);
  }
}

void settleQuestionsOf(Deciding& deciding, const RunId& run, Settled outcome, const std::string& why) {
  for (const auto& [id, question] : deciding.state().questions) {
    if (question.run != run) continue;
    const char* usual = outcome == Settled::kStopped ? "the run was stopped" : "the run has ended";
    settle(deciding, question, settledBy(id, outcome, why.empty() ? usual : why));
  }
}

void settleOwnQuestionsOf(Deciding& deciding, const RunId& run, const std::string& why) {
  for (const auto& [id, question] : deciding.state().questions) {
    if (question.run == run && question.what.guard == sandbox::GuardKind::kAgent)
      settle(deciding, question, settledBy(id, Settled::kStopped, why));
  }
}

}  // namespace ringfence::supervisor
