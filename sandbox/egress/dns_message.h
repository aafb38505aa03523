// DNS messages: the questions of the agent and what they are answered with, and our own questions to the host's
// resolver. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/address.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxDnsMessage = 4096;
inline constexpr std::uint16_t kDnsA = 1, kDnsAaaa = 28;

enum class DnsCode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5
};

struct DnsQuestion {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::string name;  // lower case, without the last dot; "." for the root
  std::uint16_t type = 0;
  std::string section;  // the question as it came, repeated in the answer
};
struct DnsIgnore {};  // not a question: no answer
struct DnsRefuse {    // answered without a question section
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  DnsCode code = DnsCode::kFormatError;
};
using DnsQuery = std::variant<DnsQuestion, DnsIgnore, DnsRefuse>;
DnsQuery parseDnsQuery(std::string_view bytes);

struct DnsAddress {
  std::uint32_t v4 = 0;  // host byte order
  std::uint32_t seconds = 0;
};
std::string dnsAnswer(const DnsQuestion& question, DnsCode code, std::optional<DnsAddress> address = std::nullopt);
std::string dnsAnswer(const DnsRefuse& refuse);

// ---- the other side -------------------------------------------------------------------------------------------------

// Fails with kInvalid when the name does not fit into a question.
Result<std::string> dnsQuestion(std::uint16_t id, std::string_view name, std::uint16_t type);

struct DnsReply {
  DnsCode code = DnsCode::kNoError;
  bool truncated = false;
  std::vector<policy::Address> addresses;  // at most 16, of `type`, along the aliases from the name
};
// Nothing: this is no answer to that question, or no message at all.
std::optional<DnsReply> parseDnsReply(std::string_view bytes, std::uint16_t id, std::string_view name,
                                      std::uint16_t type);

}  // namespace ringfence::sandbox
