#include "sandbox/egress/destination.h"

#include <algorithm>

#include "policy/scalars.h"
#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHex(char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); }

// Whether some resolver would read the name as an address: its last part is a number.
bool endsInNumber(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.empty()) return true;
  if (std::ranges::all_of(last, isDigit)) return true;
  return last.starts_with("0x") && std::ranges::all_of(last.substr(2), isHex);
}

Error invalid(std::string_view host, const char* why) {
  return {ErrorCode::kInvalid, "\"" + std::string(host.substr(0, 300)) + "\" " + why};
}

}  // namespace

std::string Destination::text() const {
  const bool bracketed = address && !address->isV4();
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Destination> parseDestination(std::string_view host, std::uint16_t port) {
  if (port == 0) return invalid(host, "has no port");
  if (host.empty() || host.size() > 300 || host.find('\0') != std::string_view::npos)
    return invalid(host, "is no host name");
  if (const auto address = policy::Address::parse(host))
    return Destination{.host = address->text(), .address = address, .port = port};
  if (host.find_first_of("*:[]%") != std::string_view::npos) return invalid(host, "is neither a name nor an address");
  auto name = policy::parseHost(host);
  if (!name) return invalid(host, "is no host name");
  if (endsInNumber(*name)) return invalid(host, "is a number that is no address in its usual form");
  return Destination{.host = std::move(*name), .address = std::nullopt, .port = port};
}

Result<Destination> parseAuthority(std::string_view text, std::optional<std::uint16_t> defaultPort) {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  const bool hasPort = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string_view host = text.substr(0, hasPort ? colon : text.size());
  // Without brackets nobody could tell the port from the address.
  if (host.find(':') != std::string_view::npos && !host.starts_with('['))
    return invalid(text, "is neither a name nor an address with a port");
  if (!hasPort) {
    if (!defaultPort) return invalid(text, "has no port");
    return parseDestination(host, *defaultPort);
  }
  const auto port = wholeNumber<std::uint16_t>(text.substr(colon + 1));
  if (!port) return invalid(text, "has no port");
  return parseDestination(host, *port);
}

}  // namespace ringfence::sandbox
