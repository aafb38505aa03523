#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sandbox/egress/outer.h"
#include "sandbox/egress/sockets.h"
#include "sdk/base/clock.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMostAddresses = 4;
constexpr std::int64_t kIdleMs = 2 * 3600 * 1000;

// As a Host field says it: the port only where it is not the usual one.
std::string authority(const Destination& destination, std::uint16_t usualPort) {
  const std::string text = destination.text();
  return destination.port == usualPort ? text.substr(0, text.rfind(':')) : text;
}

}  // namespace

void Outer::resolve(Live& live) {
  if (isLocal(live)) {
    live.addresses = {*policy::Address::parse("127.0.0.1")};
    return dialNext(live);
  }
  if (live.dial.address) return onResolved(live.id, std::vector<policy::Address>{*live.dial.address});
  resolver_.ask(live.id, live.dial.host, nowMs());
}

// The address that passed here is the one that is dialled, by number: no second answer of a name server can change it.
void Outer::onResolved(std::uint64_t id, Result<std::vector<policy::Address>> addresses) {
  const auto found = lives_.find(id);
  if (found == lives_.end() || found->second->session.state() != Session::State::kWaiting || found->second->denied)
    return;
  Live& live = *found->second;
  if (!addresses) {
    fail(live, addresses.error().message, SocksReply::kHostUnreachable);
    return updateEvents(live);
  }
  std::optional<policy::Verdict> refused;
  for (const policy::Address& address : *addresses) {
    auto refusal = judge_->refusalOf(address, live.dial.port, askedOf(live, address));
    if (!refusal && live.addresses.size() < kMostAddresses) live.addresses.push_back(address);
    if (refusal && !refused) refused = std::move(refusal);
  }
  if (live.addresses.empty() && refused)
    refuseAddress(live, *refused);
  else
    dialNext(live);
  updateEvents(live);
}

void Outer::refuseAddress(Live& live, const policy::Verdict& refused) {
  deny(live, DenialOutcome::kForbidden, ruleOf(refused),
       live.dial.host + " is at an address that is refused: " + refused.why);
}

void Outer::dialNext(Live& live) {
  std::string why = "it has no address";
  while (live.nextAddress < live.addresses.size()) {
    auto socket = beginConnect(Transport::kStream, live.addresses[live.nextAddress++], live.dial.port);
    if (!socket) {
      why = socket.error().message;
      continue;
    }
    live.dialled = std::move(*socket);
    return watchDialled(live);
  }
  fail(live, live.dial.text() + ": " + (live.dialError != 0 ? std::strerror(live.dialError) : why),
       live.dialError == ECONNREFUSED ? SocksReply::kRefused : SocksReply::kHostUnreachable);
}

void Outer::watchDialled(Live& live) {
  const int fd = live.dialled.get();
  const std::uint64_t id = live.id;
  if (!poller_.watch(fd, EPOLLOUT, [this, id](std::uint32_t) { onDialled(id); }))
    return fail(live, "too many connections", SocksReply::kFailure);
  live.watchedUpstream = fd;
}

void Outer::onDialled(std::uint64_t id) {
  const auto found = lives_.find(id);
  if (found == lives_.end()) return;
  Live& live = *found->second;
  poller_.forget(std::exchange(live.watchedUpstream, -1));
  if (live.session.state() != Session::State::kWaiting || live.denied) return;
  live.dialError = takeError(live.dialled.get());
  // Which addresses are this machine's is known to its routes, and they choose this end of a connection.
  live.ownAddress = live.dialError == 0 && isToOwnAddress(live.dialled.get());
  const auto refused = live.ownAddress ? refusalOfDialled(live) : std::nullopt;
  if (refused) {
    live.dialled.reset();
    refuseAddress(live, *refused);
  } else if (live.dialError == 0) {
    startStreaming(live);
  } else {
    dialNext(live);
  }
  updateEvents(live);
}

