#include "sandbox/egress/socks.h"

#include <arpa/inet.h>

namespace ringfence::sandbox {
namespace {

constexpr char kConnect = 1;
constexpr char kV4 = 1, kName = 3, kV6 = 4;

std::size_t byteAt(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::string addressText(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, bytes.data(), text, sizeof text) == nullptr ? std::string() : text;
}

}  // namespace

GreetingParse parseSocksGreeting(std::string_view bytes) {
  if (bytes.empty()) return NeedMore{};
  if (bytes[0] != kSocksVersion) return Error{ErrorCode::kInvalid, "only version 5 of SOCKS is spoken here"};
  if (bytes.size() < 2) return NeedMore{};
  const std::size_t methods = byteAt(bytes, 1);
  if (bytes.size() < 2 + methods) return NeedMore{};
  return SocksGreeting{.length = 2 + methods,
                       .withoutPassword = bytes.substr(2, methods).find('\0') != std::string_view::npos};
}

std::string socksGreetingReply(const SocksGreeting& greeting) {
  return {kSocksVersion, greeting.withoutPassword ? '\0' : '\xff'};
}

RequestParse parseSocksRequest(std::string_view bytes) {
  if (bytes.size() < 5) return NeedMore{};
  if (bytes[0] != kSocksVersion || bytes[2] != 0)
    return SocksRefusal{.reply = SocksReply::kFailure, .why = "this is no request of SOCKS 5", .host = {}};
  const char type = bytes[3];
  if (type != kV4 && type != kName && type != kV6)
    return SocksRefusal{.reply = SocksReply::kAddressUnknown, .why = "an unknown kind of address", .host = {}};
  const std::size_t start = type == kName ? 5 : 4;
  const std::size_t length = type == kV4 ? 4 : type == kV6 ? 16 : byteAt(bytes, 4);
  if (bytes.size() < start + length + 2) return NeedMore{};
  const std::string_view raw = bytes.substr(start, length);
  const std::string host = type == kName ? std::string(raw) : addressText(type == kV4 ? AF_INET : AF_INET6, raw);
  if (bytes[1] != kConnect)
    return SocksRefusal{.reply = SocksReply::kCommandUnknown, .why = "only connections are made", .host = host};
  const std::size_t port = byteAt(bytes, start + length) << 8 | byteAt(bytes, start + length + 1);
  auto destination = parseDestination(host, static_cast<std::uint16_t>(port));
  if (!destination)
    return SocksRefusal{.reply = SocksReply::kNotAllowed, .why = destination.error().message, .host = host};
  return SocksRequest{.length = start + length + 2, .destination = std::move(*destination)};
}

std::string socksReply(SocksReply reply) {
  // The address that was bound: none is told.
  return {kSocksVersion, static_cast<char>(reply), 0, kV4, 0, 0, 0, 0, 0, 0};
}

}  // namespace ringfence::sandbox
