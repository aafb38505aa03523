#include "sandbox/wire/guard.h"

#include "sandbox/wire/describe_guard.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kMagic = 0x47'46'52'01;  // "\x01RFG" on the wire
enum class Direction : std::uint8_t { kEvent, kOrder };
constexpr Direction lastOf(Direction) { return Direction::kOrder; }

template <typename Message>
constexpr Direction kDirectionOf = std::is_same_v<Message, GuardEvent> ? Direction::kEvent : Direction::kOrder;

template <typename Message>
Result<std::string> write(const Message& message, Bytes most) {
  Writer writer(nullptr);
  writer("magic", kMagic)("version", kGuardVersion)("direction", kDirectionOf<Message>)("message", message);
  if (writer.error()) return *writer.error();
  std::string bytes = std::move(writer).take();
  if (bytes.size() > most.count) {
    return Error{ErrorCode::kInvalid, "a guard's message takes " + std::to_string(bytes.size()) +
                                          " bytes and at most " + std::to_string(most.count) + " are allowed"};
  }
  return bytes;
}

template <typename Message>
Result<Message> read(std::string_view bytes) {
  Reader reader(bytes, nullptr);
  std::uint32_t magic = 0;
  std::uint32_t version = 0;
  Direction direction = kDirectionOf<Message>;
  reader("magic", magic)("version", version)("direction", direction);
  if (reader.error()) return *reader.error();
  if (magic != kMagic) return Error{ErrorCode::kInvalid, "magic: this is no message of a guard"};
  if (version != kGuardVersion) {
    return Error{ErrorCode::kInvalid, "version: the guard speaks version " + std::to_string(version) +
                                          " and this program " + std::to_string(kGuardVersion)};
  }
  if (direction != kDirectionOf<Message>)
    return Error{ErrorCode::kInvalid, "direction: the message goes the other way"};
  Message message;
  reader("message", message);
  if (!reader.error()) reader.expectEnd();
  if (reader.error()) return *reader.error();
  return message;
}

}  // namespace

GuardRule ruleOf(const policy::Verdict& verdict) {
  return {.text = verdict.rule, .origin = verdict.origin, .why = verdict.why};
}

Result<std::string> encodeBounded(const GuardEvent& event) { return write(event, kMaxGuardPacket); }
Result<std::string> encodeBounded(const GuardOrder& order) { return write(order, kMaxGuardOrder); }

Result<GuardEvent> decodeGuardEvent(std::string_view packet) {
  if (packet.size() > kMaxGuardPacket.count) return Error{ErrorCode::kInvalid, "packet: longer than any message"};
  return read<GuardEvent>(packet);
}

Result<GuardOrder> decodeGuardOrder(std::string_view message) {
  if (message.size() > kMaxGuardOrder.count) return Error{ErrorCode::kInvalid, "message: longer than any order"};
  return read<GuardOrder>(message);
}

}  // namespace ringfence::sandbox
