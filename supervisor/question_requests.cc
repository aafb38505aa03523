// Questions and grants as clients see and answer them, and what the rules of a run say.
#include <algorithm>

#include "policy/evaluate.h"
#include "supervisor/api/agent_wire.h"
#include "supervisor/core/cards.h"
#include "supervisor/core/grants.h"
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint32_t kNotApproved = 5;
constexpr std::uint32_t kDeniedByPolicy = 4;

std::optional<api::RuleText> ruleOf(const policy::Origin& origin, const std::string& text) {
  if (origin.file.empty()) return std::nullopt;
  return api::RuleText{origin.file, origin.line, text};
}

// What a person would be promised must be what they can read; more than this nobody reads, and nobody's queue holds.
constexpr std::size_t kMaxOfferedText = 16 << 10;

void addOffers(api::PendingItem& item, const std::vector<const Question*>& card, const Run& run) {
  for (const Question* question : card) {
    if (auto why = whyNotLasting(question->what.action)) item.onlyOnce = *std::move(why);
  }
  for (const GrantScope scope : {GrantScope::kRun, GrantScope::kProject, GrantScope::kAlways}) {
    if (!item.onlyOnce.empty()) break;
    std::string text;
    for (const Question* question : card) text += policyTextOf(grantOf(run, *question, scope), run.id);
    if (text.size() > kMaxOfferedText) item.onlyOnce = "what it would write is too long to be shown";
    item.offers.push_back({scope, std::move(text)});
  }
  if (!item.onlyOnce.empty()) item.offers.clear();
}

api::PendingItem itemOf(const std::vector<const Question*>& card, const Run& run, const State& state, const Now& now) {
  const Question& first = *card.front();
  api::PendingItem item;
  item.id = first.what.id;
  item.run = run.id.text();
  item.runName = run.what.name;
  item.action = first.what.action;
  item.rule = ruleOf(first.what.rule.origin, first.what.rule.text);
  item.why = first.what.rule.why;
  item.digest = digestOf(card);
  item.asked = formatRfc3339(first.askedAt.wall);
  item.deadline = formatRfc3339(now.wall + (first.what.deadline - now.monotonic));
  item.batch = static_cast<std::uint32_t>(card.size());
  for (auto other = card.begin() + 1; other != card.end(); ++other) item.batched.push_back((*other)->what.action);
  item.coalesced = static_cast<std::uint32_t>(first.waiting.size());
  addOffers(item, card, run);
  item.notInWindow = whyNotInWindow(state, run.what.callerUid).value_or("");
  return item;
}

api::GrantRow rowOf(const StandingGrant& grant) {
  api::GrantRow row;
  row.id = grant.what.id;
  row.scope = grant.what.scope;
  if (grant.what.scope == GrantScope::kRun) row.run = grant.run.text();
  row.workspace = grant.what.workspace;
  row.operation = grant.what.operation;
  row.target = grant.what.target;
  row.argv = grant.what.argv;
  if (grant.what.untilWall) row.until = formatRfc3339(*grant.what.untilWall);
  row.policyText = grant.what.policyText;
  row.issued = formatRfc3339(grant.issuedAt.wall);
  row.byUid = grant.what.byUid;
  row.hits = grant.hits;
  return row;
}

// What allowed that action to that run until it ended; the last of them. Empty: nothing did.
std::string endedGrantFor(const State& state, const Run& run, policy::Document rules, const policy::Places& places,
                          const policy::Action& action) {
  rules.grants.clear();
  for (auto ended = state.endedGrants.rbegin(); ended != state.endedGrants.rend(); ++ended) {
    const GrantIssued& what = ended->grant.what;
    if (what.operation != action.operation || !isFor(ended->grant, run.id, run.what.callerUid, run.what.workspace))
      continue;
    if (!action.target.starts_with(what.target)) continue;  // Cheaper than the judgement below.
    rules.grants = {grantOf(ended->grant)};
    const policy::Verdict verdict = policy::evaluate(rules, places, action);
    if (verdict.decision != policy::Decision::kAllow || verdict.origin.file != rules.grants.front().origin.file)
      continue;
    const std::string at = " at " + formatRfc3339(ended->at.wall);
    const std::string name = "grant " + std::to_string(what.id) + ", until ";
    return ended->byUid ? name + "uid " + std::to_string(*ended->byUid) + " revoked it" + at
                        : name + "it ended" + at + ": " + ended->why;
  }
  return {};
}

