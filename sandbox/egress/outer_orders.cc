#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "sandbox/egress/outer.h"
#include "sandbox/egress/sockets.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {

void Outer::onGuard() {
  auto orders = link_.receive();
  if (!orders) return stop(std::move(orders).error());
  for (GuardOrder& order : *orders) std::visit([this](auto& one) { obey(std::move(one)); }, order);
}

void Outer::onInner() {
  for (;;) {
    auto packet = receivePacket(innerPair_.get(), kHalfMessageSize, MSG_DONTWAIT);
    if (!packet && packet.error().code == ErrorCode::kBusy) return;
    if (!packet) return stop(std::move(packet).error());
    if (packet->bytes.empty()) return stop({ErrorCode::kUnavailable, "the inner half is gone"});
    const auto message = decodeHalf(packet->bytes);
    if (!message) return stop(message.error());
    std::vector<UniqueFd>& fds = packet->fds;
    if (message->kind == HalfKind::kReady && fds.size() == kReadySockets && !proxyListener_) {
      proxyListener_ = std::move(fds[0]);
      redirectedListener_ = std::move(fds[1]);
      const int proxy = proxyListener_.get();
      const int redirected = redirectedListener_.get();
      auto watched =
          poller_.watch(proxy, 0, [this, proxy](std::uint32_t) { acceptFrom(proxy, Protocol::kConnect, 0); });
      if (watched)
        watched = poller_.watch(
            redirected, 0, [this, redirected](std::uint32_t) { acceptFrom(redirected, Protocol::kRedirected, 0); });
      if (watched) watched = names_.start(std::move(fds[2]), std::move(fds[3]));
      if (!watched) return stop(std::move(watched).error());
      if (judge_) names_.judgeBy(&*judge_);
      accepting_ = false;
    } else if (message->kind == HalfKind::kListening) {
      onListening(*message, std::move(fds));
    } else if (message->kind == HalfKind::kConnected) {
      onPublished(*message, std::move(fds));
    } else {
      return stop({ErrorCode::kInvalid, "the inner half said what it never says"});
    }
  }
}

void Outer::onListening(const HalfMessage& message, std::vector<UniqueFd> fds) {
  const std::uint16_t port = message.port;
  loopbackAsked_.erase(port);
  if (fds.size() != 1) return note("network.loopback", port, std::strerror(message.error));
  if (!judge_ || !judge_->isLoopbackPort(port)) return;
  const int fd = fds[0].get();
  if (!poller_.watch(fd, accepting_ ? EPOLLIN : 0U,
                     [this, fd, port](std::uint32_t) { acceptFrom(fd, Protocol::kLoopback, port); }))
    return;
  loopbackListeners_[port] = std::move(fds[0]);
}

void Outer::onPublished(const HalfMessage& message, std::vector<UniqueFd> fds) {
  const auto found = publishing_.find(message.id);
  if (found == publishing_.end()) return;
  Published published = std::move(found->second);
  publishing_.erase(found);
  if (fds.size() != 1) {
    resetOnClose(published.client.get());
    return;
  }
  const int fd = published.client.get();
  auto made = std::make_unique<Live>(Session(std::move(published.client), Session::Entry::kRaw, spooled_));
  if (hold_.isHeld()) made->session.hold();
  const std::uint64_t id = made->id = nextLive_++;
  made->protocol = Protocol::kPublished;
  made->client = peerText(fd);
  made->dial = {.host = "127.0.0.1", .address = policy::Address::parse("127.0.0.1"), .port = published.port};
  made->wanted.destination = made->dial;
  made->allowed = Allowed::kByRule;
  if (!poller_.watch(fd, 0, [this, id](std::uint32_t events) { onClientEvents(id, events); })) return;
  Live& live = *(lives_[id] = std::move(made));
  live.session.release();
  live.dialled = std::move(fds[0]);
  watchDialled(live);
}

