#include "sandbox/egress/outer.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/egress/confine.h"
#include "sandbox/egress/sockets.h"
#include "sdk/base/clock.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

// What one direction of a connection keeps is no more than was read at once, so that those that come when there are
// many already get less: all together stay within the memory of an egress (kEgressLimits of the launcher).
constexpr std::size_t kScratch = 256 * 1024;
constexpr std::size_t kScratchOfMany = 32 * 1024;
constexpr std::size_t kMany = 256;
// Of these a new one takes the place, when there is no other: not connected for so long, or connected and silent.
constexpr std::int64_t kStalledMs = 1'000;
constexpr std::int64_t kSilentMs = 10'000;
constexpr int kTickMs = 200;
constexpr std::int64_t kTrafficMs = 2000;
constexpr std::int64_t kHeadMs = 20'000;  // for the first request of a client, however slowly it comes
constexpr std::int64_t kRefusalMs = 3'000;
constexpr std::int64_t kIdleMs = 2 * 3600 * 1000;
constexpr int kAcceptsATurn = 16;

Result<void> makeNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return posixError(errno, "preparing a pair");
  return {};
}

NameTable namesFor(Start start) {
  if (start == Start::kFirst) return {};
  return NameTable::after(std::chrono::duration_cast<std::chrono::milliseconds>(SystemClock().now().boottime));
}

}  // namespace

Outer::Outer(const OuterOptions& options, Poller poller, GuardLink link, ActionRing ring, TlsClient tls)
    : poller_(std::move(poller)),
      link_(std::move(link)),
      ring_(std::move(ring)),
      tls_(std::move(tls)),
      innerPair_(options.innerPair),
      guardPair_(options.guardPair),
      denialsFile_(options.denials),
      resolver_(poller_, options.resolver),
      names_(poller_, namesFor(options.start)),
      denials_(link_, options.denials),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratch)) {}

Outer::~Outer() = default;

Result<std::unique_ptr<Outer>> Outer::create(const OuterOptions& options) {
  Poller poller = RF_TRY(Poller::create());
  RF_TRY(makeNonBlocking(options.innerPair));
  GuardLink link = RF_TRY(GuardLink::create(options.guardPair, options.start, options.pid));
  ActionRing ring = RF_TRY(ActionRing::open(UniqueFd(options.ring)));
  TlsClient tls = RF_TRY(TlsClient::create(options.trustAnchors));
  std::unique_ptr<Outer> outer(new Outer(options, std::move(poller), std::move(link), std::move(ring), std::move(tls)));
  RF_TRY(outer->watchPairs());
  return outer;
}

Result<void> Outer::watchPairs() {
  RF_TRY(poller_.watch(guardPair_.get(), EPOLLIN, [this](std::uint32_t) { onGuard(); }));
  RF_TRY(poller_.watch(innerPair_.get(), EPOLLIN, [this](std::uint32_t) { onInner(); }));
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &ending, nullptr) != 0) return posixError(errno, "blocking SIGTERM");
  ending_.reset(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!ending_) return posixError(errno, "waiting for SIGTERM");
  return poller_.watch(ending_.get(), EPOLLIN, [this](std::uint32_t) { ended_ = true; });
}

std::int64_t Outer::nowMs() const { return SystemClock().now().monotonic.count() / 1000; }

void Outer::stop(Error why) {
  if (!stopped_) stopped_ = std::move(why);
}

Result<void> Outer::serve() {
  RF_TRY(confineOuter());
  std::int64_t tickedMs = 0;
  while (!stopped_ && !ended_) {
    RF_TRY(link_.flush());
    poller_.change(guardPair_.get(), EPOLLIN | (link_.wantsToWrite() ? static_cast<std::uint32_t>(EPOLLOUT) : 0U));
    RF_TRY(poller_.turn(patience()));
    for (auto& answer : resolver_.takeAnswers()) onResolved(answer.id, std::move(answer.addresses));
    if (nowMs() - tickedMs >= kTickMs) {
      tick();
      tickedMs = nowMs();
    }
    sweep();
    if (!answers_.empty() && !link_.isFull() && answersPace_.take(nowMs())) tellAnswers();
  }
  denials_.tellAll();
  tellAnswers();
  if (const auto report = hold_.takeRest()) link_.tell(*report);
  if (auto traffic = traffic_.takeChanged()) link_.tell(std::move(*traffic));
  (void)link_.flush();  // The other side may be the one that is gone.
  if (stopped_) return *stopped_;
  return {};
}

