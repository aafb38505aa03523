// Programs and hosts.
#include <algorithm>
#include <optional>
#include <utility>

#include "policy/rule_book.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// The decisions from the one that wins over all others to the one that yields to all.
constexpr Decision kByStrength[] = {Decision::kForbid, Decision::kAsk, Decision::kRewrite, Decision::kAllow};

std::string_view baseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string ruleText(const ExecRule& rule) {
  std::string text = "exec.rule";
  for (const std::string& word : rule.match) text += " " + escapeForDisplay(word);
  return text;
}

Verdict byExec(const ExecRule& rule) {
  Verdict verdict;
  verdict.decision = rule.decide;
  verdict.origin = rule.origin;
  verdict.rule = ruleText(rule);
  verdict.why = rule.why;
  return verdict;
}

const Grant* execGrant(const Document& document, const Action& action) {
  for (const Grant& grant : document.grants) {
    if (grant.operation == Operation::kExec && grant.target == action.target && grant.argv == action.argv)
      return &grant;
  }
  return nullptr;
}

// The words of the rule in place of those it matches. Nothing when they name a program that is found nowhere.
std::optional<Action> replacedBy(const ExecRule& rule, const Action& action) {
  Action replaced = action;
  if (replaced.argv.empty()) replaced.argv.push_back(action.target);
  if (rule.rewrite.empty()) return std::nullopt;
  const std::string& program = rule.rewrite.front();
  std::vector<std::string> words = rule.rewrite;
  if (program.starts_with('/'))
    replaced.target = program;
  else if (program == baseName(rule.match.front()))
    words.front() = replaced.argv.front();
  else
    return std::nullopt;
  const auto rest = replaced.argv.begin() + static_cast<std::ptrdiff_t>(rule.match.size());
  words.insert(words.end(), rest, replaced.argv.end());
  replaced.argv = std::move(words);
  return replaced;
}

std::string ruleText(std::string_view key, const HostRule& rule) {
  std::string text = std::string(key) + " " + (rule.cidr.empty() ? rule.host : rule.cidr);
  if (rule.port) text += ":" + std::to_string(*rule.port);
  return text;
}

enum class Naming { kAny, kLiteral };

bool applies(const HostRule& rule, const Endpoint& endpoint, Naming naming) {
  return matchesHost(rule, endpoint) && (naming == Naming::kAny || namesLiterally(rule) || rule.host == endpoint.host);
}

std::optional<Verdict> byHost(Decision decision, std::string_view key, const std::vector<HostRule>& rules,
                              const Endpoint& endpoint, Naming naming) {
  for (const HostRule& rule : rules) {
    if (!applies(rule, endpoint, naming)) continue;
    Verdict verdict;
    verdict.decision = decision;
    verdict.origin = rule.origin;
    verdict.rule = ruleText(key, rule);
    verdict.why = rule.why;
    return verdict;
  }
  return std::nullopt;
}

HostRule asRule(const HostRewrite& rewrite) {
  HostRule rule;
  rule.host = rewrite.host;
  rule.port = rewrite.port;
  return rule;
}

bool isLocal(const Endpoint& endpoint) {
  if (endpoint.address) return endpoint.address->isSpecial();
  return endpoint.host == "localhost" || endpoint.host.ends_with(".localhost");
}

Naming namingOf(const Endpoint& endpoint) { return isLocal(endpoint) ? Naming::kLiteral : Naming::kAny; }

const Grant* connectGrant(const Document& document, const Endpoint& endpoint) {
  for (const Grant& grant : document.grants) {
    if (grant.operation != Operation::kConnect) continue;
    const auto granted = parseEndpoint(grant.target);
    if (granted && granted->host == endpoint.host && granted->port == endpoint.port) return &grant;
  }
  return nullptr;
}

