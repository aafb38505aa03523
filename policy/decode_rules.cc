#include <algorithm>
#include <optional>
#include <utility>

#include "policy/address.h"
#include "policy/decode.h"
#include "policy/match.h"
#include "policy/scalars.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxWhy = 500;

// The fields of one rule's table, each looked up once; what is left over is unknown.
class RuleTable {
 public:
  RuleTable(const Table& table, std::vector<std::string_view> names, Complaints& complaints)
      : table_(table), complaints_(complaints) {
    for (const Entry& entry : table) {
      if (complaints_.isFull()) return;
      if (std::ranges::find(names, entry.key) != names.end()) continue;
      complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + " in a rule", suggest(entry.key, names));
    }
  }

  const Entry* find(std::string_view name) const {
    const auto found = std::ranges::find(table_, name, &Entry::key);
    return found == table_.end() ? nullptr : &*found;
  }

  // The string under `name`; empty when absent. Complains about any other type.
  std::string text(std::string_view name) const {
    const Entry* entry = find(name);
    if (entry == nullptr) return {};
    if (const auto* value = std::get_if<std::string>(&entry->value.content)) return *value;
    complaints_.add(entry->value.mark, "`" + std::string(name) + "` takes a string, not " + kindName(entry->value));
    return {};
  }

  std::string why() const { return escapeForDisplay(text("why").substr(0, kMaxWhy)); }

  // The strings of a list, with their marks.
  std::vector<std::pair<std::string, Mark>> texts(std::string_view name) const {
    std::vector<std::pair<std::string, Mark>> result;
    const Entry* entry = find(name);
    if (entry == nullptr) return result;
    const auto* array = std::get_if<Array>(&entry->value.content);
    if (array == nullptr) {
      complaints_.add(entry->value.mark,
                      "`" + std::string(name) + "` takes a list of strings, not " + kindName(entry->value));
      return result;
    }
    for (const Value& element : *array) {
      if (complaints_.isFull()) break;
      if (const auto* value = std::get_if<std::string>(&element.content))
        result.emplace_back(*value, element.mark);
      else
        complaints_.add(element.mark,
                        "`" + std::string(name) + "` takes a list of strings, not of " + kindName(element));
    }
    return result;
  }

 private:
  const Table& table_;
  Complaints& complaints_;
};

std::optional<std::uint16_t> portOf(const RuleTable& rule, Complaints& complaints) {
  const Entry* entry = rule.find("port");
  if (entry == nullptr) return std::nullopt;
  const auto* number = std::get_if<std::int64_t>(&entry->value.content);
  if (number != nullptr && *number >= 1 && *number <= 65535) return static_cast<std::uint16_t>(*number);
  complaints.add(entry->value.mark, "a port is a number from 1 to 65535");
  return std::nullopt;
}

std::optional<HostRule> decodeHost(const Value& element, Complaints& complaints) {
  const auto* table = std::get_if<Table>(&element.content);
  if (table == nullptr) {
    complaints.add(element.mark, std::string("a host rule is a table, not ") + kindName(element),
                   "{ host = \"example.org\", port = 443 }");
    return std::nullopt;
  }
  const RuleTable fields(*table, {"host", "cidr", "port", "why"}, complaints);
  HostRule rule;
  const Entry* host = fields.find("host");
  const Entry* cidr = fields.find("cidr");
  if ((host == nullptr) == (cidr == nullptr)) {
    complaints.add(element.mark, "a host rule has either `host` or `cidr`");
    return std::nullopt;
  }
  if (host != nullptr) {
    auto parsed = parseHost(fields.text("host"));
    if (parsed)
      rule.host = *parsed;
    else
      complaints.add(host->value.mark, quoteName(fields.text("host")) + " is no host", parsed.error().message);
  } else {
    rule.cidr = fields.text("cidr");
    if (!AddressRange::parse(rule.cidr)) {
      complaints.add(cidr->value.mark, quoteName(rule.cidr) + " is no address range",
                     "\"169.254.0.0/16\", with zeros after the prefix");
    }
  }
  rule.port = portOf(fields, complaints);
  rule.why = fields.why();
  rule.origin = complaints.place(element.mark).origin;
  return rule;
}

