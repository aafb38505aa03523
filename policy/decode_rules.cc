#include <algorithm>
#include <optional>
#include <utility>

#include "policy/address.h"
#include "policy/match.h"
#include "policy/rule_table.h"
#include "policy/scalars.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

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
  rule.port = fields.port();
  rule.why = fields.why();
  rule.origin = complaints.place(element.mark).origin;
  return rule;
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

// The words in place of the matched ones.
void decodeRewrite(const RuleTable& fields, const Value& element, ExecRule& rule) {
  Complaints& complaints = fields.complaints();
  const Entry* entry = fields.find("rewrite");
  if ((entry != nullptr) != (rule.decide == Decision::kRewrite)) {
    complaints.add(entry != nullptr ? entry->keyMark : element.mark,
                   "`rewrite` belongs to decide = \"rewrite\", and that to it",
                   "rewrite = [\"git\", \"push\", \"--dry-run\"]");
    return;
  }
  for (auto& [text, mark] : fields.texts("rewrite")) {
    if (text.find('\0') != std::string::npos) complaints.add(mark, "no argument can hold a NUL byte");
    rule.rewrite.push_back(std::move(text));
  }
  if (entry == nullptr) return;
  const std::string& matched = rule.match.front();
  const std::string program = rule.rewrite.empty() ? std::string() : rule.rewrite.front();
  const bool same = program == matched || program == matched.substr(matched.rfind('/') + 1);
  if (!same && !(program.starts_with('/') && parsePath(program, GlobUse::kForbidden))) {
    complaints.add(entry->value.mark, "`rewrite` begins with the matched program or the absolute path of another one",
                   "[" + quoteName(matched) + ", …] or [\"/usr/bin/…\", …]");
  }
}

std::optional<ExecRule> decodeExecRule(const Value& element, Complaints& complaints) {
  const auto* table = std::get_if<Table>(&element.content);
  if (table == nullptr) {
    complaints.add(element.mark, std::string("a rule is a table, not ") + kindName(element), "[[exec.rule]]");
    return std::nullopt;
  }
  const RuleTable fields(*table, {"match", "decide", "rewrite", "why", "tests"}, complaints);
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
  const auto decision = choiceOf(fields, "decide", {"allow", "ask", "forbid", "rewrite"}, element);
  if (!decision) return std::nullopt;
  rule.decide = static_cast<Decision>(*decision);
  decodeRewrite(fields, element, rule);
  rule.why = fields.why();
  rule.origin = complaints.place(fields.find("match")->keyMark).origin;
  runInlineTests(fields, rule, complaints);
  return rule;
}

std::optional<ToolRule> decodeToolRule(const Value& element, Complaints& complaints) {
  const Table* table = ruleOf(element, "[[tools.rule]]", complaints);
  if (table == nullptr) return std::nullopt;
  const RuleTable fields(*table, {"match", "decide", "why"}, complaints);
  ToolRule rule;
  for (auto& [text, mark] : fields.texts("match")) {
    if (text.empty() || text.find('\0') != std::string::npos) complaints.add(mark, "an empty name matches nothing");
    rule.match.push_back(std::move(text));
  }
  if (rule.match.empty()) {
    complaints.add(element.mark, "a rule needs `match`, a list of names of tools", "match = [\"deploy*\"]");
    return std::nullopt;
  }
  const auto decision = choiceOf(fields, "decide", {"allow", "ask", "forbid"}, element);
  if (!decision) return std::nullopt;
  rule.decide = static_cast<Decision>(*decision);
  rule.why = fields.why();
  rule.origin = complaints.place(fields.find("match")->keyMark).origin;
  return rule;
}

}  // namespace

std::vector<HostRule> decodeHosts(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<HostRule>(value, key, complaints, decodeHost);
}

std::vector<ExecRule> decodeExecRules(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<ExecRule>(value, key, complaints, decodeExecRule);
}

std::vector<ToolRule> decodeToolRules(const Value& value, std::string_view key, Complaints& complaints) {
  return decodeEach<ToolRule>(value, key, complaints, decodeToolRule);
}

}  // namespace ringfence::policy
