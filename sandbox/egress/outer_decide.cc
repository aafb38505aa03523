#include <algorithm>
#include <cerrno>

#include "sandbox/egress/outer.h"
#include "sandbox/kernel/redirect.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMostQuestions = 64;
constexpr std::int64_t kAcknowledgeMs = 2'000;  // then a denial goes out unacknowledged: it lets nothing through
constexpr std::int64_t kRefusalMs = 3'000;
constexpr std::int64_t kOpenMs = 60'000;  // to resolve, dial, and have the record on disk
constexpr std::size_t kMostHost = 300;

bool speaksHttp(Protocol protocol) {
  return protocol == Protocol::kConnect || protocol == Protocol::kForward || protocol == Protocol::kCredential;
}

GuardRule builtIn(std::string text, std::string why) {
  return {.text = std::move(text), .origin = {}, .why = std::move(why)};
}

std::string dotted(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

}  // namespace

GuardedAction Outer::actionOf(const Live& live) const {
  GuardedAction action;
  action.action = {policy::Operation::kConnect, live.wanted.destination.text(), {}};
  action.what = protocolName(live.protocol);
  // Who is behind it, for whoever can see the run's processes: the ends of its connection inside.
  if (!live.client.empty()) action.object = "tcp " + live.client + (live.called.empty() ? "" : " to " + live.called);
  action.reversible = isLocal(live) ? Reversibility::kIrreversible : Reversibility::kLeavesDevice;
  return action;
}

// To a port of this machine that the policy brings inside, or from one that it shows outside.
bool Outer::isLocal(const Live& live) const {
  if (live.protocol == Protocol::kLoopback || live.protocol == Protocol::kPublished) return true;
  const Destination& wanted = live.wanted.destination;
  return (wanted.host == "127.0.0.1" || wanted.host == "localhost") && judge_ && judge_->isLoopbackPort(wanted.port) &&
         live.protocol != Protocol::kRedirected && live.protocol != Protocol::kCredential;
}

// Whether it was allowed as a connection to this very address.
Asked Outer::askedOf(const Live& live, const policy::Address& address) {
  return live.allowed == Allowed::kByPerson && live.dial.address == address ? Asked::kAddress : Asked::kNot;
}

std::optional<policy::Verdict> Outer::refusalOfDialled(const Live& live) const {
  if (live.nextAddress == 0 || isLocal(live)) return std::nullopt;
  const policy::Address& address = live.addresses[live.nextAddress - 1];
  const Asked asked = askedOf(live, address);
  return live.ownAddress ? judge_->refusalOfOwn(address, live.dial.port, asked)
                         : judge_->refusalOf(address, live.dial.port, asked);
}

void Outer::wantRedirected(Live& live) {
  const auto original = originalDestination(live.session.clientFd());
  if (!original) return refuse(live, {});
  std::string host = dotted(original->address);
  live.called = host + ":" + std::to_string(original->port);
  if (NameTable::isSynthetic(original->address)) {
    const std::string* name = names_.names().nameOf(original->address);
    if (name != nullptr) host = *name;
  }
  auto destination = parseDestination(host, original->port);
  if (!destination) return refuse(live, {});
  live.wanted.destination = std::move(*destination);
  decide(live);
}

void Outer::wantLoopback(Live& live, std::uint16_t port) {
  live.wanted.destination = {.host = "127.0.0.1", .address = policy::Address::parse("127.0.0.1"), .port = port};
  decide(live);
}

void Outer::want(Live& live) {
  if (live.protocol == Protocol::kCredential) {
    const auto& credentials = judge_->document().network.credentials;
    const std::size_t index = live.wanted.credential;
    if (index >= credentials.size() || index >= credentials_.size() || credentials_[index].value.empty())
      return fail(live, "there is no credential number " + std::to_string(index), SocksReply::kFailure);
    auto destination = parseDestination(credentials[index].host, credentials[index].port);
    if (!destination) return fail(live, destination.error().message, SocksReply::kFailure);
    live.wanted.destination = std::move(*destination);
  }
  decide(live);
}

void Outer::decide(Live& live) {
  const Destination& wanted = live.wanted.destination;
  if (isLocal(live)) {
    if (isDeferred(live)) return;
    return allow(live, Allowed::kByRule, builtIn("network.loopback " + std::to_string(wanted.port), ""), std::nullopt);
  }
  if (budget_.left() == 0)
    return deny(live, DenialOutcome::kForbidden, sendLimitRule(), "network.send_limit is reached");
  Judgement judged = judge_->connection(wanted);
  switch (judged.decision) {
    case policy::Decision::kAllow:
      if (isDeferred(live)) return;
      return allow(live, Allowed::kByRule, ruleOf(judged.verdict), std::nullopt);
    case policy::Decision::kAsk: return ask(live, judged.verdict);
    case policy::Decision::kRewrite:
      if (live.protocol != Protocol::kCredential && isDeferred(live)) return;
      if (live.protocol != Protocol::kCredential)
        return allow(live, Allowed::kByRule, ruleOf(judged.verdict), judged.instead);
      judged.verdict.why = "a credential goes to no other host";
      break;
    case policy::Decision::kForbid: break;
  }
  deny(live, DenialOutcome::kForbidden, ruleOf(judged.verdict), judged.verdict.why);
}

void Outer::ask(Live& live, const policy::Verdict& verdict) {
  const std::string key = live.wanted.destination.text();
  live.deadlineMs = 0;  // As long as the question lives.
  for (auto& [number, question] : questions_) {
    if (question.key != key) continue;
    question.sessions.insert(live.id);
    live.ask = number;
    return;
  }
  if (questions_.size() >= kMostQuestions)
    return deny(live, DenialOutcome::kDenied, ruleOf(verdict), "too many questions of this run wait for an answer");
  live.ask = link_.ask(actionOf(live), ruleOf(verdict));
  questions_[live.ask] = {key, {live.id}};
}

