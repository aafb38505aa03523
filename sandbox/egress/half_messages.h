// What the two halves say to each other over their SEQPACKET pair. The inner half makes sockets in the run's network
// namespace and hands them over; it never sees a byte of a connection.
//
//   inner -> outer   kReady with four sockets: proxy, redirected tcp, names by udp, names by tcp
//   outer -> inner   kListen{port}       answered by kListening{port, error} with a socket, unless error
//   outer -> inner   kConnect{id, port}  answered by kConnected{id, error} with a socket, maybe still connecting
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

enum class HalfKind : std::uint8_t { kReady = 1, kListen, kListening, kConnect, kConnected };
struct HalfMessage {
  HalfKind kind = HalfKind::kReady;
  std::uint16_t port = 0;
  std::uint32_t id = 0;
  std::int32_t error = 0;  // errno, or 0
};
inline constexpr Bytes kHalfMessageSize{12};
inline constexpr std::size_t kReadySockets = 4;

std::string encodeHalf(const HalfMessage& message);
Result<HalfMessage> decodeHalf(std::string_view bytes);

}  // namespace ringfence::sandbox