void Outer::tellAnswers() {
  for (ModelAnswers& told : answers_.take()) link_.tell(std::move(told));
}

// Milliseconds until something is due; -1: for ever. An egress that nobody talks to sleeps.
int Outer::patience() const {
  if (resolver_.isAsking() || names_.isServing() || denials_.isCounting() || traffic_.hasChanged() || !answers_.empty())
    return kTickMs;
  if (isFull() && !hold_.isHeld()) return kTickMs;  // until one of them counts as stalled
  std::int64_t next = holdDueAt().value_or(INT64_MAX);
  for (const auto& [id, live] : lives_) {
    if (live->retryRing) return kTickMs;
    if (live->deadlineMs != 0 && runs(*live)) next = std::min(next, live->deadlineMs);
  }
  if (next == INT64_MAX) return -1;
  return static_cast<int>(std::clamp<std::int64_t>(next - nowMs(), kTickMs, kIdleMs));
}

void Outer::tick() {
  const std::int64_t now = nowMs();
  resolver_.tick(now);
  names_.tick(now);
  // To a daemon that is away nothing is piled up: what is counted stays counted.
  if (!link_.isFull()) denials_.tick(now);
  if (!link_.isFull() && now - trafficToldMs_ >= kTrafficMs) {
    trafficToldMs_ = now;
    if (auto traffic = traffic_.takeChanged()) link_.tell(std::move(*traffic));
  }
  tickHold(now);
  for (auto& [id, live] : lives_) {
    if (live->retryRing) recordLocal(*live);
    if (live->deadlineMs == 0 || live->deadlineMs > now || !runs(*live)) continue;
    live->deadlineMs = 0;
    if (live->denied && live->session.state() == Session::State::kWaiting)
      refuseNow(*live);
    else if (live->session.state() == Session::State::kWaiting)
      fail(*live, "the other side did not answer in time", SocksReply::kHostUnreachable);
    else
      live->session.end();
    updateEvents(*live);
  }
}

// Connections that are over go at the end of a turn, when nobody works with them.
void Outer::sweep() {
  const std::size_t before = lives_.size();
  for (auto at = lives_.begin(); at != lives_.end();) {
    Live& live = *at->second;
    if (live.session.state() != Session::State::kOver) {
      ++at;
      continue;
    }
    leaveQuestion(live, "the connection was closed");
    resolver_.forget(live.id);
    poller_.forget(live.session.clientFd());
    if (live.watchedUpstream >= 0) poller_.forget(live.watchedUpstream);
    noteEnd(live);
    at = lives_.erase(at);
  }
  if (lives_.size() < before) shareRoom();
  dropped_ = 0;
  pauseOrResume();
}

bool Outer::isFull() const { return lives_.size() - dropped_ + publishing_.size() >= kMaxConnections; }

// The one that gives up its place: first who has not said whom it wants, then who is not connected yet, then who is and
// has not said a word; of these the oldest. Never one that waits for a person or for the log, nor one that has carried
// a byte; what was refused goes by itself.
Outer::Live* Outer::findStalled() {
  if (hold_.isHeld()) return nullptr;  // It cannot say anything.
  const std::int64_t now = nowMs();
  Live* found = nullptr;
  int foundRank = 0;
  for (const auto& [id, entry] : lives_) {
    Live& live = *entry;
    const auto state = live.session.state();
    const bool ends = state == Session::State::kOver || state == Session::State::kRefusing;
    if (ends || live.ask != 0 || live.denied) continue;
    const bool connected = state == Session::State::kStreaming;
    if (connected && live.session.hasCarried()) continue;
    if (now - live.sinceMs < (connected ? kSilentMs : kStalledMs)) continue;
    const int rank = static_cast<int>(state);
    if (found != nullptr && std::pair(foundRank, found->sinceMs) <= std::pair(rank, live.sinceMs)) continue;
    found = &live;
    foundRank = rank;
  }
  return found;
}

void Outer::pauseOrResume() {
  const bool accepting = judge_.has_value() && !link_.isFull() && (!isFull() || findStalled() != nullptr);
  if (accepting == accepting_) return;
  accepting_ = accepting;
  const std::uint32_t events = accepting ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
  poller_.change(proxyListener_.get(), events);
  poller_.change(redirectedListener_.get(), events);
  for (const auto& [port, listener] : loopbackListeners_) poller_.change(listener.get(), events);
  for (const auto& [port, listener] : publishListeners_) poller_.change(listener.get(), events);
}

