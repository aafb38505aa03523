// What takes the place of something else, credentials, and grants.
#include <algorithm>
#include <optional>
#include <utility>

#include "policy/address.h"
#include "policy/match.h"
#include "policy/rule_table.h"
#include "policy/scalars.h"
#include "sdk/base/clock.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxContent = 16 * 1024;
constexpr std::size_t kMaxHeaderText = 256;

const Mark& markOf(const RuleTable& fields, std::string_view name, const Value& rule) {
  const Entry* entry = fields.find(name);
  return entry == nullptr ? rule.mark : entry->value.mark;
}

// A path of the rule in its plain form; empty after a complaint.
std::string pathOf(const RuleTable& fields, std::string_view name, const Value& rule, GlobUse globs) {
  const std::string text = fields.needed(name, rule, globs == GlobUse::kAllowed ? "a path or pattern" : "a path");
  if (text.empty()) return {};
  auto parsed = parsePath(text, globs);
  if (parsed) return *std::move(parsed);
  fields.complaints().add(markOf(fields, name, rule), quoteName(text) + " is no path of a rule",
                          parsed.error().message);
  return {};
}

std::string hostOf(const RuleTable& fields, std::string_view name, const Value& rule) {
  const std::string text = fields.needed(name, rule, "\"example.org\"");
  if (text.empty()) return {};
  auto parsed = parseHost(text);
  if (parsed) return *std::move(parsed);
  fields.complaints().add(markOf(fields, name, rule), quoteName(text) + " is no host", parsed.error().message);
  return {};
}

std::optional<PathRewrite> decodePathRewrite(const Value& element, Complaints& complaints) {
  const Table* table = ruleOf(element, "[[files.rewrite]]", complaints);
  if (table == nullptr) return std::nullopt;
  const RuleTable fields(*table, {"match", "to", "content", "why"}, complaints);
  PathRewrite rule;
  rule.pattern = pathOf(fields, "match", element, GlobUse::kAllowed);
  const bool hasContent = fields.find("content") != nullptr;
  if (hasContent == (fields.find("to") != nullptr)) {
    complaints.add(element.mark, "a rewrite has either `to` or `content`",
                   "`to`: where changes go; `content`: what a reader sees");
    return std::nullopt;
  }
  if (hasContent) {
    rule.content = fields.text("content");
    if (rule.content->size() > kMaxContent)
      complaints.add(markOf(fields, "content", element), "prepared content has at most 16 KiB");
  } else {
    rule.to = pathOf(fields, "to", element, GlobUse::kForbidden);
  }
  rule.why = fields.why();
  rule.origin = complaints.place(markOf(fields, "match", element)).origin;
  return rule;
}

std::optional<HostRewrite> decodeHostRewrite(const Value& element, Complaints& complaints) {
  const Table* table = ruleOf(element, "[[network.rewrite]]", complaints);
  if (table == nullptr) return std::nullopt;
  const RuleTable fields(*table, {"host", "port", "to", "why"}, complaints);
  HostRewrite rule;
  rule.host = hostOf(fields, "host", element);
  rule.port = fields.port();
  rule.to = fields.needed("to", element, "\"mirror.example.org\", or with a port");
  const auto alone = parseHost(rule.to);
  const bool isHost = alone && rule.to.find('*') == std::string::npos;
  if (isHost)
    rule.to = *alone;
  else if (!rule.to.empty() && !parseEndpoint(rule.to))
    complaints.add(markOf(fields, "to", element), quoteName(rule.to) + " is no place to connect to",
                   "\"mirror.example.org\" or \"mirror.example.org:443\"");
  rule.why = fields.why();
  rule.origin = complaints.place(markOf(fields, "host", element)).origin;
  return rule;
}

bool isHeaderName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Headers that say where a message ends or who it is for.
bool framesMessages(std::string_view header) {
  static constexpr std::string_view kFraming[] = {
      "host", "content-length", "transfer-encoding", "connection", "upgrade",
      "te",   "trailer",        "keep-alive",        "expect",     "proxy-connection"};
  return std::ranges::find(kFraming, header) != std::end(kFraming);
}