std::optional<Decision> decisionOf(const RuleTable& fields, const Value& rule, Complaints& complaints) {
  static constexpr std::pair<std::string_view, Decision> kNames[] = {{"allow", Decision::kAllow},
                                                                     {"ask", Decision::kAsk},
                                                                     {"forbid", Decision::kForbid},
                                                                     {"rewrite", Decision::kRewrite}};
  const Entry* entry = fields.find("decide");
  if (entry == nullptr) {
    complaints.add(rule.mark, "a rule needs `decide`", "one of `allow`, `ask`, `forbid`, `rewrite`");
    return std::nullopt;
  }
  const std::string text = fields.text("decide");
  std::vector<std::string_view> names;
  for (const auto& [name, decision] : kNames) {
    if (name == text) return decision;
    names.push_back(name);
  }
  const std::string help = suggest(text, names);
  complaints.add(entry->value.mark, quoteName(text) + " is no decision",
                 help.empty() ? "one of `allow`, `ask`, `forbid`, `rewrite`" : help);
  return std::nullopt;
}

// Runs the examples that a rule brings along: a rule that does not do what its author shows is not loaded.
void runInlineTests(const RuleTable& fields, const ExecRule& rule, Complaints& complaints) {
  const Entry* entry = fields.find("tests");
  if (entry == nullptr) return;
  const auto* table = std::get_if<Table>(&entry->value.content);
  if (table == nullptr) {
    complaints.add(entry->value.mark, "`tests` is a table", "{ match = [\"git push\"], miss = [\"git status\"] }");
    return;
  }
  const RuleTable tests(*table, {"match", "miss"}, complaints);
  for (const std::string_view kind : {"match", "miss"}) {
    for (const auto& [line, mark] : tests.texts(kind)) {
      const auto words = splitWords(line);
      if (!words || words->empty()) {
        complaints.add(mark, "inline test " + quoteName(line) + " is not a command line");
      } else if (matchesArgv(rule, "", *words) != (kind == "match")) {
        complaints.add(
            mark, "inline test fails: " + quoteName(line) + (kind == "match" ? " is not matched" : " is matched"),
            kind == "match" ? "the rule misses what it should match" : "the rule matches what it should miss");
      }
    }
  }
}

std::optional<ExecRule> decodeExecRule(const Value& element, Complaints& complaints) {
  const auto* table = std::get_if<Table>(&element.content);
  if (table == nullptr) {
    complaints.add(element.mark, std::string("a rule is a table, not ") + kindName(element), "[[exec.rule]]");
    return std::nullopt;
  }
  const RuleTable fields(*table, {"match", "decide", "why", "tests"}, complaints);
  ExecRule rule;
  for (auto& [text, mark] : fields.texts("match")) {
    if (text.empty() || text.find('\0') != std::string::npos) complaints.add(mark, "an empty word matches nothing");
    rule.match.push_back(std::move(text));
  }
  if (rule.match.empty()) {
    complaints.add(element.mark, "a rule needs `match`, a list that begins with a program");
    return std::nullopt;
  }
  const std::string& program = rule.match.front();
  if (program.find('/') != std::string::npos && !parsePath(program, GlobUse::kForbidden)) {
    complaints.add(fields.find("match")->value.mark, quoteName(program) + " is no program",
                   "a base name, or an absolute path without `..`");
  }
  const auto decision = decisionOf(fields, element, complaints);
  if (!decision) return std::nullopt;
  rule.decide = *decision;
  rule.why = fields.why();
  rule.origin = complaints.place(fields.find("match")->keyMark).origin;
  runInlineTests(fields, rule, complaints);
  return rule;
}

template <typename Rule>
std::vector<Rule> decodeEach(const Value& value, std::string_view key, Complaints& complaints,
                             std::optional<Rule> (*decode)(const Value&, Complaints&)) {
  std::vector<Rule> rules;
  const auto* array = std::get_if<Array>(&value.content);
  if (array == nullptr) {
    complaints.add(value.mark, "`" + std::string(key) + "` takes a list of tables, not " + kindName(value));
    return rules;
  }
  for (const Value& element : *array) {
    if (complaints.isFull()) break;
    if (auto rule = decode(element, complaints)) rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace

std::vector<HostRule> decodeHosts(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<HostRule>(value, key, complaints, decodeHost);
}

std::vector<ExecRule> decodeExecRules(const Value& value, Complaints& complaints) {
  return decodeEach<ExecRule>(value, "exec.rule", complaints, decodeExecRule);
}

}  // namespace ringfence::policy