void Outer::acceptFrom(int listener, Protocol protocol, std::uint16_t port) {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    Live* stalled = isFull() ? findStalled() : nullptr;
    if (isFull() && stalled == nullptr) break;
    UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    if (stalled != nullptr) dropStalled(*stalled);
    if (protocol != Protocol::kPublished) {
      admit(std::move(client), protocol, port);
      continue;
    }
    const std::uint32_t id = nextPublished_++;
    const auto sent = sendPacket(innerPair_.get(), encodeHalf({.kind = HalfKind::kConnect, .port = port, .id = id}));
    if (sent) publishing_[id] = {port, std::move(client)};
  }
  pauseOrResume();
}

void Outer::admit(UniqueFd client, Protocol protocol, std::uint16_t port) {
  const int fd = client.get();
  const std::string peer = peerText(fd);
  auto live = std::make_unique<Live>(Session(
      std::move(client), protocol == Protocol::kConnect ? Session::Entry::kProxy : Session::Entry::kRaw, spooled_));
  if (hold_.isHeld()) live->session.hold();
  const std::uint64_t id = live->id = nextLive_++;
  live->protocol = protocol;
  live->client = peer;
  live->called = calledText(fd);
  live->sinceMs = nowMs();
  live->deadlineMs = live->sinceMs + kHeadMs;
  if (!poller_.watch(fd, 0, [this, id](std::uint32_t events) { onClientEvents(id, events); })) return;
  Live& admitted = *(lives_[id] = std::move(live));
  if (protocol == Protocol::kRedirected)
    wantRedirected(admitted);
  else if (protocol == Protocol::kLoopback)
    wantLoopback(admitted, port);
  updateEvents(admitted);
}

void Outer::onClientEvents(std::uint64_t id, std::uint32_t events) {
  const auto found = lives_.find(id);
  if (found == lives_.end()) return;
  Live& live = *found->second;
  const bool gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool hungUp = (events & EPOLLRDHUP) != 0;
  advance(live);
  // Who sends no more may still wait for an answer. One that has gone for good looks no different, so nobody is asked
  // for it, and no call waits for its turn.
  const bool undecided =
      live.session.state() == Session::State::kWaiting && live.allowed == Allowed::kNot && !live.denied;
  if (hungUp) live.session.noteLastWord();
  if (gone || (hungUp && undecided)) live.session.end();
  updateEvents(live);
}

void Outer::onUpstreamEvents(std::uint64_t id, std::uint32_t events) {
  const auto found = lives_.find(id);
  if (found == lives_.end()) return;
  Live& live = *found->second;
  advance(live);
  // It says so for ever; what it still has is read when the client takes it.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && live.watchedUpstream >= 0) {
    poller_.forget(live.watchedUpstream);
    live.watchedUpstream = -1;
  }
  updateEvents(live);
}

void Outer::advance(Live& live) {
  const auto before = live.session.state();
  if (before == Session::State::kStreaming) live.deadlineMs = nowMs() + kIdleMs;
  auto happened = live.session.advance({scratch_.get(), lives_.size() > kMany ? kScratchOfMany : kScratch});
  if (live.counted) traffic_.noteChange();
  noteProgress(live);
  if (auto* wanted = std::get_if<Wanted>(&happened)) {
    live.protocol = wanted->protocol;
    live.wanted = std::move(*wanted);
    want(live);
  } else if (const auto* refused = std::get_if<Refused>(&happened)) {
    onRefused(live, *refused);
  } else if (const auto* mismatch = std::get_if<Mismatch>(&happened)) {
    denyInside(live, {.text = "the name within the connection", .origin = {}, .why = mismatch->why});
  } else if (std::holds_alternative<Session::LimitReached>(happened)) {
    denyInside(live, sendLimitRule());
  } else if (const auto* broken = std::get_if<Session::Broken>(&happened)) {
    fail(live, broken->what + " " + live.dial.text() + ": " + broken->why, SocksReply::kFailure);
  }
  if (live.session.state() == Session::State::kRefusing && before != Session::State::kRefusing)
    live.deadlineMs = nowMs() + kRefusalMs;
}

void Outer::updateEvents(Live& live) {
  if (live.session.state() == Session::State::kOver) return;
  poller_.change(live.session.clientFd(), live.session.clientEvents());
  if (live.watchedUpstream >= 0 && live.watchedUpstream == live.session.upstreamFd())
    poller_.change(live.watchedUpstream, live.session.upstreamEvents());
}

}  // namespace ringfence::sandbox
