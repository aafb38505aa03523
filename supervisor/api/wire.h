// Bytes of a packet <-> messages. A packet is at most 64 KiB: 0x01 and protobuf, or a JSON object; a longer message is
// the one byte 0x02 (protobuf) or 0x03 (JSON) with a sealed memfd as first descriptor. Every length is checked before
// it is believed; fields that this build does not know are an error, because one of them could be a restriction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"
#include "sdk/proto/control.pb.h"

namespace ringfence::supervisor::api {

inline constexpr Bytes kMaxPacket{64 << 10};
inline constexpr Bytes kMaxMessage{8 << 20};
inline constexpr int kMaxNesting = 16;

enum class Format { kProtobuf, kJson };

struct Decoded {
  Format format = Format::kProtobuf;
  v1::ClientPacket message;
};

// Takes a memfd from the front of `fds` when the packet has one; the message's own descriptors remain.
Result<Decoded> decodePacket(std::string_view bytes, std::vector<UniqueFd>& fds);
// The format that a packet claims; what an answer to a broken one is written in.
Format formatOf(std::string_view bytes);

struct Encoded {
  std::string bytes;
  UniqueFd memfd;        // set: goes first among the descriptors
  std::size_t size = 0;  // of the message, wherever it is
};
Result<Encoded> encodePacket(const v1::ServerPacket& message, Format format);

}  // namespace ringfence::supervisor::api
