// The rule "a project may only tighten", key by key: whatever is not known to tighten is refused.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "policy/match.h"
#include "policy/merge.h"

namespace ringfence::policy {
namespace {

Diagnostic refusal(const Place& place, const std::string& what) {
  return errorAt(place, "project policy may only tighten: " + what,
                 "its owner can trust the file: ringfence policy trust");
}

std::uint64_t numberOf(const Decoded& value) { return std::get<std::uint64_t>(value); }

// Variables that decide which code a program loads or runs, where it looks for its own settings, or whom it talks to.
bool steersPrograms(std::string_view name) {
  static constexpr std::string_view kNames[] = {"PATH",
                                                "HOME",
                                                "SHELL",
                                                "USER",
                                                "LOGNAME",
                                                "IFS",
                                                "ENV",
                                                "BASH_ENV",
                                                "BASHOPTS",
                                                "SHELLOPTS",
                                                "PROMPT_COMMAND",
                                                "PS4",
                                                "CDPATH",
                                                "TMPDIR",
                                                "EDITOR",
                                                "VISUAL",
                                                "PAGER",
                                                "BROWSER",
                                                "MANPAGER",
                                                "LESSOPEN",
                                                "LESSCLOSE",
                                                "NODE_OPTIONS",
                                                "NODE_PATH",
                                                "NODE_EXTRA_CA_CERTS",
                                                "ZDOTDIR",
                                                "GOPROXY",
                                                "GOFLAGS",
                                                "GOSUMDB",
                                                "RUBYOPT",
                                                "RUBYLIB",
                                                "CLASSPATH",
                                                "JAVA_TOOL_OPTIONS",
                                                "_JAVA_OPTIONS",
                                                "JDK_JAVA_OPTIONS",
                                                "MAKEFLAGS",
                                                "RUSTC_WRAPPER",
                                                "CC",
                                                "CXX",
                                                "GCONV_PATH",
                                                "LOCPATH",
                                                "NLSPATH",
                                                "HOSTALIASES",
                                                "RESOLV_HOST_CONF",
                                                "TERMINFO",
                                                "TERMINFO_DIRS",
                                                "OPENSSL_CONF",
                                                "OPENSSL_MODULES",
                                                "SSL_CERT_FILE",
                                                "SSL_CERT_DIR",
                                                "CURL_CA_BUNDLE",
                                                "REQUESTS_CA_BUNDLE"};
  static constexpr std::string_view kPrefixes[] = {
      "LD_",   "GLIBC_",     "MALLOC_", "BASH_FUNC", "PYTHON",  "PERL", "GIT_",
      "SSH_",  "XDG_",       "DBUS_",   "CARGO_",    "NPM_",    "npm_", "PIP_",
      "DYLD_", "RINGFENCE_", "UV_",     "YARN_",     "BUNDLE_", "GEM_", "AWS_ENDPOINT_URL"};
  if (std::ranges::find(kNames, name) != std::end(kNames)) return true;
  static constexpr std::string_view kSuffixes[] = {"_PROXY",   "_proxy",    "_BASE_URL", "_API_BASE",
                                                   "_API_URL", "_ENDPOINT", "_INDEX_URL"};
  if (std::ranges::any_of(kSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); })) return true;
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::vector<Diagnostic> refuseNewEntries(const Decoded& present, const Setting& setting) {
  std::vector<Diagnostic> refused;
  std::unordered_set<std::string> had;
  if (const auto* items = std::get_if<std::vector<TextItem>>(&present)) {
    for (const TextItem& item : *items) had.insert(item.text);
  }
  for (const TextItem& item : std::get<std::vector<TextItem>>(setting.value)) {
    const bool known = had.contains(item.text);
    if (!known)
      refused.push_back(refusal(
          item.place, "it may not add " + quoteName(item.text) + " to `" + std::string(setting.key->name) + "`"));
  }
  return refused;
}

// Names have at most 256 characters, so this takes no longer the more patterns there are.
bool isPassed(const std::unordered_set<std::string>& patterns, const std::string& name) {
  if (patterns.contains(name)) return true;
  for (std::size_t length = 0; length <= name.size(); ++length) {
    if (patterns.contains(name.substr(0, length) + "*")) return true;
  }
  return false;
}

bool isOfCredential(const Document& document, const std::string& name) {
  return std::ranges::any_of(document.network.credentials, [&](const Credential& credential) {
    return credential.baseVariable == name || credential.fromVariable == name;
  });
}

std::vector<Diagnostic> refuseVariables(const Document& document, const Setting& setting) {
  std::vector<Diagnostic> refused;
  const std::unordered_set<std::string> pass(document.environment.pass.begin(), document.environment.pass.end());
  for (const Assignment& assignment : std::get<std::vector<Assignment>>(setting.value)) {
    const auto present = document.environment.set.find(assignment.name);
    if (present != document.environment.set.end() && present->second == assignment.value) continue;
    const bool isTaken = present != document.environment.set.end() || isPassed(pass, assignment.name) ||
                         isOfCredential(document, assignment.name);
    if (!isTaken && !steersPrograms(assignment.name)) continue;
    refused.push_back(refusal(assignment.place, "it may not set the variable " + quoteName(assignment.name)));
  }
  return refused;
}

std::vector<Diagnostic> refuseUnless(bool tighter, const Setting& setting, const std::string& what) {
  if (tighter) return {};
  return {refusal(setting.place, what)};
}

std::string_view programOf(const ExecRule& rule) {
  const std::string_view program = rule.match.front();
  return program.substr(program.rfind('/') + 1);
}

// By its default a tool that no rule names may be forbidden: a rule that asks would ask about that.
std::vector<Diagnostic> refuseToolRules(const Document& document, const std::vector<ToolRule>& rules,
                                        const Setting& setting) {
  const bool forbids = document.tools.fallback == Decision::kForbid;
  const bool onlyStricter = std::ranges::all_of(rules, [&](const ToolRule& rule) {
    return rule.decide == Decision::kForbid || (rule.decide == Decision::kAsk && !forbids);
  });
  if (onlyStricter) return {};
  return {refusal(setting.place,
                  std::string("it may only add rules that ") + (forbids ? "" : "ask or ") + "forbid to `tools.rule`")};
}

// A question may take the place of leave, not of a rewrite: the person would be asked for what must not happen.
std::vector<Diagnostic> refuseRules(const Document& document, const Setting& setting) {
  if (const auto* tools = std::get_if<std::vector<ToolRule>>(&setting.value))
    return refuseToolRules(document, *tools, setting);
  for (const ExecRule& rule : std::get<std::vector<ExecRule>>(setting.value)) {
    if (rule.decide == Decision::kForbid) continue;
    if (rule.decide != Decision::kAsk)
      return {refusal(setting.place, "it may only add rules that ask or forbid to `exec.rule`")};
    const bool rewritten = std::ranges::any_of(document.exec, [&](const ExecRule& present) {
      return present.decide == Decision::kRewrite && programOf(present) == programOf(rule);
    });
    if (rewritten) {
      return {refusal(setting.place,
                      "it may not ask about " + quoteName(rule.match.front()) + ", whose commands are rewritten")};
    }
  }
  return {};
}

// Where changes are allowed or asked for: a question there widens nothing.
bool isChangeable(const Document& document, const std::string& pattern) {
  const auto within = [&](const std::string& place) {
    return pattern.starts_with(place) && (pattern.size() == place.size() || pattern[place.size()] == '/');
  };
  const auto covers = [&](const PathRule& rule) { return within(rule.pattern); };
  if (document.files.workspace == WorkspaceAccess::kReadWrite && within("$WORKSPACE")) return true;
  return std::ranges::any_of(document.files.write, covers) || std::ranges::any_of(document.files.ask, covers) ||
         std::ranges::any_of(document.files.askRead, covers);
}

std::vector<Diagnostic> refusePaths(const Document& document, const Setting& setting) {
  std::vector<Diagnostic> refused;
  for (const TextItem& item : std::get<std::vector<TextItem>>(setting.value)) {
    // A pattern asks about what is granted anyway.
    const bool isGlob = item.text.find_first_of("*?") != std::string::npos;
    if (!document.files.rewrite.empty()) {
      refused.push_back(refusal(item.place, "it may not ask where changes of files are rewritten"));
    } else if (!isGlob && !isChangeable(document, item.text)) {
      refused.push_back(refusal(item.place, "it may not add " + quoteName(item.text) +
                                                ", which may not be changed, to `" + std::string(setting.key->name) +
                                                "`"));
    }
  }
  return refused;
}

std::vector<Diagnostic> refuseHosts(const Document& document, const Setting& setting) {
  for (const HostRule& rule : std::get<std::vector<HostRule>>(setting.value)) {
    const bool isLocal = namesLiterally(rule) || rule.host == "localhost" || rule.host.ends_with(".localhost");
    if (document.network.fallback == Decision::kForbid || !document.network.rewrite.empty() || isLocal) {
      return {refusal(setting.place, "it may only add names that may be connected to without asking to `" +
                                         std::string(setting.key->name) + "`")};
    }
  }
  return {};
}

}  // namespace

