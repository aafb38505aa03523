#include "supervisor/freeze_moment.h"

#include <algorithm>

namespace ringfence::supervisor {

std::optional<FreezeMoment> putOff(const AgentClaims& claims, const Run& run, Microseconds now) {
  const std::optional<RunBounds> bounds = termsOf(run).bounds;
  const std::chrono::seconds grace(bounds ? bounds->preemptGraceSec.value_or(0) : 0);
  const bool isInside = claims.criticalUntil(run.id).value_or(Microseconds{0}) > now;
  if (grace.count() == 0 || !std::holds_alternative<Running>(run.life) || (!isInside && !claims.hearsPauses(run.id)))
    return std::nullopt;
  return FreezeMoment{now, now + grace};
}

bool isDue(const AgentClaims& claims, const Run* run, const FreezeMoment& moment, Microseconds now) {
  if (run == nullptr || !std::holds_alternative<Running>(run->life) || now >= moment.until) return true;
  if (claims.readyAt(run->id).value_or(Microseconds{-1}) >= moment.asked) return true;
  return !claims.hearsPauses(run->id) && claims.criticalUntil(run->id).value_or(Microseconds{0}) <= now;
}

Microseconds nextLook(const AgentClaims& claims, const RunId& run, const FreezeMoment& moment) {
  if (claims.hearsPauses(run)) return moment.until;
  return std::min(moment.until, claims.criticalUntil(run).value_or(moment.until));
}

}  // namespace ringfence::supervisor
