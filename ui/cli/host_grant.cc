#include "ui/cli/host_grant.h"

#include "policy/address.h"
#include "policy/scalars.h"
#include "sdk/base/whole_number.h"

namespace ringfence::cli {

Result<client::HostGrant> parseHostGrant(std::string_view text) {
  client::HostGrant grant;
  std::string_view host = text;
  // The colons of an address without brackets belong to it.
  const std::size_t colon = policy::Address::parse(text) ? text.npos : text.rfind(':');
  if (colon != text.npos && !text.ends_with(']')) {
    grant.port = wholeNumber<std::uint16_t>(text.substr(colon + 1)).value_or(0);
    if (grant.port == 0) return Error{ErrorCode::kInvalid, "the port is no number from 1 to 65535"};
    host = text.substr(0, colon);
  }
  grant.host = RF_TRY(policy::parseHost(host));
  return grant;
}

}  // namespace ringfence::cli
