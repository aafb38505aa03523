// The first message of a TLS client, as far as it says whom it wants. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "sandbox/egress/http_head.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxClientHello = kibibytes(64);

struct ClientHello {
  std::optional<std::string> serverName;  // lower case
  bool encrypted = false;                 // has an encrypted hello: `serverName` may then be anybody's
};
struct NotTls {};  // the first bytes are something else
using HelloParse = std::variant<NeedMore, NotTls, ClientHello, Error>;
// Error: it begins as TLS does, and cannot be read to its end in one way.
HelloParse parseClientHello(std::string_view bytes);

}  // namespace ringfence::sandbox
