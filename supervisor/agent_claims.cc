#include "supervisor/agent_claims.h"

#include <algorithm>
#include <utility>

namespace ringfence::supervisor {
namespace {

constexpr int kPauseFactor = 10;

}  // namespace

const AgentClaims::Claims* AgentClaims::find(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second;
}

void AgentClaims::say(const RunId& run, std::string text, const Now& now) {
  Claims& claims = runs_[run];
  if (text.empty())
    claims.words.reset();
  else
    claims.words = {std::move(text), now.wall};
}

const AgentWords* AgentClaims::words(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->words ? &*claims->words : nullptr;
}

void AgentClaims::hear(const RunId& run, std::string event, const Now& now) {
  runs_[run].hookWord = {now, std::move(event)};
}

const HookWord* AgentClaims::hookWord(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->hookWord ? &*claims->hookWord : nullptr;
}

void AgentClaims::safe(const RunId& run, SafePoint point, Microseconds began) {
  Claims& claims = runs_[run];
  const SafePoint before = claims.safePoint.value_or(SafePoint{.at = began});
  point.redo = std::clamp(point.redo, Microseconds{0}, std::max(before.redo + point.at - before.at, Microseconds{0}));
  claims.safePoint = point;
  claims.readyAt = point.at;
}

const SafePoint* AgentClaims::safePoint(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->safePoint ? &*claims->safePoint : nullptr;
}

Microseconds AgentClaims::begin(const RunId& run, const CriticalSection& section, Microseconds grace, const Now& now) {
  Claims& claims = runs_[run];
  // Whatever it was granted, what it used counts.
  if (claims.until > claims.began) {
    const Microseconds end = std::min(claims.until, now.boottime);
    claims.nextAt = end + kPauseFactor * (end - claims.began);
    claims.until = claims.began = end;
  }
  Microseconds granted = now.boottime < claims.nextAt ? Microseconds{0} : std::min(section.length, grace);
  for (const auto& [by, until] : claims.announced)
    granted = std::min(granted, std::max(until - now.boottime, Microseconds{0}));
  if (granted > Microseconds{0}) {
    claims.began = now.boottime;
    claims.until = now.boottime + granted;
    claims.redo = section.redo;
  }
  return granted;
}

std::optional<Microseconds> AgentClaims::criticalUntil(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->until > claims->began ? std::optional(claims->until) : std::nullopt;
}

std::optional<Microseconds> AgentClaims::criticalRedo(const RunId& run) const {
  return criticalUntil(run) ? find(run)->redo : std::nullopt;
}

void AgentClaims::hearPauses(const RunId& run, std::size_t listeners) {
  if (listeners > 0 || find(run) != nullptr) runs_[run].listeners = listeners;
}

bool AgentClaims::hearsPauses(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->listeners > 0;
}

void AgentClaims::announced(const RunId& run, Announcer by, std::optional<Microseconds> until) {
  if (until)
    runs_[run].announced.insert_or_assign(by, *until);
  else if (const auto found = runs_.find(run); found != runs_.end())
    found->second.announced.erase(by);
}

bool AgentClaims::isAnnounced(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && !claims->announced.empty();
}

bool AgentClaims::isAnnounced(const RunId& run, Announcer by) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->announced.contains(by);
}

void AgentClaims::ready(const RunId& run, const Now& now) { runs_[run].readyAt = now.boottime; }

std::optional<Microseconds> AgentClaims::readyAt(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr ? claims->readyAt : std::nullopt;
}

}  // namespace ringfence::supervisor
