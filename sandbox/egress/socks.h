// SOCKS 5 (RFC 1928), the part that a client without a password speaks. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "sandbox/egress/destination.h"
#include "sandbox/egress/http_head.h"

namespace ringfence::sandbox {

inline constexpr char kSocksVersion = 5;

enum class SocksReply : std::uint8_t {
  kSucceeded = 0,
  kFailure = 1,
  kNotAllowed = 2,
  kHostUnreachable = 4,
  kRefused = 5,
  kCommandUnknown = 7,
  kAddressUnknown = 8,
};

struct SocksGreeting {
  std::size_t length = 0;
  bool withoutPassword = false;
};
using GreetingParse = std::variant<NeedMore, SocksGreeting, Error>;
GreetingParse parseSocksGreeting(std::string_view bytes);
std::string socksGreetingReply(const SocksGreeting& greeting);

struct SocksRequest {
  std::size_t length = 0;
  Destination destination;
};
struct SocksRefusal {
  SocksReply reply = SocksReply::kFailure;
  std::string why;
  std::string host;  // as it was asked for; for the log
};
using RequestParse = std::variant<NeedMore, SocksRequest, SocksRefusal>;
RequestParse parseSocksRequest(std::string_view bytes);
std::string socksReply(SocksReply reply);

}  // namespace ringfence::sandbox
