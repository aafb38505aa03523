// What guards say and what people answer, as commands. Part of supervisor/core/command.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/wire/guard.h"
#include "sdk/base/run_id.h"
#include "supervisor/core/action_facts.h"
#include "supervisor/core/peer.h"

namespace ringfence::supervisor {

// Which guard. It can be hijacked by the agent behind it: it is believed about its own run alone.
struct GuardName {
  RunId run;
  sandbox::GuardKind kind = sandbox::GuardKind::kWarden;
  auto operator<=>(const GuardName&) const = default;
};

struct AskRaised {
  GuardName guard;
  sandbox::Ask ask;
  std::string policyHash;
};
// Asks of one guard that whyRefused (supervisor/core/cards.h) gave a reason for, some together.
struct AsksOverflowed {
  GuardName guard;
  std::vector<sandbox::Ask> asks;
};
struct AskWithdrawn {
  GuardName guard;
  sandbox::Withdraw withdraw;
};
struct AskPerformed {
  GuardName guard;
  sandbox::Performed performed;
};
struct RecordTold {
  GuardName guard;
  sandbox::Record record;
  std::string policyHash;
};
// `upTo`: byte of the ring up to which these are all.
struct ActionsDrained {
  GuardName guard;
  std::vector<AllowedCount> actions;
  std::uint64_t upTo = 0;
  std::string policyHash;
};
struct GuardGreeted {
  GuardName guard;
  std::int32_t pid = 0;
  bool restarted = false;
};
struct GuardFailed {
  GuardName guard;
  std::string reason;
};
struct RulesTaken {
  GuardName guard;
  sandbox::RulesInForce rules;
  std::string policyHash;
};
struct RecordsOmitted {
  GuardName guard;
  std::uint64_t count = 0;
};
struct HoldTold {
  RunId run;
  sandbox::HoldReport report;
};
struct TrafficTold {
  RunId run;
  std::vector<sandbox::HostTraffic> hosts;
};

enum class CardVerdict { kAllow, kDeny, kRewrite };
// `id`: any question of the card. `digest`: of the card as the person saw it; empty: as it is now.
struct AnswerCard {
  Peer peer;
  std::uint64_t id = 0;
  std::string digest;
  CardVerdict verdict = CardVerdict::kDeny;
  GrantScope scope = GrantScope::kOnce;
  std::optional<std::chrono::seconds> duration;
  std::string say;
  sandbox::Rewrite rewrite;
};
struct RevokeGrant {
  Peer peer;
  std::uint64_t id = 0;
};
// Looks for what time has ended: questions and grants.
struct TimePassed {};

}  // namespace ringfence::supervisor
