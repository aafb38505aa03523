#include "ui/cli/host_grant.h"

#include <charconv>

#include "policy/address.h"
#include "policy/scalars.h"

namespace ringfence::cli {

Result<client::HostGrant> parseHostGrant(std::string_view text) {
  client::HostGrant grant;
  std::string_view host = text;
  // The colons of an address without brackets belong to it.
  const std::size_t colon = policy::Address::parse(text) ? text.npos : text.rfind(':');
  if (colon != text.npos && !text.ends_with(']')) {
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), grant.port);
    if (error != std::errc() || end != port.data() + port.size() || grant.port == 0)
      return Error{ErrorCode::kInvalid, "the port is no number from 1 to 65535"};
    host = text.substr(0, colon);
  }
  grant.host = RF_TRY(policy::parseHost(host));
  return grant;
}

}  // namespace ringfence::cli