// "*" stands for any text and "?" for one byte. In a time that grows with both lengths, never with their power.
bool matchesTool(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, afterStar = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      afterStar = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++afterStar;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

const Grant* callGrant(const Document& document, const std::string& tool) {
  const auto found = std::ranges::find_if(
      document.grants, [&](const Grant& grant) { return grant.operation == Operation::kCall && grant.target == tool; });
  return found == document.grants.end() ? nullptr : &*found;
}

std::string textOf(const Endpoint& endpoint) {
  const bool brackets = endpoint.host.find(':') != std::string::npos;
  return (brackets ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace

std::vector<std::size_t> RuleBook::execRules(const std::string& executable, const std::string& claimed) const {
  std::vector<std::size_t> found;
  for (const std::string_view name : {baseName(executable), baseName(claimed)}) {
    const auto rules = exec_.find(name);
    if (rules != exec_.end()) found.insert(found.end(), rules->second.begin(), rules->second.end());
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Verdict RuleBook::judgeExec(const Action& action, Rewrites rewrites) const {
  const std::string executable = action.target.starts_with('/') ? action.target : std::string();
  std::vector<std::string> argv = action.argv;
  if (argv.empty()) argv.push_back(action.target);
  const std::string& path = executable.empty() ? argv.front() : executable;
  // A rule cannot make runnable what the agent cannot see.
  const Verdict visible = path.starts_with('/') ? judgePath(Operation::kRead, path, Rewrites::kIgnore)
                                                : notGranted("the path of the program is not known");
  const std::vector<std::size_t> candidates = execRules(executable, argv.front());
  for (const Decision decision : kByStrength) {
    for (const std::size_t index : candidates) {
      const ExecRule& rule = document_.exec[index];
      if (rule.decide != decision || !matchesArgv(rule, executable, argv)) continue;
      if (decision == Decision::kForbid) return byExec(rule);
      if (decision == Decision::kAllow) {
        if (!executable.empty() && visible.decision != Decision::kAllow) return visible;
        return byExec(rule);
      }
      if (decision == Decision::kAsk && !executable.empty() && visible.decision == Decision::kForbid) return visible;
      const Grant* grant = execGrant(document_, action);
      if (grant != nullptr && visible.decision == Decision::kAllow) return grantedBy(*grant);
      if (decision == Decision::kAsk) return byExec(rule);
      if (rewrites == Rewrites::kFollow) return rewritten(rule, action);
    }
  }
  return visible;
}

Verdict RuleBook::rewritten(const ExecRule& rule, const Action& action) const {
  Verdict verdict = byExec(rule);
  std::optional<Action> replaced = replacedBy(rule, action);
  if (!replaced) {
    verdict.decision = Decision::kForbid;
    verdict.why = "the rewrite names a program that is neither the matched one nor an absolute path";
    return verdict;
  }
  const Verdict there = judgeExec(*replaced, Rewrites::kIgnore);
  if (there.decision != Decision::kAllow) return leadsAstray(std::move(verdict), replaced->target, there);
  if (replaced->target != action.target) verdict.replacement.path = std::move(replaced->target);
  verdict.replacement.argv = std::move(replaced->argv);
  return verdict;
}

Verdict RuleBook::judgeCall(const std::string& tool) const {
  const Grant* grant = callGrant(document_, tool);
  for (const Decision decision : kByStrength) {
    for (const ToolRule& rule : document_.tools.rules) {
      const auto named =
          std::ranges::find_if(rule.match, [&](const std::string& name) { return matchesTool(name, tool); });
      if (rule.decide != decision || named == rule.match.end()) continue;
      if (decision == Decision::kAsk && grant != nullptr) return grantedBy(*grant);
      Verdict verdict;
      verdict.decision = decision;
      verdict.origin = rule.origin;
      verdict.rule = "tools.rule " + escapeForDisplay(*named);
      verdict.why = rule.why;
      return verdict;
    }
  }
  if (document_.tools.fallback == Decision::kAsk && grant != nullptr) return grantedBy(*grant);
  static constexpr const char* kDefaults[] = {"\"allow\"", "\"ask\"", "\"forbid\"", "\"forbid\""};
  Verdict verdict;
  verdict.decision = document_.tools.fallback;
  verdict.origin = originOf(document_, "tools.default");
  verdict.rule = std::string("tools.default = ") + kDefaults[static_cast<std::size_t>(document_.tools.fallback)];
  verdict.why = "no rule names this tool";
  return verdict;
}

// Everything but rules that forbid or ask.
Verdict RuleBook::judgeUnasked(const Endpoint& endpoint) const {
  const Network& network = document_.network;
  if (auto verdict = byHost(Decision::kAllow, "network.allow", network.allow, endpoint, namingOf(endpoint)))
    return *verdict;
  static const std::optional<Address> kLoopback = Address::parse("127.0.0.1");
  const bool isLoopback = endpoint.host == "localhost" || (endpoint.address && endpoint.address == kLoopback);
  Verdict verdict;
  if (isLoopback && std::ranges::find(network.loopback, endpoint.port) != network.loopback.end()) {
    const std::string port = std::to_string(endpoint.port);
    verdict.decision = Decision::kAllow;
    verdict.origin = originOf(document_, "network.loopback." + port);
    verdict.rule = "network.loopback " + port;
    verdict.why = "a port of this machine that the run may use";
    return verdict;
  }
  if (isLocal(endpoint))
    return notGranted("addresses of private networks and of this machine need a rule that names them");
  static constexpr const char* kDefaults[] = {"\"allow\"", "\"ask\"", "\"forbid\"", "\"forbid\""};
  verdict.decision = network.fallback;
  verdict.origin = originOf(document_, "network.default");
  verdict.rule = std::string("network.default = ") + kDefaults[static_cast<std::size_t>(network.fallback)];
  verdict.why = "no rule names this host";
  return verdict;
}

Verdict RuleBook::judgeConnect(const std::string& target, Rewrites rewrites) const {
  const auto endpoint = parseEndpoint(target);
  if (!endpoint) return notGranted("a connection is judged by host:port");
  const Network& network = document_.network;
  if (auto verdict = byHost(Decision::kForbid, "network.forbid", network.forbid, *endpoint, Naming::kAny))
    return *verdict;
  const Grant* grant = connectGrant(document_, *endpoint);
  if (auto verdict = byHost(Decision::kAsk, "network.ask", network.ask, *endpoint, namingOf(*endpoint)))
    return grant != nullptr ? grantedBy(*grant) : *verdict;
  const Verdict otherwise = judgeUnasked(*endpoint);
  if (grant != nullptr && otherwise.decision != Decision::kForbid) return grantedBy(*grant);
  if (rewrites == Rewrites::kIgnore) return otherwise;
  for (const HostRewrite& rule : network.rewrite) {
    if (applies(asRule(rule), *endpoint, namingOf(*endpoint))) return rewritten(rule, *endpoint);
  }
  return otherwise;
}

Verdict RuleBook::rewritten(const HostRewrite& rule, const Endpoint& endpoint) const {
  Verdict verdict;
  verdict.decision = Decision::kRewrite;
  verdict.origin = rule.origin;
  verdict.rule = ruleText("network.rewrite", asRule(rule));
  verdict.why = rule.why;
  Endpoint to = endpoint;
  if (auto whole = parseEndpoint(rule.to)) {
    to = std::move(*whole);
  } else {
    to.host = rule.to;
  }
  std::string target = textOf(to);
  const Verdict there = judgeConnect(target, Rewrites::kIgnore);
  if (there.decision != Decision::kAllow) return leadsAstray(std::move(verdict), target, there);
  verdict.replacement.host = std::move(target);
  return verdict;
}

}  // namespace ringfence::policy
