#include "sandbox/wire/codec.h"

#include "sandbox/wire/describe.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kMagic = 0x57'46'52'01;  // "\x01RFW" on the wire
enum class Direction : std::uint8_t { kRequest, kEvent };
constexpr Direction lastOf(Direction) { return Direction::kEvent; }

template <typename Message>
struct MessageTraits;
template <>
struct MessageTraits<LauncherRequest> {
  static constexpr Direction kDirection = Direction::kRequest;
  static constexpr const char* kName = "request";
};
template <>
struct MessageTraits<LauncherEvent> {
  static constexpr Direction kDirection = Direction::kEvent;
  static constexpr const char* kName = "event";
};

template <typename Message>
Writer write(const Message& message, KnownTable* known = nullptr) {
  Writer writer(known);
  writer("magic", kMagic)("version", kWireVersion)("direction", MessageTraits<Message>::kDirection);
  writer(MessageTraits<Message>::kName, message);
  return writer;
}

template <typename Message>
Result<std::string> writeBounded(const Message& message) {
  Writer writer = write(message);
  if (writer.error()) return *writer.error();
  std::string bytes = std::move(writer).take();
  if (bytes.size() > kMaxWirePacket.count) {
    return Error{ErrorCode::kInvalid, std::string(MessageTraits<Message>::kName) + " takes " +
                                          std::to_string(bytes.size()) + " bytes and at most " +
                                          std::to_string(kMaxWirePacket.count) + " fit into one packet"};
  }
  return bytes;
}

template <typename Message>
Result<Message> read(std::string_view packet, KnownTable* known = nullptr) {
  Reader reader(packet, known);
  std::uint32_t magic = 0;
  std::uint32_t version = 0;
  Direction direction = Direction::kRequest;
  reader("magic", magic)("version", version)("direction", direction);
  if (reader.error()) return *reader.error();
  if (magic != kMagic) return Error{ErrorCode::kInvalid, "magic: this is no message of ringfence-launcher"};
  if (version != kWireVersion) {
    return Error{ErrorCode::kInvalid, "version: the peer speaks version " + std::to_string(version) +
                                          " and this program " + std::to_string(kWireVersion)};
  }
  if (direction != MessageTraits<Message>::kDirection) {
    return Error{ErrorCode::kInvalid, "direction: the message goes the other way"};
  }
  Message message;
  reader(MessageTraits<Message>::kName, message);
  if (!reader.error()) reader.expectEnd();
  if (reader.error()) return *reader.error();
  return message;
}

Result<void> checkLength(std::string_view packet) {
  if (packet.size() > kMaxWirePacket.count) return Error{ErrorCode::kInvalid, "packet: longer than any message"};
  return {};
}

}  // namespace

std::string encode(const LauncherRequest& request, KnownTable* known) { return write(request, known).take(); }
std::string encode(const LauncherEvent& event) { return write(event).take(); }
Result<std::string> encodeBounded(const LauncherRequest& request) { return writeBounded(request); }
Result<std::string> encodeBounded(const LauncherEvent& event) { return writeBounded(event); }
Result<LauncherRequest> decodeLongRequest(std::string_view message, KnownTable* known) {
  return read<LauncherRequest>(message, known);
}

Result<LauncherRequest> decodeRequest(std::string_view packet, KnownTable* known) {
  RF_TRY(checkLength(packet));
  return read<LauncherRequest>(packet, known);
}

Result<LauncherEvent> decodeEvent(std::string_view packet) {
  RF_TRY(checkLength(packet));
  return read<LauncherEvent>(packet);
}

}  // namespace ringfence::sandbox