// Rules without values come from a daemon that does not know them: what is here stays, each value with the very
// credential that it was given for, wherever that stands in the new document. A value never goes to another host.
void Outer::takeCredentials(GuardRules& rules) {
  const auto& wanted = rules.document.network.credentials;
  if (!rules.credentials.empty() || !judge_) {
    credentials_ = std::move(rules.credentials);
    return;
  }
  const auto& had = judge_->document().network.credentials;
  std::vector<CredentialValue> kept(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto same = static_cast<std::size_t>(std::ranges::find(had, wanted[i]) - had.begin());
    if (same < had.size() && same < credentials_.size()) kept[i] = credentials_[same];
  }
  credentials_ = std::move(kept);
}

void Outer::obey(GuardRules rules) {
  if (!judge_) {
    traffic_.continueFrom(rules.traffic);
    budget_.sent = traffic_.sentAway();
  }
  takeCredentials(rules);
  judge_.emplace(std::move(rules.document), std::move(rules.places));
  generation_ = rules.generation;
  const auto& limit = judge_->document().network.sendLimit;
  budget_.most = limit ? std::optional<std::uint64_t>(limit->count) : std::nullopt;
  if (proxyListener_) names_.judgeBy(&*judge_);
  updatePorts();
  const std::uint32_t cut = rejudge();
  link_.tell(RulesInForce{.generation = generation_, .cut = cut});
  pauseOrResume();
}

void Outer::obey(const Answer& answer) {
  const auto found = questions_.find(answer.ask);
  if (found == questions_.end()) return;
  const Question question = std::move(found->second);
  questions_.erase(found);
  link_.answered(answer.ask);
  bool first = true;
  for (const std::uint64_t id : question.sessions) {
    const auto live = lives_.find(id);
    if (live == lives_.end() || live->second->ask != answer.ask) continue;
    live->second->ask = 0;
    live->second->answered = std::exchange(first, false) ? answer.ask : 0;
    obeyAnswer(*live->second, answer);
    updateEvents(*live->second);
  }
}

void Outer::obeyAnswer(Live& live, const Answer& answer) {
  const Judgement judged = judge_->connection(live.wanted.destination);
  const GuardRule rule = ruleOf(judged.verdict);
  switch (answer.outcome) {
    case Outcome::kAllowed: return allow(live, Allowed::kByPerson, rule, std::nullopt);
    case Outcome::kDenied: return deny(live, DenialOutcome::kDenied, rule, answer.say);
    case Outcome::kExpired: return deny(live, DenialOutcome::kExpired, rule, answer.say);
    case Outcome::kStopped: return deny(live, DenialOutcome::kStopped, rule, answer.say);
    case Outcome::kRewritten: break;
  }
  const auto other = answer.rewrite.host ? parseAuthority(*answer.rewrite.host, live.wanted.destination.port)
                                         : Result<Destination>(Error{ErrorCode::kInvalid, "no host was said"});
  if (!other) return deny(live, DenialOutcome::kDenied, rule, "rewritten to what is no host: " + other.error().message);
  const Judgement replaced = judge_->replacement(*other);
  if (replaced.decision == policy::Decision::kForbid)
    return deny(live, DenialOutcome::kForbidden, ruleOf(replaced.verdict), replaced.verdict.why);
  allow(live, Allowed::kByPerson, rule, *other);
}

void Outer::obey(const Recorded& recorded) {
  link_.recorded(recorded.ticket);
  const auto found =
      std::ranges::find_if(lives_, [&](const auto& entry) { return entry.second->ticket == recorded.ticket; });
  if (found == lives_.end()) return denials_.acknowledged();
  Live& live = *found->second;
  live.ticket = 0;
  if (live.denied) {
    denials_.acknowledged();
    if (live.session.state() == Session::State::kWaiting) refuseNow(live);
  } else {
    live.session.release();
    advance(live);
  }
  updateEvents(live);
}

void Outer::obey(const Repeat&) {
  link_.repeat();
  activity_.repeat();
  traffic_.noteChange();  // All of it: what was told last is recorded a minute later, and may be lost.
}

