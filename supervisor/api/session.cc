#include "supervisor/api/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/io.h"
#include "supervisor/api/convert.h"
#include "supervisor/api/wire.h"

namespace ringfence::supervisor::api {
namespace {

Refusal invalid(const std::string& message) { return {"invalid", message, {}, 1, {}, 0}; }

bool wouldBlock(const Error& error) {
  return error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK || error.sysErrno == ENOBUFS;
}

v1::ServerPacket helloAnswer(std::uint64_t id, const Peer& peer) {
  v1::ServerPacket packet;
  packet.set_id(id);
  packet.set_last(true);
  packet.mutable_hello()->set_protocol(kProtocol);
  packet.mutable_hello()->set_version(RINGFENCE_VERSION);
  packet.mutable_hello()->set_admin(peer.admin);
  packet.mutable_hello()->add_features("questions");
  return packet;
}

}  // namespace

Session::Session(UniqueFd socket, Peer peer, Now now)
    : socket_(std::move(socket)), peer_(peer), begun_(now.monotonic) {}

std::vector<Incoming> Session::receive(Now now) {
  std::vector<Incoming> incoming;
  for (std::size_t i = 0; i < kMaxPacketsPerTurn && wantsRead(); ++i) {
    auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
    if (!packet) {
      if (wouldBlock(packet.error())) break;
      if (packet.error().code == ErrorCode::kInvalid) {
        refuseAndClose(0, invalid(packet.error().message), now);
      } else {
        gone_ = true;  // reset: as good as closed
      }
      break;
    }
    if (packet->bytes.empty()) {
      // An empty packet looks the same as the end; both end the connection.
      gone_ = true;
      break;
    }
    handle(packet->bytes, std::move(packet->fds), now, incoming);
  }
  return incoming;
}

void Session::handle(std::string_view bytes, std::vector<UniqueFd> fds, Now now, std::vector<Incoming>& incoming) {
  format_ = static_cast<int>(formatOf(bytes));
  auto decoded = decodePacket(bytes, fds);
  if (!decoded) return refuseAndClose(0, invalid(decoded.error().message), now);
  const v1::ClientPacket& message = decoded->message;
  if (message.id() == 0) return refuseAndClose(0, invalid("a request has an id that is not 0"), now);
  if (!greeted_) {
    if (!message.has_hello()) return refuseAndClose(message.id(), invalid("the first message must be hello"), now);
    if (message.hello().protocol() != kProtocol) {
      const std::string text = "protocol " + std::to_string(message.hello().protocol()) + " is not spoken here; 1 is";
      return refuseAndClose(message.id(), {"unsupported", text, {}, 1, {}, 0}, now);
    }
    greeted_ = true;
    auto encoded = encodePacket(helloAnswer(message.id(), peer_), static_cast<Format>(format_));
    if (encoded) push(std::move(encoded->bytes), {}, encoded->size, now);
    return flush(now);
  }
  auto request = toRequest(message);
  if (!request) return refuseAndClose(message.id(), invalid(request.error().message), now);
  incoming.push_back({message.id(), std::move(*request), std::move(fds)});
}

void Session::send(std::uint64_t id, const Answer& answer, std::vector<UniqueFd> fds, Last last, Now now) {
  if (closing_ || gone_) return;
  if (queuedBytes_ > kMaxQueuedOutput.count) return lag(now);
  enqueue(id, answer, std::move(fds), last, now);
  flush(now);
}

void Session::enqueue(std::uint64_t id, const Answer& answer, std::vector<UniqueFd> fds, Last last, Now now) {
  const auto format = static_cast<Format>(format_);
  auto encoded = encodePacket(toPacket(id, answer, last == Last::kYes), format);
  if (!encoded) {
    fds.clear();
    encoded = encodePacket(toPacket(id, refusalOf(encoded.error()), true), format);
    if (!encoded) {
      gone_ = true;
      return;
    }
  }
  if (encoded->memfd) fds.insert(fds.begin(), std::move(encoded->memfd));
  push(std::move(encoded->bytes), std::move(fds), encoded->size, now);
  if (const auto* line = std::get_if<LogLine>(&answer)) queue_.back().seq = line->seq;
}

void Session::push(std::string bytes, std::vector<UniqueFd> fds, std::size_t size, Now now) {
  queuedBytes_ += size;
  queue_.push_back({std::move(bytes), std::move(fds), size, now.monotonic, 0});
}

void Session::refuseAndClose(std::uint64_t id, const Refusal& refusal, Now now) {
  if (closing_ || gone_) return;
  enqueue(id, refusal, {}, Last::kYes, now);
  closing_ = true;
  closingSince_ = now.monotonic;
  flush(now);
}

void Session::lag(Now now) {
  queue_.clear();
  queuedBytes_ = 0;
  std::string text = "answers were not read in time";
  if (lastSeq_ > 0) text += "; go on from seq " + std::to_string(lastSeq_);
  refuseAndClose(0, {"lagged", text, {}, 1, {}, lastSeq_}, now);
}

void Session::flush(Now) {
  while (!queue_.empty() && !gone_) {
    const Queued& front = queue_.front();
    std::vector<int> fds;
    for (const UniqueFd& fd : front.fds) fds.push_back(fd.get());
    auto sent = sendPacket(socket_.get(), front.bytes, fds, MSG_DONTWAIT);
    if (!sent) {
      if (!wouldBlock(sent.error())) gone_ = true;
      return;
    }
    queuedBytes_ -= front.size;
    lastSeq_ = std::max(lastSeq_, front.seq);
    queue_.pop_front();
  }
}

std::optional<Microseconds> Session::deadline() const {
  if (gone_) return std::nullopt;
  if (closing_) return closingSince_ + kMaxOutputDelay;
  std::optional<Microseconds> at;
  if (!greeted_) at = begun_ + kHelloPatience;
  if (subscribed_ && !queue_.empty())
    at = std::min(at.value_or(Microseconds::max()), queue_.front().since + kMaxOutputDelay);
  return at;
}

void Session::expire(Now now) {
  const auto at = deadline();
  if (!at || now.monotonic < *at) return;
  if (closing_) {
    gone_ = true;
  } else if (!greeted_) {
    refuseAndClose(0, invalid("hello did not come within 10 s"), now);
  } else {
    lag(now);
  }
}

}  // namespace ringfence::supervisor::api
