// Matching of rules against what happens: command lines and hosts. Paths are in evaluate.h. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/address.h"
#include "policy/document.h"

namespace ringfence::policy {

// Splits at blanks; '…' and "…" keep blanks. Nothing when a quote does not end.
std::optional<std::vector<std::string>> splitWords(std::string_view line);

// Whether the rule's words are the first of `argv`. The program is compared with `executable`, the resolved path (when
// known), and, unless the rule allows, with what argv[0] claims too: a false name must not escape a rule that forbids
// or asks, nor win one that allows.
bool matchesArgv(const ExecRule& rule, const std::string& executable, const std::vector<std::string>& argv);

struct Endpoint {
  std::string host;  // lower case, or the text of `address`
  std::optional<Address> address;
  std::uint16_t port = 0;
};

// "host:port" or "[v6]:port". Nothing when it is neither.
std::optional<Endpoint> parseEndpoint(std::string_view text);
bool matchesHost(const HostRule& rule, const Endpoint& endpoint);
// Whether the rule says the address itself, or a range around it, rather than a name.
bool namesLiterally(const HostRule& rule);

}  // namespace ringfence::policy
