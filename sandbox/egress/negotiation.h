// What a client of the proxy port wants, from its first bytes: SOCKS 5, HTTP CONNECT, a plain HTTP request for another
// host, or a request with a credential. And what the first bytes through a connection may say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "sandbox/egress/destination.h"
#include "sandbox/egress/http_head.h"

namespace ringfence::sandbox {

enum class Protocol { kConnect, kSocks, kForward, kCredential, kRedirected, kLoopback, kPublished };
// For the log: "http-connect".
const char* protocolName(Protocol protocol);

struct Wanted {
  Protocol protocol = Protocol::kConnect;
  Destination destination;     // not of kCredential
  std::size_t credential = 0;  // of kCredential
  HttpHead head;               // of kForward and kCredential
  std::string origin;          // "/path" of them
  Framing framing;             // of them
  Upgrade upgrade = Upgrade::kNone;
  std::size_t consumed = 0;  // bytes that are no part of what goes to the other side
};
// The client is told `reply` and the connection ends. `host`: what it seemed to want, for the log; empty: nothing.
struct Refused {
  std::string reply;
  std::string why;
  std::string host;
  enum class Kind { kMalformed, kOddHost } kind = Kind::kMalformed;  // kOddHost: told as any other denial is
};
// Something to tell before the client goes on.
struct Answered {
  std::string reply;
  std::size_t consumed = 0;
};
using Negotiated = std::variant<NeedMore, Answered, Wanted, Refused>;

class Negotiation {
 public:
  // All bytes of the client that were not consumed before.
  Negotiated step(std::string_view bytes);

 private:
  bool greeted_ = false;
};

// "HTTP/1.1 STATUS …" with a body; the connection ends after it.
std::string httpReply(std::string_view status, std::string_view contentType, std::string_view body);

// ---- the first bytes through a connection --------------------------------------------------------------------------

struct Pass {
  std::string instead;  // for the `consumed` bytes
  std::size_t consumed = 0;
  std::optional<Framing> framing;  // one request, and nothing after it but
  Upgrade upgrade = Upgrade::kNone;
};
struct Mismatch {
  std::string why;
};
using GateLook = std::variant<NeedMore, Pass, Mismatch>;
struct Gate {
  Destination judged;
  std::string host;  // of the Host field that goes on: another one where the connection was rewritten
};

// What is said within the connection must be what was judged: port 80 carries one HTTP request for this host; a TLS
// hello names this host, or nobody. Anything else is not looked at. An encrypted hello hides whom it names.
GateLook lookThroughGate(std::string_view bytes, const Gate& gate);

}  // namespace ringfence::sandbox