api::Settlement settlementOf(Settled outcome) {
  switch (outcome) {
    case Settled::kAllowed: return api::Settlement::kAllowed;
    case Settled::kDenied: return api::Settlement::kDenied;
    case Settled::kRewritten: return api::Settlement::kRewritten;
    case Settled::kExpired: return api::Settlement::kExpired;
    case Settled::kStopped: return api::Settlement::kStopped;
    case Settled::kWithdrawn: return api::Settlement::kWithdrawn;
  }
  return api::Settlement::kDenied;
}

CardVerdict verdictOf(api::AnswerVerdict verdict) {
  switch (verdict) {
    case api::AnswerVerdict::kAllow: return CardVerdict::kAllow;
    case api::AnswerVerdict::kDeny: return CardVerdict::kDeny;
    case api::AnswerVerdict::kRewrite: return CardVerdict::kRewrite;
  }
  return CardVerdict::kDeny;
}

// What would be done instead, as far as it can be judged before it is tried. The program of other arguments is the
// first of them where that is a path.
policy::Action rewritten(const policy::Action& action, const sandbox::Rewrite& rewrite) {
  policy::Action instead = action;
  if (rewrite.path) instead.target = *rewrite.path;
  if (rewrite.host) {
    instead.target = *rewrite.host;
    const std::size_t port = action.target.rfind(':');
    const bool hasPort = rewrite.host->find(':') != std::string::npos && !rewrite.host->ends_with(']');
    if (!hasPort && port != std::string::npos) instead.target += action.target.substr(port);
  }
  if (action.operation == policy::Operation::kCall && rewrite.content) instead.argv = {*rewrite.content};
  if (!rewrite.argv.empty()) {
    instead.argv = rewrite.argv;
    if (rewrite.argv.front().starts_with('/')) instead.target = rewrite.argv.front();
  }
  return instead;
}

}  // namespace

// ---- what is pending

void Requests::on(Asker asker, const api::ReadPending& request) {
  const State& state = world_.turns.state();
  const Peer peer = peerOf(asker);
  RunId only;
  if (!request.run.empty()) {
    auto run = findRun(state, peer, request.run);
    if (!run) return refuse(asker, run.error());
    only = (*run)->id;
  }
  for (const auto& card : visibleCards(state, peer, only)) {
    // After a crash its number would be another one's, and whoever saw it would answer that.
    if (card.front()->what.id > lastPublished_) continue;
    answer(asker, itemOf(card, state.runs.at(card.front()->run), state, world_.clock.now()), api::Last::kNo);
  }
  if (!request.watch) return answer(asker, api::Done{});
  world_.clients.find(asker.client)->session.setSubscribed(0);
  watchers_.push_back({asker, only});
}

void Requests::tellCard(const Question& question) {
  const State& state = world_.turns.state();
  const auto run = state.runs.find(question.run);
  if (run == state.runs.end()) return;
  const api::PendingItem item = itemOf(cardOf(state, question), run->second, state, world_.clock.now());
  tellWatchers(run->second.id, run->second.what.callerUid, item);
  tellFollowers(run->second.id, {run->second.id.text(), item});
}

void Requests::tellWatchers(const RunId& run, std::uint32_t ownerUid, const api::Answer& what) {
  for (const Watcher& watcher : watchers_) {
    if (!watcher.run.empty() && watcher.run != run) continue;
    if (world_.clients.find(watcher.asker.client) != nullptr && maySee(peerOf(watcher.asker), ownerUid))
      answer(watcher.asker, what, api::Last::kNo);
  }
}

void Requests::onFact(const Fact&, const ActionAsked& body) {
  lastPublished_ = std::max(lastPublished_, body.id);
  const auto found = world_.turns.state().questions.find(body.id);
  if (found != world_.turns.state().questions.end()) tellCard(found->second);
}

void Requests::onFact(const Fact&, const AskJoined& body) {
  const auto found = world_.turns.state().questions.find(body.id);
  if (found != world_.turns.state().questions.end()) tellCard(found->second);
}

void Requests::onFact(const Fact&, const AskLeft& body) {
  const auto found = world_.turns.state().questions.find(body.id);
  if (found != world_.turns.state().questions.end()) tellCard(found->second);
}

