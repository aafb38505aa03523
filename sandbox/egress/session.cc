#include "sandbox/egress/session.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "sandbox/egress/client_hello.h"
#include "sandbox/egress/http_upgrade.h"
#include "sandbox/egress/sockets.h"

namespace ringfence::sandbox {
namespace {

// A head, or a hello in its records, and what came with it.
constexpr std::size_t kMaxHeld = 2 * kMaxClientHello.count + 4096;
constexpr int kRounds = 16;  // then others have their turn

}  // namespace

Session::Session(UniqueFd client, Entry entry, SpoolPool& pool)
    : client_(std::move(client)),
      state_(entry == Entry::kProxy ? State::kNegotiating : State::kWaiting),
      toClient_(pool) {}

Session::Happening Session::advance(std::span<char> scratch) {
  switch (state_) {
    case State::kNegotiating: return negotiate(scratch);
    case State::kStreaming: return stream(scratch);
    case State::kRefusing: drain(scratch); return Quiet{};
    case State::kWaiting: (void)flushDown(); return Quiet{};
    case State::kOver: return Quiet{};
  }
  return Quiet{};
}

// False: nothing came now.
bool Session::readClient(std::span<char> scratch) {
  const std::size_t room = kMaxHeld - std::min(kMaxHeld, fromClient_.size());
  if (room == 0) return false;
  const auto got = client_.read(scratch.data(), std::min(scratch.size(), room));
  if (got.state == Stream::State::kEnd) clientEnd_ = true;
  if (got.state == Stream::State::kBroken) state_ = State::kOver;
  fromClient_.append(scratch.data(), got.count);
  if (got.count > 0) moved_ = true;
  return got.count > 0;
}

Session::Happening Session::negotiate(std::span<char> scratch) {
  while (readClient(scratch)) {}
  for (;;) {
    if (state_ == State::kOver) return Quiet{};
    auto step = negotiation_.step(fromClient_);
    if (auto* answered = std::get_if<Answered>(&step)) {
      fromClient_.erase(0, answered->consumed);
      toClient_.append(answered->reply);
      (void)flushDown();  // What does not fit goes when there is room.
      continue;
    }
    if (auto* wanted = std::get_if<Wanted>(&step)) {
      fromClient_.erase(0, wanted->consumed);
      state_ = State::kWaiting;
      return std::move(*wanted);
    }
    if (auto* refused = std::get_if<Refused>(&step)) {
      state_ = State::kWaiting;
      return std::move(*refused);
    }
    if (clientEnd_) state_ = State::kOver;
    return Quiet{};
  }
}

void Session::open(Stream upstream, Opening opening) {
  upstream_ = std::move(upstream);
  toClient_.append(opening.toClient);
  toUpstream_ = std::move(opening.toUpstream);
  gate_ = std::move(opening.gate);
  if (opening.oneRequest) {
    body_.emplace(*opening.oneRequest);
    oneRequest_ = true;
    upgrading_ = opening.upgrade != Upgrade::kNone;
  }
  traffic_ = opening.traffic;
  budget_ = opening.budget;
  counts_ = opening.answers;
  state_ = State::kStreaming;
}

// A server that hears of it before it answers may take it for the end. One that answers already closes after its one
// answer, or fails to, and then must hear.
void Session::noteLastWord() {
  heardLast_ = true;
  if (state_ != State::kStreaming || !onlyAnswers() || received_ == 0 || upstreamShut_) return;
  upstream_->finishWriting();
  upstreamShut_ = true;
}

void Session::refuse(const std::string& reply) {
  upstream_.reset();
  if (reply.empty()) {
    resetOnClose(client_.fd());
    state_ = State::kOver;
    return;
  }
  toClient_.append(reply);
  state_ = State::kRefusing;
}

// After a refusal: what the client still sends is thrown away, so that it is not reset before it has read.
void Session::drain(std::span<char> scratch) {
  if (!flushDown() || state_ == State::kOver) return;
  if (!clientShut_) client_.finishWriting();
  clientShut_ = true;
  for (int round = 0; round < kRounds; ++round) {
    const auto got = client_.read(scratch.data(), scratch.size());
    if (got.state == Stream::State::kAgain) return;
    if (got.state != Stream::State::kOk) {
      state_ = State::kOver;
      return;
    }
  }
}

// True: nothing is left to write.
bool Session::flushDown() {
  while (!toClient_.empty()) {
    const auto sent = client_.write(toClient_.front());
    if (sent.state == Stream::State::kAgain) return false;
    if (sent.state != Stream::State::kOk) {
      state_ = State::kOver;
      return true;
    }
    toClient_.consume(sent.count);
    moved_ = true;
  }
  return true;
}

void Session::countSent(std::size_t count) {
  sent_ += count;
  if (traffic_ != nullptr) traffic_->sentBytes += count;
  if (budget_ != nullptr) budget_->sent += count;
  moved_ = true;
  if (count > 0) carried_ = true;
}

// What is neither looked at nor counted off goes straight through; what the other side does not take now is kept.
void Session::passUp(std::span<char> scratch) {
  const auto got = client_.read(scratch.data(), scratch.size());
  if (got.state == Stream::State::kEnd) clientEnd_ = true;
  if (got.state == Stream::State::kBroken) state_ = State::kOver;
  if (got.count == 0) return;
  const std::string_view bytes(scratch.data(), got.count);
  const std::uint64_t most = budget_ != nullptr ? budget_->left() : UINT64_MAX;
  const auto sent =
      upstream_->write(bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes.size()))));
  if (sent.state != Stream::State::kOk && sent.state != Stream::State::kAgain) breakOff();
  countSent(sent.count);
  toUpstream_ = bytes.substr(sent.count);
}