std::vector<Diagnostic> refuseWidening(const Document& document, const Setting& setting) {
  const std::string key = "`" + std::string(setting.key->name) + "`";
  const Decoded present = setting.key->read(document);
  switch (setting.key->tightening) {
    case Tightening::kHarmless:
    case Tightening::kAddEntries: return {};
    case Tightening::kNothing: return {refusal(setting.place, "it may not set " + key)};
    case Tightening::kLowerChoice:
      return refuseUnless(numberOf(setting.value) <= numberOf(present), setting, "it may not weaken " + key);
    case Tightening::kHigherChoice:
      return refuseUnless(numberOf(setting.value) >= numberOf(present), setting, "it may not weaken " + key);
    case Tightening::kSmaller:
      return refuseUnless(
          !std::holds_alternative<std::uint64_t>(present) || numberOf(setting.value) <= numberOf(present), setting,
          "it may not raise " + key);
    case Tightening::kSmallerThanGiven:
      return refuseUnless(
          std::holds_alternative<std::uint64_t>(present) && numberOf(setting.value) <= numberOf(present), setting,
          std::holds_alternative<std::uint64_t>(present) ? "it may not raise " + key : "it may not set " + key);
    case Tightening::kKeepEntries: return refuseNewEntries(present, setting);
    case Tightening::kStricterRules: return refuseRules(document, setting);
    case Tightening::kAskPaths: return refusePaths(document, setting);
    case Tightening::kAskHosts: return refuseHosts(document, setting);
    case Tightening::kSafeVariables: return refuseVariables(document, setting);
  }
  return {refusal(setting.place, "it may not set " + key)};
}

}  // namespace ringfence::policy
