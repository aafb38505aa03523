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

void AgentClaims::safe(const RunId& run, std::optional<std::uint64_t> tokens, const Now& now) {
  runs_[run].safePoint = {now.boottime, tokens};
}

const SafePoint* AgentClaims::safePoint(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->safePoint ? &*claims->safePoint : nullptr;
}

Microseconds AgentClaims::begin(const RunId& run, Microseconds length, Microseconds grace, const Now& now) {
  Claims& claims = runs_[run];
  // Whatever it was granted, what it used counts.
  if (const Microseconds end = std::min(claims.until, now.boottime); end > claims.began) {
    claims.nextAt = end + kPauseFactor * (end - claims.began);
    claims.until = claims.began = end;
  }
  const Microseconds granted = now.boottime < claims.nextAt ? Microseconds{0} : std::min(length, grace);
  if (granted > Microseconds{0}) {
    claims.began = now.boottime;
    claims.until = now.boottime + granted;
  }
  return granted;
}

std::optional<Microseconds> AgentClaims::criticalUntil(const RunId& run) const {
  const Claims* claims = find(run);
  return claims != nullptr && claims->until > claims->began ? std::optional(claims->until) : std::nullopt;
}

}  // namespace ringfence::supervisor
