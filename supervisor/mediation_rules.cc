// The rules that runs go by, and who is told of them.
#include <algorithm>

#include "supervisor/core/grants.h"
#include "supervisor/core/lookup.h"
#include "supervisor/mediation.h"

namespace ringfence::supervisor {
namespace {

using sandbox::GuardKind;

constexpr GuardKind kGuards[] = {GuardKind::kWarden, GuardKind::kEgress};

}  // namespace

policy::Places Mediation::placesOf(const Run& run) const { return {run.what.workspace, termsOf(run).home}; }

Result<std::shared_ptr<const policy::Document>> Mediation::documentOf(const Run& run) const {
  if (const auto found = rules_.find(run.id); found != rules_.end() && found->second.document)
    return found->second.document;
  auto document = RF_TRY(world_.policies.find(termsOf(run).resolved));
  if (isLive(run)) rules_[run.id].document = document;
  return document;
}

// The first of those that files grant; of what the log has its own deadlines tell.
void Mediation::awaitEnd(Rules& known, const policy::Document& rules) {
  known.endsAt.reset();
  for (const policy::Grant& grant : rules.grants) {
    const auto end = grant.id == 0 ? policy::endOf(grant) : std::nullopt;
    if (end) known.endsAt = std::min(known.endsAt.value_or(*end), *end);
  }
}

void Mediation::renewRules(Microseconds wall) {
  std::vector<RunId> due;
  for (auto& [run, known] : rules_) {
    if (!known.endsAt || wall < *known.endsAt) continue;
    known.endsAt.reset();
    due.push_back(run);
  }
  for (const RunId& run : due) sendRules(run, nullptr);
}

Result<policy::Document> Mediation::rulesOf(const Run& run) const {
  const auto document = RF_TRY(documentOf(run));
  policy::Document rules = *document;
  std::erase_if(rules.grants, [now = world_.clock.now().wall](const policy::Grant& grant) {
    const auto end = policy::endOf(grant);
    return end && *end <= now;
  });
  const GrantsAt at{world_.clock.now(), world_.bootId, world_.turns.durableSeq()};
  for (policy::Grant& grant : grantsFor(world_.turns.state(), at, run.id, run.what.callerUid, run.what.workspace))
    rules.grants.push_back(std::move(grant));
  return rules;
}

Result<Mediation::ReadyRules> Mediation::judgeOf(const Run& run) {
  Rules& known = rules_[run.id];
  if (known.ready) return *known.ready;
  policy::Document rules = RF_TRY(rulesOf(run));
  awaitEnd(known, rules);
  std::string hash = policy::documentHash(rules);
  known.ready = ReadyRules{std::make_shared<const policy::Judge>(std::move(rules), placesOf(run)), std::move(hash)};
  return *known.ready;
}

// Above all that an earlier daemon gave out while these guards lived. The log's numbers would not do: what was not yet
// on the disk when that one died is gone, and with it how far it had counted; a guard passes by rules that are older
// than those it has.
std::uint64_t Mediation::nextGeneration(const RunId& run) const {
  const auto known = rules_.find(run);
  const auto now = static_cast<std::uint64_t>(world_.clock.now().boottime.count());
  return std::max(known == rules_.end() ? 1 : known->second.generation + 1, now);
}

std::vector<Mediation::AwaitedRules> Mediation::awaitRules(const RunId& id) const {
  std::vector<AwaitedRules> awaited;
  const std::uint64_t generation = nextGeneration(id);
  for (const GuardKind kind : kGuards) awaited.push_back({{id, kind}, generation});
  std::erase_if(awaited, [&](const AwaitedRules& one) { return !lacks(one); });
  return awaited;
}

bool Mediation::lacks(const AwaitedRules& awaited) const {
  const Run* run = findLive(world_.turns.state(), awaited.guard.run);
  if (run == nullptr) return false;
  if (const Link* link = find(awaited.guard)) return link->taken < awaited.generation;
  // One of an earlier daemon may be there and not be heard yet.
  return (awaited.guard.kind == GuardKind::kWarden ? run->talk.warden : run->talk.egress).pid != 0;
}

// `only`: the one link that needs them; else all of the run.
void Mediation::sendRules(const RunId& id, Link* only) {
  const Run* run = findLive(world_.turns.state(), id);
  if (run == nullptr) return;
  auto rules = rulesOf(*run);
  if (!rules) {
    world_.report({std::move(rules).error().with("the policy of " + id.text() +
                                                 " is lost, so its guards have no rules and what it wants waits")});
    return;
  }
  const std::uint64_t generation = nextGeneration(id);
  Rules& known = rules_[id];
  known.generation = generation;
  known.hashes[known.generation] = policy::documentHash(*rules);
  known.ready.reset();
  awaitEnd(known, *rules);
  while (known.hashes.size() > 4) known.hashes.erase(known.hashes.begin());
  for (auto& [linkId, link] : links_) {
    if (link.link.name().run != id || (only != nullptr && only != &link)) continue;
    sandbox::GuardRules order{id, known.generation, *rules, placesOf(*run), {}};
    const auto values = credentials_.find(id);
    if (link.link.name().kind == GuardKind::kEgress && values != credentials_.end()) order.credentials = values->second;
    // What was told and is not recorded yet counts too: else whoever can end an egress sends without a limit.
    if (link.link.name().kind == GuardKind::kEgress)
      order.traffic = link.traffic ? link.traffic->hosts : run->talk.traffic;
    link.link.send(sandbox::GuardOrder(std::move(order)));
    link.toldRules = true;
  }
}

std::string Mediation::hashOf(const RunId& run) const {
  const auto found = rules_.find(run);
  return found == rules_.end() || found->second.hashes.empty() ? std::string() : found->second.hashes.rbegin()->second;
}

}  // namespace ringfence::supervisor