bool Session::flushUp() {
  while (!toUpstream_.empty()) {
    const std::uint64_t most = budget_ != nullptr ? budget_->left() : UINT64_MAX;
    const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(most, toUpstream_.size()));
    if (length == 0) return false;
    const auto sent = upstream_->write(std::string_view(toUpstream_).substr(0, length));
    if (sent.state == Stream::State::kAgain) return false;
    if (sent.state != Stream::State::kOk) {
      breakOff();
      return true;
    }
    toUpstream_.erase(0, sent.count);
    countSent(sent.count);
  }
  return true;
}

void Session::breakOff() {
  upstreamState_ = Upstream::kReset;
  state_ = State::kOver;
}

// Moves what may pass from what the client sent to what goes on.
Session::Happening Session::look() {
  if (gate_ && !fromClient_.empty()) {
    auto looked = lookThroughGate(fromClient_, *gate_);
    if (auto* mismatch = std::get_if<Mismatch>(&looked)) return std::move(*mismatch);
    if (auto* pass = std::get_if<Pass>(&looked)) {
      gate_.reset();
      toUpstream_ += pass->instead;
      fromClient_.erase(0, pass->consumed);
      if (pass->framing) {
        body_.emplace(*pass->framing);
        oneRequest_ = true;
        upgrading_ = pass->upgrade != Upgrade::kNone;
      }
    }
  }
  if (gate_) return Quiet{};
  std::size_t count = fromClient_.size();
  if (body_) {
    const auto taken = body_->take(fromClient_);
    if (!taken) return Mismatch{"the body of a request: " + taken.error().message};
    count = *taken;
  }
  toUpstream_.append(fromClient_, 0, count);
  fromClient_.erase(0, count);
  return Quiet{};
}

bool Session::wantsClientBytes() const {
  if (clientEnd_ || !toUpstream_.empty() || fromClient_.size() >= kMaxHeld) return false;
  return !body_ || !body_->done();
}

Session::Happening Session::pumpUp(std::span<char> scratch) {
  if (released_ && !flushUp()) {
    if (budget_ != nullptr && budget_->left() == 0) return LimitReached{};
    return Quiet{};
  }
  if (state_ == State::kOver || !toUpstream_.empty()) return Quiet{};
  const bool straight = released_ && !gate_ && !body_ && fromClient_.empty();
  if (wantsClientBytes()) {
    if (straight)
      passUp(scratch);
    else
      readClient(scratch);
  }
  if (!fromClient_.empty()) {
    auto looked = look();
    if (!std::holds_alternative<Quiet>(looked)) return looked;
    if (gate_ && fromClient_.size() >= kMaxHeld) return Mismatch{"first bytes without an end"};
  }
  if (clientEnd_ && gate_ && !fromClient_.empty()) return Mismatch{"first bytes without an end"};
  // The rest of its request never comes.
  if (clientEnd_ && body_ && !body_->done()) state_ = State::kOver;
  if (released_ && !flushUp() && budget_ != nullptr && budget_->left() == 0) return LimitReached{};
  if (clientEnd_ && toUpstream_.empty() && !upstreamShut_ && !oneRequest_ && state_ == State::kStreaming) {
    upstream_->finishWriting();
    upstreamShut_ = true;
  }
  return Quiet{};
}

// Lets the rest of what the client says go on once the other side has agreed to the other protocol, and not before.
Session::Happening Session::lookAtReply() {
  while (upgrading_) {
    auto read = readUpgradeReply(reply_);
    if (std::holds_alternative<NeedMore>(read)) return Quiet{};
    if (const auto* error = std::get_if<Error>(&read)) return Broken{"the answer of", error->message};
    const auto& reply = std::get<UpgradeReply>(read);
    toClient_.append(reply.head);
    reply_.erase(0, reply.length);
    if (reply.kind == UpgradeReply::Kind::kInterim) continue;
    upgrading_ = false;
    if (reply.kind == UpgradeReply::Kind::kRefused) break;
    body_.reset();
    oneRequest_ = false;
  }
  toClient_.append(std::exchange(reply_, {}));
  (void)flushDown();
  return Quiet{};
}