bool Outer::isStillAllowed(Live& live) {
  const auto& network = judge_->document().network;
  const std::uint16_t port = live.wanted.destination.port;
  if (live.protocol == Protocol::kLoopback) return judge_->isLoopbackPort(port);
  if (live.protocol == Protocol::kPublished) return std::ranges::find(network.publish, port) != network.publish.end();
  if (isLocal(live)) return true;
  if (live.protocol == Protocol::kCredential &&
      (live.wanted.credential >= network.credentials.size() ||
       network.credentials[live.wanted.credential].host != live.wanted.destination.host))
    return false;
  if (refusalOfDialled(live)) return false;
  const Judgement judged = judge_->connection(live.wanted.destination);
  switch (judged.decision) {
    case policy::Decision::kForbid: return false;
    case policy::Decision::kAsk: return live.allowed == Allowed::kByPerson;
    case policy::Decision::kAllow: {
      if (live.dial != live.wanted.destination && live.allowed == Allowed::kByPerson) return true;
      live.allowed = Allowed::kByRule;  // A grant that is revoked later ends it.
      return live.dial == live.wanted.destination;
    }
    case policy::Decision::kRewrite:
      return judged.instead == live.dial ||
             (live.allowed == Allowed::kByPerson && live.dial != live.wanted.destination);
  }
  return false;
}

// How many connections ended because of the new rules.
std::uint32_t Outer::rejudge() {
  std::uint32_t cut = 0;
  for (auto& [id, entry] : lives_) {
    Live& live = *entry;
    if (live.session.state() == Session::State::kOver || live.session.state() == Session::State::kRefusing) continue;
    if (live.ask != 0) {
      // What is still to be asked is still the same question.
      if (judge_->connection(live.wanted.destination).decision == policy::Decision::kAsk) continue;
      leaveQuestion(live, "the rules have changed");
      decide(live);
    } else if (live.allowed != Allowed::kNot && !live.denied && !isStillAllowed(live)) {
      ++cut;
      GuardRule rule = ruleOf(judge_->connection(live.wanted.destination).verdict);
      rule.why = "cut: the policy does not allow it any more";
      denyInside(live, rule);
    }
    updateEvents(live);
  }
  return cut;
}

void Outer::updatePorts() {
  const auto& network = judge_->document().network;
  const auto drop = [this](auto& listeners, const auto& wanted) {
    for (auto at = listeners.begin(); at != listeners.end();) {
      if (std::ranges::find(wanted, at->first) != wanted.end()) {
        ++at;
        continue;
      }
      poller_.forget(at->second.get());
      at = listeners.erase(at);
    }
  };
  drop(loopbackListeners_, network.loopback);
  drop(publishListeners_, network.publish);
  for (const std::uint16_t port : network.loopback) {
    if (loopbackListeners_.contains(port) || !loopbackAsked_.insert(port).second) continue;
    const auto sent = sendPacket(innerPair_.get(), encodeHalf({.kind = HalfKind::kListen, .port = port}));
    if (!sent) note("network.loopback", port, sent.error().message);
  }
  for (const std::uint16_t port : network.publish) {
    if (publishListeners_.contains(port)) continue;
    auto listener = bindLoopback(Transport::kStream, port);
    if (!listener) {
      note("network.publish", port, listener.error().message);
      continue;
    }
    const int fd = listener->get();
    if (poller_.watch(fd, accepting_ ? EPOLLIN : 0U,
                      [this, fd, port](std::uint32_t) { acceptFrom(fd, Protocol::kPublished, port); }))
      publishListeners_[port] = std::move(*listener);
  }
}

// The run goes on without this port; whoever looks at the log sees why.
void Outer::note(const char* key, std::uint16_t port, const std::string& why) {
  Record record{.ticket = 0, .kind = RecordKind::kDenied};
  record.action.action = {policy::Operation::kConnect, "127.0.0.1:" + std::to_string(port), {}};
  record.action.what = key == std::string_view("network.publish") ? "publish" : "loopback";
  record.rule = {.text = std::string(key) + " " + std::to_string(port), .origin = {}, .why = why};
  link_.tell(std::move(record));
}

}  // namespace ringfence::sandbox
