// A grant that is taken back. The new rules leave at once; whoever asked hears of it when every guard that the grant
// was for has taken them, or which has not.
#include <algorithm>

#include "sdk/base/json_writer.h"
#include "supervisor/core/grants.h"
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

const char* guardName(sandbox::GuardKind kind) { return kind == sandbox::GuardKind::kWarden ? "warden" : "egress"; }

std::vector<RunId> runsOf(const State& state, std::uint64_t id) {
  std::vector<RunId> runs;
  const auto grant = state.grants.find(id);
  if (grant == state.grants.end()) return runs;
  for (const auto& [runId, run] : state.runs) {
    if (isLive(run) && isFor(grant->second, runId, run.what.callerUid, run.what.workspace)) runs.push_back(runId);
  }
  return runs;
}

std::string describe(const State& state, const GuardName& guard) {
  const auto run = state.runs.find(guard.run);
  std::string text = "the " + std::string(guardName(guard.kind)) + " of ";
  if (run == state.runs.end()) return text + guard.run.text();
  text += describe(run->second);
  return std::holds_alternative<Frozen>(run->second.life) ? text + ", which is frozen" : text;
}

}  // namespace

void Requests::on(Asker asker, const api::RevokeGrant& request) {
  const std::vector<RunId> runs = runsOf(world_.turns.state(), request.id);
  auto outcome = submit(RevokeGrant{peerOf(asker), request.id});
  if (!outcome) return refuse(asker, outcome.error());
  // Before the rules are sent, which happens at the end of this turn.
  Revoking revoking{asker, request.id, {}, world_.clock.now().boottime + kRulesPatience, outcome->lastSeq};
  for (const RunId& run : runs) {
    for (const Mediation::AwaitedRules& awaited : world_.mediation.awaitRules(run)) revoking.guards.push_back(awaited);
  }
  revoking_.push_back(std::move(revoking));
}

void Requests::settleRevocations() {
  const Microseconds now = world_.clock.now().boottime;
  std::erase_if(revoking_, [&](Revoking& revoking) {
    std::erase_if(revoking.guards, [&](const auto& awaited) { return !world_.mediation.lacks(awaited); });
    if (!revoking.guards.empty() && now < revoking.until) return false;
    const bool durable = revoking.seq <= world_.turns.durableSeq();
    if (revoking.guards.empty() && !durable && !world_.turns.storeFailure()) {
      revoking.until = Microseconds::max();  // The disk wakes us.
      return false;
    }
    if (world_.clients.find(revoking.asker.client) == nullptr) return true;
    if (revoking.guards.empty() && !durable)
      answer(revoking.asker, notRecorded(revoking));
    else if (revoking.guards.empty())
      answer(revoking.asker, api::Done{});
    else
      answer(revoking.asker, lateness(revoking));
    return true;
  });
}

api::Refusal Requests::notRecorded(const Revoking& revoking) const {
  return api::refusalOf(
      {ErrorCode::kUnavailable,
       "grant " + std::to_string(revoking.grant) +
           " is revoked and no guard has it any more, but that is not in the log, which cannot be written: " +
           world_.turns.storeFailure()->message + "; a daemon that starts before it can gives the grant again"});
}

api::Refusal Requests::lateness(const Revoking& revoking) const {
  std::string names;
  JsonWriter json;
  json.beginObject().field("id", revoking.grant).field("verb", "revoke").field("revoked", true);
  json.key("not_taken").beginArray();
  for (const Mediation::AwaitedRules& awaited : revoking.guards) {
    names += (names.empty() ? "" : "; ") + describe(world_.turns.state(), awaited.guard);
    json.beginObject().field("run", awaited.guard.run.text()).field("guard", guardName(awaited.guard.kind)).endObject();
  }
  json.endArray().endObject();
  api::Refusal late;
  late.code = "unavailable";
  late.message = "grant " + std::to_string(revoking.grant) +
                 " is revoked, but not every guard has said that it took the new rules: " + names +
                 "; until it does, what the grant allowed may still happen there (`ringfence freeze RUN` holds it, and "
                 "`ringfence log RUN` shows rules-enforced when it has)";
  if (const auto& failure = world_.turns.storeFailure())
    late.message += "; no guard is heard while the log cannot be written: " + failure->message;
  late.json = json.text();
  return late;
}

std::optional<Microseconds> Requests::nextWake() const {
  std::optional<Microseconds> next;
  const auto consider = [&](Microseconds at) { next = std::min(next.value_or(Microseconds::max()), at); };
  for (const Revoking& revoking : revoking_) consider(revoking.until);
  for (const Answering& waiting : answering_) consider(waiting.until.value_or(Microseconds::max()));
  return next;
}

}  // namespace ringfence::supervisor