void Requests::onFact(const Fact& fact, const ActionAnswered& body) {
  const State& state = world_.turns.state();
  const auto closed = std::ranges::find(state.closedQuestions, body.id, &ClosedQuestion::id);
  const auto run = state.runs.find(fact.run);
  if (closed == state.closedQuestions.end() && run == state.runs.end()) return;
  const std::uint32_t owner = run != state.runs.end() ? run->second.what.callerUid : closed->ownerUid;
  const api::PendingGone gone{body.id, fact.run.text(), settlementOf(body.outcome)};
  tellWatchers(fact.run, owner, gone);
  tellFollowers(fact.run, {fact.run.text(), gone});
  // What was on the same card is a card of its own now.
  for (const auto& [id, question] : state.questions) {
    if (question.run == fact.run && question.what.batch != 0 && cardOf(state, question).front() == &question)
      tellCard(question);
  }
}

// ---- answers

Result<void> Requests::checkRewrite(const Peer& peer, const api::AnswerQuestion& request) const {
  const State& state = world_.turns.state();
  const auto question = state.questions.find(request.id);
  if (request.verdict != api::AnswerVerdict::kRewrite || question == state.questions.end()) return {};
  const Run* run = RF_TRY(findControllable(state, peer, question->second.run));
  const policy::Document rules = RF_TRY(world_.mediation.rulesOf(*run));
  const policy::Action instead = rewritten(question->second.what.action.action, request.rewrite);
  if (instead.operation == policy::Operation::kCall && !api::isJsonObject(request.rewrite.content.value_or("")))
    return Error{ErrorCode::kInvalid, "the input of a tool is one JSON object in UTF-8, of at most 16 KiB"};
  const policy::Verdict verdict = policy::evaluate(rules, world_.mediation.placesOf(*run), instead);
  if (verdict.decision != policy::Decision::kForbid) return {};
  std::string where = verdict.origin.file.empty()
                          ? std::string()
                          : " (" + verdict.origin.file + ":" + std::to_string(verdict.origin.line) + ")";
  return Error{ErrorCode::kDenied, "what it would be instead is forbidden: " + verdict.rule + where +
                                       (verdict.why.empty() ? "" : ": " + verdict.why)};
}

// Whoever can press the buttons of a window is not asked through one.
Result<void> Requests::checkSurface(const Peer& peer, const api::AnswerQuestion& request) const {
  const State& state = world_.turns.state();
  const auto question = state.questions.find(request.id);
  if (!request.inWindow || request.verdict == api::AnswerVerdict::kDeny || question == state.questions.end()) return {};
  const Run* run = RF_TRY(findControllable(state, peer, question->second.run));
  for (const std::uint32_t uid : {run->what.callerUid, peer.uid}) {
    if (auto why = whyNotInWindow(state, uid))
      return Error{ErrorCode::kDenied, "this is not allowed in a window: " + *std::move(why)};
  }
  return {};
}

void Requests::on(Asker asker, const api::AnswerQuestion& request) {
  const Peer peer = personOf(asker);
  auto checked = checkSurface(peer, request);
  if (checked) checked = checkRewrite(peer, request);
  if (!checked) {
    api::Refusal refused = api::refusalOf(checked.error());
    if (checked.error().code == ErrorCode::kDenied) refused.exitCode = kDeniedByPolicy;
    return answer(asker, refused);
  }
  AnswerCard command;
  command.peer = peer;
  command.id = request.id;
  command.digest = request.digest;
  command.verdict = verdictOf(request.verdict);
  command.scope = request.scope;
  command.duration = request.duration;
  command.say = request.say;
  command.rewrite = request.rewrite;
  auto outcome = submit(command);
  if (outcome) {
    // Done is said when it is durable, as the agent hears of it.
    return answerWhenDurable(
        {outcome->lastSeq, asker, {}, "your answer takes effect when it can, and until then the agent waits", {}});
  }
  api::Refusal refused = api::refusalOf(outcome.error());
  const auto open = world_.turns.state().questions.find(request.id);
  const bool expired = open != world_.turns.state().questions.end() &&
                       open->second.what.deadline <= world_.clock.now().monotonic &&
                       outcome.error().code == ErrorCode::kInvalid;
  if (expired || whyClosed(world_.turns.state(), peer, request.id)) {
    refused.code = "gone";
    refused.exitCode = kNotApproved;
  }
  answer(asker, refused);
}

void Requests::answerWhenDurable(Answering answering) {
  answering_.push_back(std::move(answering));
  if (world_.turns.storeFailure()) answersFailed(*world_.turns.storeFailure());
}

