#include "sandbox/wire/long_message.h"

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kLongMessage = "\x02";  // no message begins so

}  // namespace

Result<Packet> packRequest(std::string message) {
  Packet packet;
  if (message.size() <= kMaxWirePacket.count) {
    packet.bytes = std::move(message);
    return packet;
  }
  if (message.size() > kMaxLongMessage.count) {
    return Error{ErrorCode::kInvalid, "the plan of this run takes " + std::to_string(message.size() >> 10) +
                                          " KiB, at most " + std::to_string(kMaxLongMessage.count >> 10) +
                                          "; use fewer paths, arguments or variables"};
  }
  packet.fds.push_back(RF_TRY(sealedMemfd("ringfence-plan", message)));
  packet.bytes = kLongMessage;
  return packet;
}

Result<LauncherRequest> decodeRequest(const Packet& packet, KnownTable* known) {
  if (packet.bytes != kLongMessage) return decodeRequest(packet.bytes, known);
  if (packet.fds.empty()) return Error{ErrorCode::kInvalid, "packet: announces a long message and brings none"};
  const std::string message = RF_TRY(readSealedMemfd(packet.fds.back().get(), kMaxLongMessage, "a long message"));
  return decodeLongRequest(message, known);
}

Result<GuardOrder> decodeGuardOrder(const Packet& packet) {
  if (packet.bytes != kLongMessage) return decodeGuardOrder(std::string_view(packet.bytes));
  if (packet.fds.empty()) return Error{ErrorCode::kInvalid, "packet: announces a long message and brings none"};
  const std::string message = RF_TRY(readSealedMemfd(packet.fds.back().get(), kMaxGuardOrder, "a long message"));
  return decodeGuardOrder(std::string_view(message));
}

std::vector<UniqueFd> takeFds(Packet packet) {
  if (packet.bytes == kLongMessage && !packet.fds.empty()) packet.fds.pop_back();
  return std::move(packet.fds);
}

}  // namespace ringfence::sandbox
