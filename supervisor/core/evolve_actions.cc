#include "supervisor/core/evolve_actions.h"

#include <algorithm>
#include <string_view>

#include "supervisor/core/budgets.h"
#include "supervisor/core/cards.h"
#include "supervisor/core/grants.h"
#include "supervisor/core/later.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

GuardMemory& memoryOf(Run& run, sandbox::GuardKind kind) {
  return kind == sandbox::GuardKind::kWarden ? run.talk.warden : run.talk.egress;
}

template <typename T>
void pushBounded(std::vector<T>& list, T entry, std::size_t most) {
  list.push_back(std::move(entry));
  if (list.size() > most) list.erase(list.begin());
}

sandbox::ProcessLink writerOf(const sandbox::GuardedAction& action) {
  return action.chain.empty() ? sandbox::ProcessLink{} : action.chain.front();
}

// A guard may have made it up, however long; it is kept with many others.
std::vector<sandbox::ProcessLink> chainToKeep(const sandbox::GuardedAction& action) {
  std::vector<sandbox::ProcessLink> chain(
      action.chain.begin(),
      action.chain.begin() + static_cast<std::ptrdiff_t>(std::min(action.chain.size(), sandbox::kMaxProcessChain)));
  for (sandbox::ProcessLink& link : chain) link.name.resize(std::min(link.name.size(), kMaxKeptProcessName));
  return chain;
}

// What a guard lets through is done. An agent that asks itself does it later or not at all, and a guard tells of that.
bool isDone(sandbox::GuardKind guard) { return guard != sandbox::GuardKind::kAgent; }

// What a person allows is done, as far as anybody can know: its outcome may be lost.
void rememberAnswered(Run& run, const sandbox::GuardedAction& asked, const ActionAnswered& answer) {
  if (asked.action.operation != policy::Operation::kWrite) return;
  const sandbox::ProcessLink by = writerOf(asked);
  if (answer.outcome == Settled::kAllowed) rememberChange(run, asked.what, asked.action.target, asked.second, by);
  if (answer.outcome == Settled::kRewritten) rememberChange(run, asked.what, answer.rewrite.path.value_or(""), "", by);
}

// A thousand ended runs must not hold a thousand lists of hosts in memory: at most one entry, with no name.
std::vector<sandbox::HostTraffic> ofAllHosts(const std::vector<sandbox::HostTraffic>& hosts) {
  if (hosts.empty()) return {};
  sandbox::HostTraffic sum;
  for (const sandbox::HostTraffic& host : hosts) {
    sum.sentBytes += host.sentBytes;
    sum.receivedBytes += host.receivedBytes;
    sum.connections += host.connections;
  }
  return {sum};
}

void take(State& state, const Fact& fact, const ActionRecord& record) {
  Run* run = findLive(state, fact.run);
  if (run != nullptr && record.ticket != 0)
    pushBounded(memoryOf(*run, record.guard).tickets, record.ticket, kMaxRememberedTickets);
}

void endGrant(State& state, std::uint64_t id, EndedGrant ended) {
  const auto found = state.grants.find(id);
  if (found == state.grants.end()) return;
  ended.grant = std::move(found->second);
  state.grants.erase(found);
  pushBounded(state.endedGrants, std::move(ended), kMaxEndedGrants);
}

}  // namespace

// ---- questions

void evolveAction(State& state, const Fact& fact, const ActionAsked& body) {
  state.lastQuestion = std::max(state.lastQuestion, body.id);
  Run* run = findLive(state, fact.run);
  if (run == nullptr) return;
  pushBounded(run->talk.askedAt, fact.at.monotonic, kMaxQuestionTimes);
  addPrompt(state, *run, body.day);
  state.questions.insert_or_assign(
      body.id, Question{.run = fact.run, .askedAt = fact.at, .what = body, .waiting = {{body.guard, body.ask}}});
}

void evolveAction(State& state, const Fact&, const AskJoined& body) {
  const auto found = state.questions.find(body.id);
  if (found != state.questions.end() && found->second.waiting.size() < kMaxAsksOfQuestion)
    found->second.waiting.push_back({body.guard, body.ask});
}

void evolveAction(State& state, const Fact&, const AskLeft& body) {
  const auto found = state.questions.find(body.id);
  if (found != state.questions.end()) std::erase(found->second.waiting, AskName{body.guard, body.ask});
}

void evolveAction(State& state, const Fact& fact, const ActionAnswered& body) {
  const auto found = state.questions.find(body.id);
  if (found == state.questions.end()) return;
  const Question question = std::move(found->second);
  state.questions.erase(found);
  const Run* owner = findKnown(state, question.run);
  const std::uint32_t ownerUid = owner == nullptr ? 0 : owner->what.callerUid;
  const sandbox::GuardedAction& asked = question.what.action;
  ClosedQuestion closed{body.id, question.run,        ownerUid,           fact.at,
                        body,    keyOf(asked.action), chainToKeep(asked), asked.chainNote};
  closed.answer.rewrite = {};
  pushBounded(state.closedQuestions, std::move(closed), kMaxClosedQuestions);
  Run* run = findLive(state, question.run);
  if (run == nullptr || body.outcome == Settled::kWithdrawn) return;
  if (isDone(question.what.guard)) rememberAnswered(*run, question.what.action, body);
  for (const AskName& name : question.waiting) {
    pushBounded(run->talk.answered, AnsweredAsk{name, body.id, body.outcome, body.say, body.rewrite}, kMaxAnsweredAsks);
  }
}

