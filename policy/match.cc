#include "policy/match.h"

#include <algorithm>

#include "policy/scalars.h"
#include "sdk/base/whole_number.h"

namespace ringfence::policy {
namespace {

std::string_view baseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool isProgram(const std::string& wanted, const std::string& actual) {
  if (wanted.find('/') != std::string::npos) return wanted == actual;
  return wanted == baseName(actual);
}

}  // namespace

std::optional<std::vector<std::string>> splitWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool inWord = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      inWord = true;
    } else if (c == ' ' || c == '\t') {
      if (inWord) words.push_back(std::exchange(word, {}));
      inWord = false;
    } else {
      word += c;
      inWord = true;
    }
  }
  if (quote != 0) return std::nullopt;
  if (inWord) words.push_back(std::move(word));
  return words;
}

bool matchesArgv(const ExecRule& rule, const std::string& executable, const std::vector<std::string>& argv) {
  if (rule.match.empty() || argv.size() < rule.match.size()) return false;
  const std::string& program = rule.match.front();
  const bool claimed = isProgram(program, argv.front());
  const bool known = !executable.empty();
  bool same = known ? isProgram(program, executable) : claimed;
  if (known && rule.decide != Decision::kAllow) same = same || claimed;
  return same && std::equal(rule.match.begin() + 1, rule.match.end(), argv.begin() + 1);
}

std::optional<Endpoint> parseEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  Endpoint endpoint;
  endpoint.port = wholeNumber<std::uint16_t>(text.substr(colon + 1)).value_or(0);
  if (endpoint.port == 0) return std::nullopt;
  // An IPv6 address without brackets would be ambiguous with its port.
  if (host.find(':') != std::string_view::npos && !host.starts_with('[')) return std::nullopt;
  if (host.find('*') != std::string_view::npos) return std::nullopt;
  auto name = parseHost(host);
  if (!name) return std::nullopt;
  endpoint.host = *name;
  endpoint.address = Address::parse(endpoint.host);
  return endpoint;
}

bool matchesHost(const HostRule& rule, const Endpoint& endpoint) {
  if (rule.port && *rule.port != endpoint.port) return false;
  if (!rule.cidr.empty()) {
    const auto range = AddressRange::parse(rule.cidr);
    return range && endpoint.address && range->contains(*endpoint.address);
  }
  if (rule.host.starts_with("*.")) {
    const std::string_view suffix = std::string_view(rule.host).substr(1);
    return !endpoint.address && endpoint.host.size() > suffix.size() && endpoint.host.ends_with(suffix);
  }
  return rule.host == endpoint.host;
}

bool namesLiterally(const HostRule& rule) { return !rule.cidr.empty() || Address::parse(rule.host).has_value(); }

}  // namespace ringfence::policy
