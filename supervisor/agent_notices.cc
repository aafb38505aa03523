#include "supervisor/agent_notices.h"

#include <algorithm>
#include <utility>

namespace ringfence::supervisor {
namespace {

using Outcome = api::AgentVerdict::Outcome;

std::string placeOf(const sandbox::GuardRule& rule) {
  return rule.origin.file.empty() ? std::string() : rule.origin.file + ":" + std::to_string(rule.origin.line);
}

api::AgentOverride about(const sandbox::GuardedAction& action, const sandbox::GuardRule& rule, Outcome outcome,
                         std::string by) {
  api::AgentOverride told;
  told.outcome = outcome;
  told.operation = action.action.operation;
  told.target = action.action.target;
  told.by = std::move(by);
  told.rule = rule.text;
  told.fileLine = placeOf(rule);
  return told;
}

void put(api::AgentOverride& told, const sandbox::Rewrite& rewrite) {
  told.argv = rewrite.argv;
  told.path = rewrite.path;
  told.host = rewrite.host;
}

std::optional<api::AgentOverride> answered(const ActionAnswered& answer, const ActionAsked* asked) {
  if (asked == nullptr) return std::nullopt;
  Outcome outcome = Outcome::kDenied;
  switch (answer.outcome) {
    case Settled::kAllowed:
    case Settled::kWithdrawn: return std::nullopt;
    case Settled::kDenied: break;
    case Settled::kRewritten: outcome = Outcome::kRewritten; break;
    case Settled::kExpired: outcome = Outcome::kExpired; break;
    case Settled::kStopped: outcome = Outcome::kStopped; break;
  }
  api::AgentOverride told = about(asked->action, asked->rule, outcome, answer.byUid ? "person" : "nobody");
  told.say = answer.say;
  if (outcome == Outcome::kRewritten) put(told, answer.rewrite);
  return told;
}

std::string holderOf(const RunFrozen& frozen) {
  if (frozen.preemption) return "governor";
  if (!frozen.itself) return "person";
  switch (*frozen.itself) {
    case SelfHeld::kEmergencyStop: return "emergency-stop";
    case SelfHeld::kAgent: return "agent";
    case SelfHeld::kRestart:
    case SelfHeld::kQuestions:
    case SelfHeld::kNoRecords:
    case SelfHeld::kAnotherProgram:
    case SelfHeld::kPrompts: break;
  }
  return "daemon";
}

}  // namespace

std::optional<api::AgentOverride> overrideIn(const FactBody& body, const ActionAsked* asked) {
  if (const auto* denied = std::get_if<ActionDenied>(&body)) {
    api::AgentOverride told = about(denied->what.action, denied->what.rule, Outcome::kForbidden, "rule");
    told.say = denied->what.rule.why;
    told.count = denied->what.count;
    return told;
  }
  if (const auto* rewritten = std::get_if<ActionRewritten>(&body)) {
    api::AgentOverride told = about(rewritten->what.action, rewritten->what.rule, Outcome::kRewritten, "rule");
    told.say = rewritten->what.rule.why;
    told.count = rewritten->what.count;
    put(told, rewritten->rewrite);
    return told;
  }
  if (const auto* refused = std::get_if<AsksRefused>(&body)) {
    api::AgentOverride told = about(refused->action, refused->rule, Outcome::kDenied, "nobody");
    told.say = refused->why;
    told.count = refused->count;
    return told;
  }
  const auto* answer = std::get_if<ActionAnswered>(&body);
  return answer == nullptr ? std::nullopt : answered(*answer, asked);
}

void AgentNotices::listen(const RunId& run, Connection connection, const api::AgentListen& listen) {
  listeners_.insert_or_assign(connection, Listener{run, listen});
  count(run);
}

void AgentNotices::lookAtConnections() {
  for (auto one = listeners_.begin(); one != listeners_.end();) {
    if (world_.isConnected(one->first)) {
      ++one;
      continue;
    }
    const RunId run = one->second.run;
    one = listeners_.erase(one);
    count(run);
  }
}

void AgentNotices::count(const RunId& run) {
  std::size_t listeners = 0;
  for (const auto& [connection, one] : listeners_) listeners += one.run == run && one.to.pause ? 1U : 0U;
  world_.claims.hearPauses(run, listeners);
}

template <typename Wants>
void AgentNotices::tell(const RunId& run, Wants wants, const api::AgentNotice& notice) {
  for (const auto& [connection, one] : listeners_)
    if (one.run == run && wants(one.to)) world_.tell(connection, notice);
}

void AgentNotices::adopt(const Run& run, const State& state) {
  if (const auto* frozen = std::get_if<Frozen>(&run.life)) {
    held_[run.id] = {frozen->since.boottime, frozen->reason.value_or(""),
                     holderOf(RunFrozen{frozen->byUid, "", frozen->preemption, frozen->itself})};
  }
  for (const auto& [id, question] : state.questions)
    if (question.run == run.id) asked_.insert_or_assign(id, std::pair(run.id, question.what));
}

void AgentNotices::announce(const RunId& run, Announcer by, Microseconds within, const std::string& why,
                            const std::string& limit) {
  world_.claims.announced(run, by, world_.clock.now().boottime + within);
  tell(
      run, [](const api::AgentListen& to) { return to.pause; },
      api::AgentPause{std::chrono::duration_cast<Milliseconds>(within), why, limit});
}

void AgentNotices::withdraw(const RunId& run, Announcer by, const std::string& relief) {
  world_.claims.announced(run, by, std::nullopt);
  if (world_.claims.isAnnounced(run)) return;
  tell(
      run, [](const api::AgentListen& to) { return to.pause || to.resume; },
      api::AgentResume{Milliseconds{0}, "", by == Announcer::kPerson ? "person" : "governor", relief});
}

void AgentNotices::pausing(const Fact& fact, const RunPausing& body) {
  const Microseconds left = latestOf({fact.run, body, fact.at}) - world_.clock.now().boottime;
  announce(fact.run, Announcer::kPerson, std::max(left, Microseconds{0}), "a person pauses it", "");
}

void AgentNotices::frozen(const Fact& fact, const RunFrozen& body) {
  // Who holds it may change while it is held; since when does not.
  Held& held = held_.try_emplace(fact.run, Held{fact.at.boottime, "", ""}).first->second;
  held.why = body.reason;
  held.by = holderOf(body);
  for (const Announcer by : {Announcer::kGovernor, Announcer::kPerson})
    world_.claims.announced(fact.run, by, std::nullopt);
}

void AgentNotices::resumed(const Fact& fact, const RunResumed& body) {
  const auto held = held_.extract(fact.run);
  if (held.empty()) {
    if (world_.claims.isAnnounced(fact.run, Announcer::kPerson))
      withdraw(fact.run, Announcer::kPerson, "a person lets it go on");
    return;
  }
  const Microseconds length = fact.at.boottime - held.mapped().since;
  tell(
      fact.run, [](const api::AgentListen& to) { return to.resume; },
      api::AgentResume{std::max(std::chrono::duration_cast<Milliseconds>(length), Milliseconds{1}), held.mapped().why,
                       held.mapped().by, body.reason.value_or("")});
}

void AgentNotices::published(const Fact& fact) {
  if (const auto* asked = std::get_if<ActionAsked>(&fact.body))
    asked_.insert_or_assign(asked->id, std::pair(fact.run, *asked));
  if (const auto* body = std::get_if<RunPausing>(&fact.body)) pausing(fact, *body);
  if (const auto* body = std::get_if<RunFrozen>(&fact.body)) frozen(fact, *body);
  if (const auto* body = std::get_if<RunResumed>(&fact.body)) resumed(fact, *body);
  const auto* answer = std::get_if<ActionAnswered>(&fact.body);
  const auto question = answer == nullptr ? asked_.end() : asked_.find(answer->id);
  const auto told = overrideIn(fact.body, question == asked_.end() ? nullptr : &question->second.second);
  const RunId run = question == asked_.end() ? fact.run : question->second.first;
  if (question != asked_.end()) asked_.erase(question);
  if (told)
    tell(
        run, [](const api::AgentListen& to) { return to.overrides; }, *told);
}

void AgentNotices::close(const RunId& run) {
  std::erase_if(listeners_, [&](const auto& one) { return one.second.run == run; });
  std::erase_if(asked_, [&](const auto& one) { return one.second.first == run; });
  held_.erase(run);
}

}  // namespace ringfence::supervisor