Result<Session::Opening> Outer::openingOf(Live& live) {
  Session::Opening opening;
  opening.traffic = &traffic_.of(live.dial);
  if (!isLocal(live)) opening.budget = &budget_;
  // Of what others ask the run the answers are its own.
  if (live.protocol != Protocol::kPublished) opening.answers = &answers_;
  const Wanted& wanted = live.wanted;
  switch (live.protocol) {
    case Protocol::kConnect: opening.toClient = "HTTP/1.1 200 Connection established\r\n\r\n"; break;
    case Protocol::kSocks: opening.toClient = socksReply(SocksReply::kSucceeded); break;
    case Protocol::kForward:
      opening.toUpstream = RF_TRY(forwardedHead(
          wanted.head,
          {.target = wanted.origin, .host = authority(live.dial, 80), .set = {}, .upgrade = wanted.upgrade}));
      opening.oneRequest = wanted.framing;
      opening.upgrade = wanted.upgrade;
      return opening;
    case Protocol::kCredential: {
      const auto& all = judge_->document().network.credentials;
      // The rules may have changed while somebody was asked: a value goes to its own host and nowhere else.
      const auto own = wanted.credential < std::min(all.size(), credentials_.size())
                           ? parseDestination(all[wanted.credential].host, all[wanted.credential].port)
                           : Result<Destination>(Error{ErrorCode::kNotFound, "there is no such credential any more"});
      if (!own || *own != live.dial) return Error{ErrorCode::kDenied, "the credential is for another host now"};
      const policy::Credential& credential = all[wanted.credential];
      HttpField field{.name = credential.header, .value = credential.prefix + credentials_[wanted.credential].value};
      std::ranges::transform(field.name, field.name.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
      if (field.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        return Error{ErrorCode::kInvalid, "the value of the credential has a line break in it"};
      // What a model's answer states can be counted only where it comes as it is.
      HttpField plain{.name = "accept-encoding", .value = "identity"};
      opening.toUpstream = RF_TRY(forwardedHead(
          wanted.head,
          {.target = wanted.origin, .host = authority(live.dial, 443), .set = {std::move(field), std::move(plain)}}));
      opening.oneRequest = wanted.framing;
      return opening;
    }
    case Protocol::kRedirected: break;
    case Protocol::kLoopback:
    case Protocol::kPublished: return opening;
  }
  if (!isLocal(live)) opening.gate = Gate{.judged = wanted.destination, .host = authority(live.dial, 80)};
  return opening;
}

void Outer::startStreaming(Live& live) {
  auto opening = openingOf(live);
  if (!opening) return fail(live, opening.error().message, SocksReply::kFailure);
  const int fd = live.dialled.get();
  std::unique_ptr<TlsSession> tls;
  if (live.protocol == Protocol::kCredential) {
    auto begun = tls_.begin(fd, live.dial);
    if (!begun) return fail(live, begun.error().message, SocksReply::kFailure);
    tls = std::move(*begun);
  }
  const std::uint64_t id = live.id;
  if (!poller_.watch(fd, EPOLLIN, [this, id](std::uint32_t events) { onUpstreamEvents(id, events); }))
    return fail(live, "too many connections", SocksReply::kFailure);
  live.watchedUpstream = fd;
  reportPerformed(live, 0, "connected to " + live.dial.text());
  ++opening->traffic->connections;
  live.counted = true;
  live.sinceMs = nowMs();
  live.deadlineMs = live.sinceMs + kIdleMs;
  live.session.open(Stream(std::move(live.dialled), std::move(tls)), std::move(*opening));
  advance(live);
}

// For what leaves no device: written down before its effect, on disk soon after.
void Outer::recordLocal(Live& live) {
  AllowedAction allowed{.action = actionOf(live), .rule = live.localRule, .boottime = SystemClock().now().boottime};
  const auto put = ring_.put(encodeEntry(allowed));
  live.retryRing = put == ActionRing::Put::kFull;
  if (live.retryRing) return;
  if (put == ActionRing::Put::kFirst) link_.tell(ActionsWaiting{});
  live.session.release();
  if (live.session.state() == Session::State::kStreaming) advance(live);
}

void Outer::reportPerformed(Live& live, int sysErrno, const std::string& note) {
  const std::uint64_t number = std::exchange(live.answered, 0);
  if (number != 0) link_.performed(number, sysErrno, note.substr(0, 512));
}

}  // namespace ringfence::sandbox