void Requests::answersDurable(std::uint64_t seq) {
  while (!answering_.empty() && answering_.front().seq <= seq) {
    const Answering done = std::move(answering_.front());
    answering_.pop_front();
    answer(done.asker, done.done);
  }
}

void Requests::answerOverdue() {
  const Microseconds now = world_.clock.now().boottime;
  std::erase_if(answering_, [&](const Answering& waiting) {
    if (!waiting.until || now < *waiting.until) return false;
    answer(waiting.asker, waiting.done);
    return true;
  });
}

void Requests::answersFailed(const Error& error) {
  for (const Answering& waiting : std::exchange(answering_, {})) {
    if (waiting.otherwise.empty()) {
      answer(waiting.asker, waiting.done);
      continue;
    }
    refuse(waiting.asker,
           {ErrorCode::kUnavailable, "the log cannot be written: " + error.message + "; " + waiting.otherwise});
  }
}

// ---- grants

void Requests::onFact(const Fact& fact, const ActionsAllowed& body) {
  const auto& grants = world_.turns.state().grants;
  for (const AllowedCount& allowed : body.actions) {
    const std::uint64_t id = grantNamed(allowed.rule);
    if (grants.contains(id)) grantsUsed_[id] = fact.at.wall;
  }
  std::erase_if(grantsUsed_, [&](const auto& used) { return !grants.contains(used.first); });
}

void Requests::on(Asker asker, const api::ListGrants& request) {
  const State& state = world_.turns.state();
  const Peer peer = peerOf(asker);
  const Run* run = nullptr;
  if (!request.run.empty()) {
    auto found = findRun(state, peer, request.run);
    if (!found) return refuse(asker, found.error());
    run = *found;
  }
  api::GrantList list;
  const auto isShown = [&](const StandingGrant& grant) {
    return maySee(peer, grant.what.uid) &&
           (run == nullptr || isFor(grant, run->id, run->what.callerUid, run->what.workspace));
  };
  for (const auto& [id, grant] : state.grants) {
    const auto over = whyEnded(grant, world_.clock.now(), state.bootId);
    const bool isDurable = grant.seq <= world_.turns.durableSeq();
    if (!isShown(grant) || !isDurable || (over && !request.ended)) continue;
    list.rows.push_back(rowOf(grant));
    if (const auto used = grantsUsed_.find(id); used != grantsUsed_.end())
      list.rows.back().lastUsed = formatRfc3339(used->second);
    if (!over) continue;
    list.rows.back().ended = formatRfc3339(grant.what.untilWall.value_or(world_.clock.now().wall));
    list.rows.back().endedWhy = *over;
  }
  for (const EndedGrant& ended : state.endedGrants) {
    if (!request.ended || !isShown(ended.grant)) continue;
    api::GrantRow row = rowOf(ended.grant);
    row.ended = formatRfc3339(ended.at.wall);
    row.revokedBy = ended.byUid;
    row.endedWhy = ended.why;
    list.rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(list.rows, {}, &api::GrantRow::id);
  answer(asker, list);
}

// ---- why

void Requests::on(Asker asker, const api::AskWhy& request) {
  auto run = findRun(world_.turns.state(), peerOf(asker), request.run);
  if (!run) return refuse(asker, run.error());
  auto rules = world_.mediation.rulesOf(**run);
  if (!rules) return refuse(asker, std::move(rules).error().with("the rules of " + describe(**run) + " are not kept"));
  const policy::Verdict verdict = policy::evaluate(*rules, world_.mediation.placesOf(**run), request.action);
  api::WhyAnswer why;
  why.decision = verdict.decision;
  why.rule = ruleOf(verdict.origin, verdict.rule);
  why.why = verdict.why;
  if (verdict.decision == policy::Decision::kAsk) why.next = {"ask"};
  if (verdict.decision == policy::Decision::kForbid) why.next = {"do not retry"};
  if (verdict.decision != policy::Decision::kAllow) {
    why.before =
        endedGrantFor(world_.turns.state(), **run, *std::move(rules), world_.mediation.placesOf(**run), request.action);
  }
  if (const auto asked = findAsked(world_.turns.state(), (*run)->id, request.action)) {
    why.asked = {asked->question, formatRfc3339(asked->at),
                 std::string(asked->outcome ? settledName(*asked->outcome) : "waits"), asked->chain,
                 asked->chainNote.value_or("")};
  }
  answer(asker, why);
}

}  // namespace ringfence::supervisor
