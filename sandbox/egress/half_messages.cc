#include "sandbox/egress/half_messages.h"

#include <cstring>

namespace ringfence::sandbox {

std::string encodeHalf(const HalfMessage& message) {
  std::string bytes(kHalfMessageSize.count, '\0');
  bytes[0] = static_cast<char>(message.kind);
  std::memcpy(bytes.data() + 2, &message.port, sizeof message.port);
  std::memcpy(bytes.data() + 4, &message.id, sizeof message.id);
  std::memcpy(bytes.data() + 8, &message.error, sizeof message.error);
  return bytes;
}

Result<HalfMessage> decodeHalf(std::string_view bytes) {
  if (bytes.size() != kHalfMessageSize.count || bytes[0] < static_cast<char>(HalfKind::kReady) ||
      bytes[0] > static_cast<char>(HalfKind::kConnected))
    return Error{ErrorCode::kInvalid, "the halves of the egress are of different versions"};
  HalfMessage message;
  message.kind = static_cast<HalfKind>(bytes[0]);
  std::memcpy(&message.port, bytes.data() + 2, sizeof message.port);
  std::memcpy(&message.id, bytes.data() + 4, sizeof message.id);
  std::memcpy(&message.error, bytes.data() + 8, sizeof message.error);
  return message;
}

}  // namespace ringfence::sandbox
