#include "sandbox/egress/judge.h"

#include <algorithm>
#include <set>

#include "policy/match.h"

namespace ringfence::sandbox {
namespace {

// evaluate() names the list that a rule is in.
bool isForbidRule(const policy::Verdict& verdict) { return verdict.rule.starts_with("network.forbid "); }

policy::Verdict refusal(std::string rule, std::string why, policy::Origin origin = {}) {
  return {.decision = policy::Decision::kForbid,
          .origin = std::move(origin),
          .rule = std::move(rule),
          .why = std::move(why)};
}

}  // namespace

Judge::Judge(policy::Document document, policy::Places places)
    : document_(std::move(document)), places_(std::move(places)) {}

const policy::HostRewrite* Judge::rewriteOf(const Destination& wanted) const {
  const policy::Endpoint endpoint{.host = wanted.host, .address = wanted.address, .port = wanted.port};
  for (const policy::HostRewrite& rewrite : document_.network.rewrite) {
    policy::HostRule rule;
    rule.host = rewrite.host;
    rule.port = rewrite.port;
    if (policy::matchesHost(rule, endpoint)) return &rewrite;
  }
  return nullptr;
}

Judgement Judge::connection(const Destination& wanted) const {
  Judgement judged;
  judged.verdict = policy::evaluate(document_, places_, {policy::Operation::kConnect, wanted.text(), {}});
  judged.decision = judged.verdict.decision;
  if (judged.decision != policy::Decision::kRewrite) return judged;
  const policy::HostRewrite* rewrite = rewriteOf(wanted);
  auto other = rewrite != nullptr ? parseAuthority(rewrite->to, wanted.port)
                                  : Result<Destination>(Error{ErrorCode::kInvalid, "no rule says where to"});
  if (!other) {
    judged.decision = policy::Decision::kForbid;
    judged.verdict.why = "the rule rewrites to what is no host: " + other.error().message;
    return judged;
  }
  const Judgement replaced = replacement(*other);
  if (replaced.decision == policy::Decision::kForbid) return replaced;
  judged.instead = std::move(*other);
  return judged;
}

Judgement Judge::replacement(const Destination& other) const {
  Judgement judged;
  judged.verdict = policy::evaluate(document_, places_, {policy::Operation::kConnect, other.text(), {}});
  judged.decision = isForbidRule(judged.verdict) ? policy::Decision::kForbid : policy::Decision::kAllow;
  return judged;
}

std::optional<policy::Verdict> Judge::refusalOf(const policy::Address& address, std::uint16_t port) const {
  const Destination literal{.host = address.text(), .address = address, .port = port};
  const auto verdict = policy::evaluate(document_, places_, {policy::Operation::kConnect, literal.text(), {}});
  if (isForbidRule(verdict)) return verdict;
  if (!address.isSpecial() || verdict.decision == policy::Decision::kAllow) return std::nullopt;
  for (const policy::HostRewrite& rewrite : document_.network.rewrite) {
    const auto to = parseAuthority(rewrite.to, port);
    if (to && to->address == address && to->port == port) return std::nullopt;
  }
  return refusal(
      "not granted",
      literal.host + " is an address of a private network, of this machine or of its cloud; " + "a rule must name it");
}

bool Judge::mayAnswer(std::string_view name) const {
  std::set<std::uint16_t> ports{1, 80, 443};
  const auto addPorts = [&](const auto& rules) {
    for (const auto& rule : rules) {
      if (rule.port) ports.insert(*rule.port);
    }
  };
  addPorts(document_.network.allow);
  addPorts(document_.network.ask);
  addPorts(document_.network.rewrite);
  for (const policy::Grant& grant : document_.grants) {
    if (grant.operation != policy::Operation::kConnect) continue;
    if (const auto granted = parseAuthority(grant.target, std::nullopt)) ports.insert(granted->port);
  }
  return std::ranges::any_of(ports, [&](std::uint16_t port) {
    const auto wanted = parseDestination(name, port);
    return wanted && !wanted->address && connection(*wanted).decision != policy::Decision::kForbid;
  });
}

bool Judge::isLoopbackPort(std::uint16_t port) const {
  return std::ranges::find(document_.network.loopback, port) != document_.network.loopback.end();
}

}  // namespace ringfence::sandbox