void Outer::leaveQuestion(Live& live, const char* why) {
  const std::uint64_t number = std::exchange(live.ask, 0);
  const auto found = questions_.find(number);
  if (number == 0 || found == questions_.end()) return;
  found->second.sessions.erase(live.id);
  if (!found->second.sessions.empty()) return;
  questions_.erase(found);
  link_.withdraw(number, why);
}

GuardRule Outer::sendLimitRule() {
  return builtIn("network.send_limit", "all that this run may send out of the device is sent");
}

// In the middle of a connection there are no words for the client: it is reset.
void Outer::denyInside(Live& live, const GuardRule& rule) {
  const GuardedAction action = actionOf(live);
  const Denial denial{
      .target = action.action.target, .outcome = DenialOutcome::kForbidden, .rule = rule, .say = rule.why};
  (void)denials_.add(action, denial, nowMs());
  refuse(live, {});
}

// Its client is reset. It is told apart from what a rule denies by the rule that it names.
void Outer::dropStalled(Live& live) {
  const bool connected = live.session.state() == Session::State::kStreaming;
  const std::string why =
      "all " + std::to_string(kMaxConnections) + " connections that a run may have are in use, and this one " +
      (connected ? "had carried nothing" : "was not connected yet") + ": it was dropped for the next one";
  GuardedAction action = actionOf(live);
  if (live.wanted.destination.host.empty()) action.action.target = "(not said yet)";
  reportPerformed(live, ECONNABORTED, why);
  const Denial denial{.target = action.action.target,
                      .outcome = DenialOutcome::kDenied,
                      .rule = builtIn("connections of a run", why),
                      .say = why};
  (void)denials_.add(action, denial, nowMs());
  refuse(live, {});
  ++dropped_;
}

void Outer::deny(Live& live, DenialOutcome outcome, GuardRule rule, std::string say) {
  const GuardedAction action = actionOf(live);
  reportPerformed(live, EACCES, say);
  const Denial denial{
      .target = action.action.target, .outcome = outcome, .rule = std::move(rule), .say = std::move(say)};
  live.refusal.clear();
  if (speaksHttp(live.protocol))
    live.refusal = httpReply("403 Forbidden", "application/json", denialJson(denial) + "\n");
  else if (live.protocol == Protocol::kSocks)
    live.refusal = socksReply(SocksReply::kNotAllowed);
  refuseRecorded(live, action, denial);
}

// Tells the client once the denial is in the log.
void Outer::refuseRecorded(Live& live, const GuardedAction& action, const Denial& denial) {
  live.denied = true;
  const auto ticket = denials_.add(action, denial, nowMs());
  if (!ticket) return refuseNow(live);
  live.ticket = *ticket;
  live.deadlineMs = nowMs() + kAcknowledgeMs;
}

// It closes the connection outwards, whose number may be that of another one's socket a moment later.
void Outer::refuse(Live& live, const std::string& reply) {
  if (live.watchedUpstream >= 0) poller_.forget(std::exchange(live.watchedUpstream, -1));
  live.session.refuse(reply);
}

void Outer::refuseNow(Live& live) {
  refuse(live, live.refusal);
  live.deadlineMs = nowMs() + kRefusalMs;
}

void Outer::fail(Live& live, const std::string& why, SocksReply reply) {
  reportPerformed(live, EHOSTUNREACH, why);
  live.refusal.clear();
  if (speaksHttp(live.protocol))
    live.refusal = httpReply("502 Bad Gateway", "text/plain", escapeForDisplay(why) + "\n");
  else if (live.protocol == Protocol::kSocks)
    live.refusal = socksReply(reply);
  refuseNow(live);
}

// What the client said is no request, or names what is no host.
void Outer::onRefused(Live& live, const Refused& refused) {
  live.refusal = refused.reply;
  if (refused.host.empty()) return refuseNow(live);
  GuardedAction action = actionOf(live);
  action.action.target = refused.host.substr(0, kMostHost);
  const Denial denial{.target = action.action.target,
                      .outcome = DenialOutcome::kForbidden,
                      .rule = builtIn("not granted", refused.why),
                      .say = refused.why};
  if (refused.kind == Refused::Kind::kOddHost)
    live.refusal = httpReply("403 Forbidden", "application/json", denialJson(denial) + "\n");
  refuseRecorded(live, action, denial);
}

void Outer::allow(Live& live, Allowed how, const GuardRule& rule, const std::optional<Destination>& instead) {
  live.allowed = how;
  live.dial = instead ? *instead : live.wanted.destination;
  live.deadlineMs = nowMs() + kOpenMs;
  // Of what is not opened there is no record that it was.
  if (live.dial.address && !isLocal(live)) {
    const auto refused = judge_->refusalOf(*live.dial.address, live.dial.port, askedOf(live, *live.dial.address));
    if (refused) return refuseAddress(live, *refused);
  }
  if (isLocal(live)) {
    live.localRule = rule.text;
    recordLocal(live);
  } else {
    Record record{.ticket = 0, .kind = instead ? RecordKind::kRewritten : RecordKind::kLeavesDevice};
    record.action = actionOf(live);
    record.rule = rule;
    if (instead) record.rewrite.host = instead->text();
    live.ticket = link_.record(std::move(record));
  }
  resolve(live);
}

}  // namespace ringfence::sandbox