void evolveAction(State& state, const Fact& fact, const ActionPerformed& body) {
  Run* run = findLive(state, fact.run);
  if (run == nullptr) return;
  const AskName name{body.guard, body.ask};
  std::erase_if(run->talk.answered, [&](const AnsweredAsk& answered) { return answered.name == name; });
}

void evolveAction(State& state, const Fact& fact, const AsksRefused& body) {
  if (Run* run = findLive(state, fact.run)) run->talk.refused += body.count;
}

// ---- records

void evolveAction(State& state, const Fact& fact, const ActionDenied& body) { take(state, fact, body.what); }
void evolveAction(State& state, const Fact& fact, const ActionRewritten& body) {
  take(state, fact, body.what);
  Run* run = findLive(state, fact.run);
  if (run != nullptr && isDone(body.what.guard) && body.what.action.action.operation == policy::Operation::kWrite)
    rememberChange(*run, body.what.action.what, body.rewrite.path.value_or(""), "", writerOf(body.what.action));
}
void evolveAction(State& state, const Fact& fact, const ConnectionOpened& body) { take(state, fact, body.what); }
void evolveAction(State& state, const Fact& fact, const OutcomeUnknown& body) { take(state, fact, body.what); }

void evolveAction(State& state, const Fact& fact, const ActionsAllowed& body) {
  Run* run = findLive(state, fact.run);
  if (run != nullptr && isDone(body.guard)) memoryOf(*run, body.guard).ringUpTo = body.upTo;
  for (const AllowedCount& allowed : body.actions) {
    if (run != nullptr && isDone(body.guard) && allowed.operation == policy::Operation::kWrite)
      rememberChange(*run, allowed.what, allowed.target, allowed.second,
                     {allowed.pid.value_or(0), allowed.name.value_or("")});
    const auto grant = state.grants.find(grantNamed(allowed.rule));
    if (grant != state.grants.end()) grant->second.hits += allowed.count;
  }
}

// ---- grants

void evolveAction(State& state, const Fact& fact, const GrantIssued& body) {
  state.lastGrant = std::max(state.lastGrant, body.id);
  state.grants.insert_or_assign(body.id, StandingGrant{body, fact.run, fact.seq, fact.at, fact.bootId});
}
void evolveAction(State& state, const Fact& fact, const GrantRevoked& body) {
  endGrant(state, body.id, {.grant = {}, .at = fact.at, .byUid = body.byUid, .why = {}});
}
void evolveAction(State& state, const Fact& fact, const GrantExpired& body) {
  endGrant(state, body.id, {.grant = {}, .at = fact.at, .byUid = {}, .why = body.why});
}

// ---- guards

void evolveAction(State& state, const Fact& fact, const GuardStarted& body) {
  Run* run = findLive(state, fact.run);
  if (run == nullptr) return;
  GuardMemory& memory = memoryOf(*run, body.guard);
  memory.pid = body.pid;
  memory.tickets.clear();  // It counts its own from the beginning.
  memory.generation = 0;
}
void evolveAction(State& state, const Fact& fact, const GuardLost& body) {
  if (Run* run = findLive(state, fact.run)) memoryOf(*run, body.guard).pid = 0;
}
void evolveAction(State& state, const Fact& fact, const RulesEnforced& body) {
  if (Run* run = findLive(state, fact.run)) memoryOf(*run, body.guard).generation = body.generation;
}
void evolveAction(State& state, const Fact& fact, const TrafficCounted& body) {
  if (Run* run = findKnown(state, fact.run)) run->talk.traffic = isLive(*run) ? body.hosts : ofAllHosts(body.hosts);
}

void evolveAction(State&, const Fact&, const RecordsNotWritten&) {}  // For whoever reads the log.
void evolveAction(State&, const Fact&, const ConnectionsHeld&) {}    // Likewise.

void endConversation(State& state, Run& run, const Now& at) {
  std::vector<sandbox::HostTraffic> traffic = ofAllHosts(run.talk.traffic);
  run.talk = {};
  run.talk.traffic = std::move(traffic);
  std::vector<std::uint64_t> over;
  for (const auto& [id, grant] : state.grants) {
    if (grant.what.scope == GrantScope::kRun && grant.run == run.id) over.push_back(id);
  }
  for (const std::uint64_t id : over) endGrant(state, id, {.grant = {}, .at = at, .byUid = {}, .why = "its run ended"});
}

}  // namespace ringfence::supervisor
