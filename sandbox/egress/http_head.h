// The head of an HTTP/1 request: read strictly, judged, and written again for the next hop. Whatever two programs could
// read differently is refused, because a request that is judged as one thing must not arrive as another. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sandbox/egress/destination.h"
#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr Bytes kMaxHttpHead = kibibytes(64);
inline constexpr std::size_t kMaxHttpFields = 128;

struct HttpField {
  std::string name;  // lower case
  std::string value;
  bool operator==(const HttpField&) const = default;
};
struct HttpHead {
  std::string method;
  std::string target;
  int minorVersion = 1;  // HTTP/1.x
  std::vector<HttpField> fields;
  std::size_t length = 0;  // of the head in bytes, with its last empty line
};

struct NeedMore {};
// Nothing but Error says that the bytes can never become a request.
using HeadParse = std::variant<NeedMore, HttpHead, Error>;
HeadParse parseHttpHead(std::string_view bytes);

struct NoBody {};
struct BodyLength {
  std::uint64_t bytes = 0;
};
struct Chunked {};
using Framing = std::variant<NoBody, BodyLength, Chunked>;
// Fails with kInvalid for a body whose end could be read in two ways: length and chunks at once, two lengths, an
// encoding other than chunked.
Result<Framing> framingOf(const HttpHead& head);

// The words of a comma-separated list, in lower case; of every field of that name.
std::vector<std::string> httpWords(std::string_view value);
std::vector<std::string> httpWords(const HttpHead& head, std::string_view name);

// What a connection is to carry after the answer to its one request (http_upgrade.h).
enum class Upgrade { kNone, kWebSocket };

// The one Host field. Fails when there is none, or two.
Result<Destination> hostOf(const HttpHead& head, std::uint16_t defaultPort);

struct AbsoluteTarget {
  Destination destination;
  std::string origin;  // "/path?query"
};
// "http://host:port/path". Fails for other schemes and for names of users in it.
Result<AbsoluteTarget> parseAbsoluteTarget(std::string_view target);

struct Forwarding {
  std::string target;          // in origin form
  std::string host;            // of the Host field
  std::vector<HttpField> set;  // replaces every field of that name
  Upgrade upgrade = Upgrade::kNone;
};
// The head for the next hop: one request on this connection. What is meant for the next hop alone (Connection and what
// it names, Upgrade, proxy fields) is left out, and said anew where it upgrades. Fails with kInvalid where Connection
// names what frames the body.
Result<std::string> forwardedHead(const HttpHead& head, const Forwarding& how);

}  // namespace ringfence::sandbox
