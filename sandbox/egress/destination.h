// Where a connection goes, as a checked value: a name in lower case or an address in its one usual form. Pure; nothing
// is resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/address.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct Destination {
  std::string host;                        // lower case without the last dot, or the text of `address`
  std::optional<policy::Address> address;  // the host is an address
  std::uint16_t port = 0;

  // "host:port", "[v6]:port": what the policy judges.
  std::string text() const;
  bool operator==(const Destination&) const = default;
};

// Fails with kInvalid for what is no name, and for numbers in forms that other programs would take for an address
// ("0x7f.1", "2130706433", "127.1", "017700000001"): whoever reads them differently would reach something else.
Result<Destination> parseDestination(std::string_view host, std::uint16_t port);

// "host:port", "host", "[v6]:port" or "[v6]". Without `defaultPort` the port must be there.
Result<Destination> parseAuthority(std::string_view text, std::optional<std::uint16_t> defaultPort);

}  // namespace ringfence::sandbox
