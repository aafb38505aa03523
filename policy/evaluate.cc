#include "policy/evaluate.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "policy/match.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

const Origin& originOf(const Document& document, const std::string& key) {
  static const Origin kBuiltIn;
  const auto found = document.origins.find(key);
  return found == document.origins.end() ? kBuiltIn : found->second;
}

Verdict notGranted(std::string why) {
  return {.decision = Decision::kForbid, .origin = {}, .rule = "not granted", .why = std::move(why)};
}

bool isNormal(const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) return false;
  const std::string closed = path + "/";
  return closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos;
}

const PathRule* firstMatch(const std::vector<PathRule>& rules, const Places& places, const std::string& path) {
  const auto found =
      std::ranges::find_if(rules, [&](const PathRule& rule) { return matchesPath(rule.pattern, places, path); });
  return found == rules.end() ? nullptr : &*found;
}

Verdict byPath(Decision decision, const char* key, const PathRule& rule, std::string why) {
  return {.decision = decision,
          .origin = rule.origin,
          .rule = std::string(key) + " " + rule.pattern,
          .why = std::move(why)};
}

Verdict judgePath(const Document& document, const Places& places, Operation operation, const std::string& path) {
  if (!isNormal(path)) return notGranted("only an absolute path without `.` and `..` can be judged");
  const Files& files = document.files;
  const bool writes = operation == Operation::kWrite;
  for (const PathRule& rule : files.forbid) {
    if (!writes && !isSecretPattern(rule)) continue;
    if (matchesPath(rule.pattern, places, path)) {
      return byPath(Decision::kForbid, "files.forbid", rule,
                    isSecretPattern(rule) ? "hidden" : "may be read, not changed");
    }
  }
  if (const PathRule* rule = firstMatch(files.ask, places, path)) {
    return byPath(writes ? Decision::kAsk : Decision::kAllow, "files.ask", *rule,
                  writes ? "asked before the first change" : "");
  }
  const bool inWorkspace = matchesPath("$WORKSPACE", places, path);
  if (inWorkspace && (!writes || files.workspace == WorkspaceAccess::kReadWrite)) {
    return {.decision = Decision::kAllow,
            .origin = originOf(document, "files.workspace"),
            .rule = std::string("files.workspace = ") +
                    (files.workspace == WorkspaceAccess::kReadWrite ? "\"rw\"" : "\"ro\""),
            .why = "in the workspace"};
  }
  if (const PathRule* rule = firstMatch(files.write, places, path))
    return byPath(Decision::kAllow, "files.write", *rule, "");
  if (!writes) {
    if (const PathRule* rule = firstMatch(files.read, places, path))
      return byPath(Decision::kAllow, "files.read", *rule, "");
  }
  if (inWorkspace) {
    return {.decision = Decision::kForbid,
            .origin = originOf(document, "files.workspace"),
            .rule = "files.workspace = \"ro\"",
            .why = "the workspace may only be read"};
  }
  return notGranted(writes ? "no `files.write` covers this path" : "no `files.read` covers this path");
}

// The decisions from the one that wins over all others to the one that yields to all.
constexpr Decision kByStrength[] = {Decision::kForbid, Decision::kAsk, Decision::kRewrite, Decision::kAllow};

std::string ruleText(const ExecRule& rule) {
  std::string text = "exec.rule";
  for (const std::string& word : rule.match) text += " " + escapeForDisplay(word);
  return text;
}

Verdict judgeExec(const Document& document, const Places& places, const Action& action) {
  const std::string executable = action.target.starts_with('/') ? action.target : std::string();
  std::vector<std::string> argv = action.argv;
  if (argv.empty()) argv.push_back(action.target);
  for (const Decision decision : kByStrength) {
    for (const ExecRule& rule : document.exec) {
      if (rule.decide != decision || !matchesArgv(rule, executable, argv)) continue;
      if (decision == Decision::kAllow && !executable.empty()) {
        // A rule cannot make runnable what the agent cannot see.
        const Verdict visible = judgePath(document, places, Operation::kRead, executable);
        if (visible.decision != Decision::kAllow) return visible;
      }
      return {.decision = decision, .origin = rule.origin, .rule = ruleText(rule), .why = rule.why};
    }
  }
  const std::string& path = executable.empty() ? argv.front() : executable;
  if (!path.starts_with('/')) return notGranted("the path of the program is not known");
  return judgePath(document, places, Operation::kRead, path);
}

std::string ruleText(std::string_view key, const HostRule& rule) {
  std::string text = std::string(key) + " " + (rule.cidr.empty() ? rule.host : rule.cidr);
  if (rule.port) text += ":" + std::to_string(*rule.port);
  return text;
}

enum class Naming { kAny, kLiteral };

std::optional<Verdict> byHost(Decision decision, std::string_view key, const std::vector<HostRule>& rules,
                              const Endpoint& endpoint, Naming naming) {
  for (const HostRule& rule : rules) {
    if (!matchesHost(rule, endpoint) ||
        (naming == Naming::kLiteral && !namesLiterally(rule) && rule.host != endpoint.host))
      continue;
    return Verdict{.decision = decision, .origin = rule.origin, .rule = ruleText(key, rule), .why = rule.why};
  }
  return std::nullopt;
}

bool isLocal(const Endpoint& endpoint) {
  if (endpoint.address) return endpoint.address->isSpecial();
  return endpoint.host == "localhost" || endpoint.host.ends_with(".localhost");
}

Verdict judgeConnect(const Document& document, const std::string& target) {
  const auto endpoint = parseEndpoint(target);
  if (!endpoint) return notGranted("a connection is judged by host:port");
  const Network& network = document.network;
  const bool local = isLocal(*endpoint);
  const Naming naming = local ? Naming::kLiteral : Naming::kAny;
  if (auto verdict = byHost(Decision::kForbid, "network.forbid", network.forbid, *endpoint, Naming::kAny))
    return *verdict;
  if (auto verdict = byHost(Decision::kAsk, "network.ask", network.ask, *endpoint, naming)) return *verdict;
  if (auto verdict = byHost(Decision::kAllow, "network.allow", network.allow, *endpoint, naming)) return *verdict;
  if (local) return notGranted("addresses of private networks and of this machine need a rule that names them");
  static constexpr const char* kDefaults[] = {"\"allow\"", "\"ask\"", "\"forbid\"", "\"forbid\""};
  return {.decision = network.fallback,
          .origin = originOf(document, "network.default"),
          .rule = std::string("network.default = ") + kDefaults[static_cast<std::size_t>(network.fallback)],
          .why = "no rule names this host"};
}

}  // namespace

Verdict evaluate(const Document& document, const Places& places, const Action& action) {
  switch (action.operation) {
    case Operation::kRead:
    case Operation::kWrite: return judgePath(document, places, action.operation, action.target);
    case Operation::kExec: return judgeExec(document, places, action);
    case Operation::kConnect: return judgeConnect(document, action.target);
  }
  return notGranted("an unknown kind of action");
}

}  // namespace ringfence::policy