// What the other side sends goes straight on; what the client does not take now is kept, and nothing more is read until
// it has, unless it cannot take anything because it is held.
Session::Happening Session::pumpDown(std::span<char> scratch) {
  const bool flushed = flushDown();
  if (upstreamEnd_ || state_ == State::kOver || (!flushed && !held_)) return Quiet{};
  const std::size_t most = flushed ? scratch.size() : std::min(scratch.size(), toClient_.room());
  if (most == 0) full_ = true;  // Others of the run have all the room.
  if (most == 0) return Quiet{};
  const auto got = upstream_->read(scratch.data(), most);
  if (got.state == Stream::State::kAgain) return Quiet{};
  if (got.state != Stream::State::kOk) {
    upstreamEnd_ = true;  // Broken or ended: what came before is still the client's.
    upstreamState_ = got.state == Stream::State::kEnd ? Upstream::kClosed : Upstream::kReset;
    endAnswers();
    toClient_.append(std::exchange(reply_, {}));
    (void)flushDown();
    return Quiet{};
  }
  moved_ = carried_ = true;
  received_ += got.count;
  if (traffic_ != nullptr) traffic_->receivedBytes += got.count;
  const std::string_view bytes(scratch.data(), got.count);
  if (counts_ != nullptr) answers_.take(bytes, *counts_);
  if (upgrading_) {
    reply_ += bytes;
    return lookAtReply();
  }
  if (!toClient_.empty()) {
    keepForClient(bytes);
    return Quiet{};
  }
  const auto sent = client_.write(bytes);
  if (sent.state != Stream::State::kOk && sent.state != Stream::State::kAgain) state_ = State::kOver;
  keepForClient(bytes.substr(sent.count));
  return Quiet{};
}

// Told here: its client may begin to take it before the end of the hold is known here.
void Session::keepForClient(std::string_view bytes) {
  toClient_.append(bytes);
  if (held_ && !bytes.empty() && toClient_.room() == 0) full_ = true;
}

Session::Happening Session::stream(std::span<char> scratch) {
  if (!handshaken_) {
    const Stream::State shaken = upstream_->handshake();
    if (shaken == Stream::State::kAgain) return Quiet{};
    if (shaken != Stream::State::kOk) return Broken{"TLS to", upstream_->trouble()};
    handshaken_ = true;
  }
  bool again = true;
  for (int round = 0; again && round < kRounds && state_ == State::kStreaming; ++round) {
    moved_ = false;
    auto happened = pumpUp(scratch);
    if (!std::holds_alternative<Quiet>(happened)) return happened;
    if (state_ == State::kStreaming) happened = pumpDown(scratch);
    if (!std::holds_alternative<Quiet>(happened)) return happened;
    again = moved_;
  }
  if (state_ != State::kStreaming) return Quiet{};
  if (upstreamEnd_ && toClient_.empty()) {
    if (!clientShut_) client_.finishWriting();
    clientShut_ = true;
    // What a client sends after its one request is not read: closing now would reset what it has not read yet.
    if (clientEnd_)
      state_ = State::kOver;
    else if (oneRequest_)
      state_ = State::kRefusing;
  }
  return Quiet{};
}

std::uint32_t Session::clientEvents() const {
  std::uint32_t events = toClient_.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT);
  switch (state_) {
    case State::kNegotiating: return events | EPOLLIN;
    case State::kWaiting: return events | (clientEnd_ || heardLast_ ? 0U : static_cast<std::uint32_t>(EPOLLRDHUP));
    case State::kRefusing: return events | EPOLLIN;
    case State::kStreaming:
      if (onlyAnswers() && !clientEnd_ && !heardLast_) return events | EPOLLRDHUP;
      return events | (wantsClientBytes() ? static_cast<std::uint32_t>(EPOLLIN) : 0U);
    case State::kOver: return 0;
  }
  return events;
}

std::uint32_t Session::upstreamEvents() const {
  if (!upstream_ || state_ != State::kStreaming) return 0;
  std::uint32_t events = 0;
  const bool takesMore = toClient_.empty() || (held_ && toClient_.room() > 0);
  if (!handshaken_ || (!upstreamEnd_ && takesMore)) events |= EPOLLIN;
  if (upstream_->wantsToWrite() || (handshaken_ && released_ && !toUpstream_.empty())) events |= EPOLLOUT;
  return events;
}

}  // namespace ringfence::sandbox