void checkHeader(const Credential& rule, const RuleTable& fields, const Value& element) {
  if (!rule.header.empty() && (!isHeaderName(rule.header) || framesMessages(rule.header))) {
    fields.complaints().add(markOf(fields, "header", element),
                            quoteName(rule.header) + " is no header for a credential",
                            "in lower case: \"authorization\", \"x-api-key\"");
  }
  const bool printable = std::ranges::all_of(rule.prefix, [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable || rule.prefix.size() > kMaxHeaderText)
    fields.complaints().add(markOf(fields, "prefix", element), "a prefix is plain text of one line: \"Bearer \"");
}

void checkVariable(const std::string& name, std::string_view key, const RuleTable& fields, const Value& element) {
  if (name.empty()) return;
  if (!isVariableName(name) || name.starts_with("RINGFENCE_")) {
    fields.complaints().add(markOf(fields, key, element), quoteName(name) + " cannot be the name of a variable here",
                            "letters, digits and _; not RINGFENCE_…");
  }
}

std::optional<Credential> decodeCredential(const Value& element, Complaints& complaints) {
  const Table* table = ruleOf(element, "[[network.credential]]", complaints);
  if (table == nullptr) return std::nullopt;
  const RuleTable fields(*table, {"host", "port", "header", "prefix", "from", "base"}, complaints);
  Credential rule;
  rule.host = hostOf(fields, "host", element);
  if (rule.host.find('*') != std::string::npos || Address::parse(rule.host)) {
    complaints.add(markOf(fields, "host", element), quoteName(rule.host) + " is not one host with a name",
                   "a credential goes to the holder of one certificate");
  }
  rule.port = fields.port().value_or(443);
  rule.header = fields.needed("header", element, "\"authorization\"");
  rule.prefix = fields.text("prefix");
  rule.fromVariable = fields.needed("from", element, "the variable of yours that holds the value");
  rule.baseVariable = fields.needed("base", element, "the variable that names the base URL to the agent");
  checkHeader(rule, fields, element);
  checkVariable(rule.fromVariable, "from", fields, element);
  checkVariable(rule.baseVariable, "base", fields, element);
  rule.origin = complaints.place(markOf(fields, "host", element)).origin;
  return rule;
}

// The target in the form in which actions name theirs; empty after a complaint.
std::string targetOf(const RuleTable& fields, Operation operation, const Value& element) {
  if (operation == Operation::kConnect) {
    std::string text = fields.needed("target", element, "\"example.org:443\"");
    if (!text.empty() && !parseEndpoint(text))
      fields.complaints().add(markOf(fields, "target", element), quoteName(text) + " is no host with a port",
                              "\"example.org:443\"");
    return text;
  }
  if (operation == Operation::kCall) return fields.needed("target", element, "the name of a tool");
  std::string path = pathOf(fields, "target", element, GlobUse::kForbidden);
  if (!path.empty() && !path.starts_with('/') && operation == Operation::kExec) {
    fields.complaints().add(markOf(fields, "target", element), quoteName(path) + " is no program",
                            "its absolute path, as it is when all links are followed");
  }
  return path;
}

std::optional<Grant> decodeGrant(const Value& element, Complaints& complaints) {
  const Table* table = ruleOf(element, "[[grant]]", complaints);
  if (table == nullptr) return std::nullopt;
  const RuleTable fields(*table, {"op", "target", "argv", "until", "why"}, complaints);
  const auto operation = choiceOf(fields, "op", {"read", "write", "exec", "connect", "call"}, element);
  if (!operation) return std::nullopt;
  Grant grant;
  grant.operation = static_cast<Operation>(*operation);
  grant.target = targetOf(fields, grant.operation, element);
  for (auto& [word, mark] : fields.texts("argv")) {
    if (word.find('\0') != std::string::npos) complaints.add(mark, "no argument can hold a NUL byte");
    grant.argv.push_back(std::move(word));
  }
  if ((grant.operation == Operation::kExec) != !grant.argv.empty()) {
    complaints.add(markOf(fields, "argv", element), "`argv` is all words of a command, and only of op = \"exec\"",
                   "argv = [\"git\", \"push\", \"origin\"]");
  }
  grant.until = fields.text("until");
  if (!grant.until.empty() && !parseRfc3339(grant.until)) {
    complaints.add(markOf(fields, "until", element), quoteName(grant.until) + " is no time",
                   "\"2026-12-31T23:59:59Z\"");
  }
  grant.why = fields.why();
  grant.origin = complaints.place(markOf(fields, "target", element)).origin;
  return grant;
}

}  // namespace

std::vector<PathRewrite> decodePathRewrites(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<PathRewrite>(value, key, complaints, decodePathRewrite);
}
std::vector<HostRewrite> decodeHostRewrites(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<HostRewrite>(value, key, complaints, decodeHostRewrite);
}
std::vector<Credential> decodeCredentials(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<Credential>(value, key, complaints, decodeCredential);
}
std::vector<Grant> decodeGrants(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<Grant>(value, key, complaints, decodeGrant);
}

}  // namespace ringfence::policy
