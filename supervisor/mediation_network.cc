// What an egress tells of the connections of its run, and what it is told of the run's holds.
#include <algorithm>

#include "supervisor/core/lookup.h"
#include "supervisor/mediation.h"
#include "supervisor/prices.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kMaxStatedCount = 1'000'000'000'000;

}  // namespace

// One that has just begun knows of no hold, and one of an earlier daemon may know of one that is over.
void Mediation::tellHold(Link& link) {
  const GuardName& name = link.link.name();
  if (name.kind != sandbox::GuardKind::kEgress) return;
  if (!link.adopted) network_.erase(name.run);
  const Run* run = findKnown(world_.turns.state(), name.run);
  const bool held = run != nullptr && std::holds_alternative<Frozen>(run->life);
  if (held || link.adopted) link.link.send(sandbox::RunHeld{held});
  // The governor began anew, and defers again what is to be deferred.
  if (link.adopted) link.link.send(sandbox::DeferCalls{false});
}

bool Mediation::on(Link& link, const sandbox::NetworkActivity& event) {
  if (link.link.name().kind == sandbox::GuardKind::kEgress)
    network_[link.link.name().run] = {event, world_.clock.now().boottime};
  return true;
}

// One that tells more holds than there can be is heard as far as its records leave room.
bool Mediation::on(Link& link, const sandbox::HoldReport& event) {
  const GuardName& name = link.link.name();
  if (name.kind != sandbox::GuardKind::kEgress) return true;
  const Microseconds now = world_.clock.now().boottime;
  const Bytes weight = weightOf({});
  if (!allowances_[name].take(weight, now)) return true;
  if (submit(HoldTold{name.run, event})) return true;
  allowances_[name].giveBack(weight);
  return false;
}

// What an answer stated, an agent's server may have made up, as its agent may make up what it reports.
bool Mediation::on(Link& link, const sandbox::ModelAnswers& event) {
  const GuardName& name = link.link.name();
  if (name.kind != sandbox::GuardKind::kEgress) return true;
  const Microseconds now = world_.clock.now().boottime;
  const Bytes weight = weightOf({});
  if (!allowances_[name].take(weight, now)) return true;
  ModelUsage usage{.model = event.model.substr(0, sandbox::kMaxModelName),
                   .reports = std::min(event.answers, kMaxStatedCount),
                   .inputTokens = std::min(event.inputTokens, kMaxStatedCount),
                   .outputTokens = std::min(event.outputTokens, kMaxStatedCount),
                   .costMicroUsd = {},
                   .counters = {}};
  if (world_.prices != nullptr) world_.prices->estimate(usage);
  if (submit(CountAnswers{name.run, std::move(usage)})) return true;
  allowances_[name].giveBack(weight);
  return false;
}

const Mediation::NetworkSaid* Mediation::networkOf(const RunId& run) const {
  const auto found = network_.find(run);
  return found == network_.end() ? nullptr : &found->second;
}

}  // namespace ringfence::supervisor
