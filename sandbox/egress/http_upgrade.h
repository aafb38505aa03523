// A request that wants its connection to carry another protocol afterwards (ws://): whether it may, and what the other
// side says to it. Until that has agreed nothing more of the client goes on, or a second request could. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "sandbox/egress/http_head.h"

namespace ringfence::sandbox {

// kNone also where everything that is offered may be passed over: HTTP/2 and TLS, in which other hosts could be named.
// The other side then answers as if it had not been offered. Fails with kInvalid, in words, for what is not carried.
Result<Upgrade> upgradeOf(const HttpHead& head, const Framing& framing);

struct UpgradeReply {
  enum class Kind {
    kInterim,   // another one follows
    kUpgraded,  // what follows is the other protocol, both ways
    kRefused,   // an ordinary answer to one request
  };
  Kind kind = Kind::kRefused;
  std::string head;        // for the client
  std::size_t length = 0;  // of the bytes that it stands for
};
// Of the first bytes of the other side. Error: they are no answer to the request.
std::variant<NeedMore, UpgradeReply, Error> readUpgradeReply(std::string_view bytes);

}  // namespace ringfence::sandbox
