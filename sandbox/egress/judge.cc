#include "sandbox/egress/judge.h"

#include <algorithm>
#include <set>

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

bool isDefault(const policy::Verdict& verdict) { return verdict.rule.starts_with("network.default "); }

bool isGranted(const policy::Verdict& literal, Asked asked) {
  if (literal.decision == policy::Decision::kAsk) return asked == Asked::kAddress;
  return literal.decision == policy::Decision::kAllow;
}

policy::Verdict notNamed(const Destination& literal) {
  return refusal(
      "not granted",
      literal.host + " is an address of a private network, of this machine or of its cloud; a rule must name it");
}

}  // namespace

Judge::Judge(policy::Document document, policy::Places places) : judge_(std::move(document), std::move(places)) {}

policy::Verdict Judge::judge(const Destination& destination) const {
  return judge_.judge({policy::Operation::kConnect, destination.text(), {}});
}

Judgement Judge::connection(const Destination& wanted) const {
  Judgement judged;
  judged.verdict = judge(wanted);
  judged.decision = judged.verdict.decision;
  if (judged.decision != policy::Decision::kRewrite) return judged;
  auto other = parseAuthority(judged.verdict.replacement.host.value_or(""), wanted.port);
  if (other) {
    judged.instead = std::move(*other);
  } else {
    judged.decision = policy::Decision::kForbid;
    judged.verdict.why = "the rule rewrites to what is no host: " + other.error().message;
  }
  return judged;
}

Judgement Judge::replacement(const Destination& other) const {
  Judgement judged;
  judged.verdict = judge(other);
  judged.decision = isForbidRule(judged.verdict) ? policy::Decision::kForbid : policy::Decision::kAllow;
  return judged;
}

std::optional<policy::Verdict> Judge::refusalOf(const policy::Address& address, std::uint16_t port, Asked asked) const {
  const Destination literal{.host = address.text(), .address = address, .port = port};
  const auto verdict = judge(literal);
  if (isForbidRule(verdict)) return verdict;
  if (!address.isSpecial() || isGranted(verdict, asked)) return std::nullopt;
  return notNamed(literal);
}

// "*" and the like never match an address: what is no default names it.
std::optional<policy::Verdict> Judge::refusalOfOwn(const policy::Address& address, std::uint16_t port,
                                                   Asked asked) const {
  const Destination literal{.host = address.text(), .address = address, .port = port};
  const auto verdict = judge(literal);
  if (isForbidRule(verdict)) return verdict;
  if (!isDefault(verdict) && isGranted(verdict, asked)) return std::nullopt;
  return notNamed(literal);
}

bool Judge::mayAnswer(std::string_view name) const {
  std::set<std::uint16_t> ports{1, 80, 443};
  const auto addPorts = [&](const auto& rules) {
    for (const auto& rule : rules) {
      if (rule.port) ports.insert(*rule.port);
    }
  };
  addPorts(document().network.allow);
  addPorts(document().network.ask);
  addPorts(document().network.rewrite);
  for (const policy::Grant& grant : document().grants) {
    if (grant.operation != policy::Operation::kConnect) continue;
    if (const auto granted = parseAuthority(grant.target, std::nullopt)) ports.insert(granted->port);
  }
  return std::ranges::any_of(ports, [&](std::uint16_t port) {
    const auto wanted = parseDestination(name, port);
    return wanted && !wanted->address && connection(*wanted).decision != policy::Decision::kForbid;
  });
}

bool Judge::isLoopbackPort(std::uint16_t port) const {
  return std::ranges::find(document().network.loopback, port) != document().network.loopback.end();
}

}  // namespace ringfence::sandbox
