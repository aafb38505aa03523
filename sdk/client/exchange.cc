#include "sdk/client/exchange.h"

#include <cerrno>
#include <utility>

namespace ringfence::client {
namespace {

constexpr char kProtobufPacket = 0x01;
constexpr char kMemfdPacket = 0x02;
constexpr Bytes kPacketLimit = kibibytes(64);
constexpr Bytes kInlineRequest = kibibytes(60);
constexpr Bytes kMemfdLimit = mebibytes(8);
constexpr std::size_t kWaitingEventLimit = 1024;

Failure refused(const v1::ErrorAnswer& answer) {
  Refusal refusal = fromMessage(answer);
  Error error{codeOf(refusal.code), refusal.message};
  return {std::move(error), std::move(refusal), {}};
}

Error daemonGone() {
  return {ErrorCode::kUnavailable, "the daemon closed the connection; see its log (journalctl -u ringfenced)"};
}

}  // namespace

Failure failed(Error error) { return {std::move(error), std::nullopt, {}}; }

Result<void> Client::Exchange::send() {
  std::string bytes(1, kProtobufPacket);
  if (!request.AppendToString(&bytes)) return Error{ErrorCode::kInvalid, "the request cannot be written as a message"};
  if (bytes.size() <= kInlineRequest.count) return sendPacket(client.socket_.get(), bytes, fds);
  if (bytes.size() - 1 > kMemfdLimit.count) {
    return Error{ErrorCode::kInvalid, "the request has " + formatBytes({bytes.size()}) + "; at most " +
                                          formatBytes(kMemfdLimit) + " are taken (is the environment that large?)"};
  }
  const UniqueFd memfd = RF_TRY(sealedMemfd("ringfence-request", std::string_view(bytes).substr(1)));
  std::vector<int> all{memfd.get()};
  all.insert(all.end(), fds.begin(), fds.end());
  return sendPacket(client.socket_.get(), std::string_view(&kMemfdPacket, 1), all);
}

// A long answer is in a memfd, the first descriptor; the answer's own descriptors follow it.
Result<void> Client::Exchange::unfold(Packet& packet) {
  if (packet.bytes[0] != kMemfdPacket) return {};
  if (packet.bytes.size() != 1 || packet.fds.empty())
    return Error{ErrorCode::kInternal, "the daemon sent half an answer"};
  const std::string held = RF_TRY(readAll(packet.fds.front().get(), kMemfdLimit, "the daemon's answer"));
  packet.fds.erase(packet.fds.begin());
  packet.bytes = std::string(1, kProtobufPacket) + held;
  return {};
}

Result<void> Client::Exchange::parse(std::string_view bytes, v1::ServerPacket& packet) {
  if (bytes.empty() || bytes[0] != kProtobufPacket ||
      !packet.ParseFromArray(bytes.data() + 1, static_cast<int>(bytes.size() - 1))) {
    return Error{ErrorCode::kInternal, "the daemon sent a packet that is no answer"};
  }
  return {};
}

std::optional<Failure> Client::Exchange::receive() {
  if (auto failure = client.hearHello()) return failure;
  for (int resets = 0;;) {
    auto packet = receivePacket(client.socket_.get(), kPacketLimit);
    if (!packet) {
      Error error = std::move(packet).error();
      // A daemon that closes without having read the request resets the connection; what it said before is still there.
      if (error.sysErrno == ECONNRESET && resets++ == 0) continue;
      if (error.sysErrno == EAGAIN)
        error = {ErrorCode::kUnavailable, "the daemon does not answer (waited 10 s)", EAGAIN};
      if (error.sysErrno == ECONNRESET || error.sysErrno == EPIPE) error = daemonGone();
      return failed(std::move(error));
    }
    if (packet->bytes.empty()) return failed(daemonGone());
    if (auto unfolded = unfold(*packet); !unfolded) return failed(std::move(unfolded).error());
    if (auto parsed = parse(packet->bytes, answer); !parsed) return failed(std::move(parsed).error());
    received = std::move(packet->fds);
    if (answer.id() == id() || answer.id() == 0) break;  // 0: about the connection, before it closes
    if (client.streamId_ == 0 || answer.id() != client.streamId_) continue;
    if (client.waiting_.size() >= kWaitingEventLimit) {
      return failed({ErrorCode::kInternal, "more than 1024 events came before one answer"});
    }
    client.waiting_.push_back(std::move(packet->bytes));
  }
  if (answer.has_error()) return refused(answer.error());
  return std::nullopt;
}

std::optional<Failure> Client::Exchange::ask() {
  // A request that cannot be sent may still have an answer waiting: the reason why the connection was closed.
  if (auto sent = send(); !sent && sent.error().sysErrno != EPIPE) return failed(std::move(sent).error());
  return receive();
}

std::optional<Failure> Client::Exchange::receiveStream(Client& client, v1::ServerPacket& packet) {
  if (client.streamId_ == 0) return failed({ErrorCode::kInvalid, "nothing was begun on this connection, or it ended"});
  if (!client.waiting_.empty()) {
    const std::string bytes = std::move(client.waiting_.front());
    client.waiting_.pop_front();
    if (auto parsed = parse(bytes, packet); !parsed) return failed(std::move(parsed).error());
    if (packet.has_error()) return refused(packet.error());
  } else {
    Exchange exchange(client);
    exchange.request.set_id(client.streamId_);
    if (auto failure = exchange.receive()) return failure;
    packet = std::move(exchange.answer);
  }
  if (packet.last()) client.streamId_ = 0;
  return std::nullopt;
}

}  // namespace ringfence::client
