#include "supervisor/freeze_moment.h"

#include <algorithm>

#include "supervisor/governor/price.h"

namespace ringfence::supervisor {
namespace {

bool isInside(const AgentClaims& claims, const RunId& run, Microseconds now) {
  return governor::paysToWait(claims.criticalUntil(run), claims.criticalRedo(run), now);
}

}  // namespace

std::optional<Milliseconds> graceFor(const AgentClaims& claims, const Run& run, Microseconds now) {
  const std::optional<RunBounds> bounds = termsOf(run).bounds;
  const std::chrono::seconds grace(bounds ? bounds->preemptGraceSec.value_or(0) : 0);
  const bool isHeard = claims.hearsPauses(run.id) || isInside(claims, run.id, now);
  if (grace.count() <= 0 || !isHeard || !std::holds_alternative<Running>(run.life)) return std::nullopt;
  return grace;
}

bool isDue(const AgentClaims& claims, const Run& run, const Pausing& pausing, Microseconds now) {
  if (!std::holds_alternative<Running>(run.life) || now >= latestOf(pausing)) return true;
  if (claims.readyAt(run.id).value_or(Microseconds{-1}) >= pausing.at.boottime) return true;
  return !claims.hearsPauses(run.id) && !isInside(claims, run.id, now);
}

Microseconds nextLook(const AgentClaims& claims, const Pausing& pausing) {
  const Microseconds latest = latestOf(pausing);
  if (claims.hearsPauses(pausing.run)) return latest;
  return std::min(latest, claims.criticalUntil(pausing.run).value_or(latest));
}

}  // namespace ringfence::supervisor
