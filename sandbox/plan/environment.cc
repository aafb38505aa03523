#include "sandbox/plan/environment.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "sandbox/plan/agent_socket.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/guards.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Run something before the program, or change what it loads.
constexpr std::array<std::string_view, 8> kNeverSet = {"BASH_ENV", "ENV",     "GCONV_PATH",  "GLIBC_TUNABLES",
                                                       "LOCPATH",  "NLSPATH", "HOSTALIASES", "SHELLOPTS"};
// Of no use inside and a pointer to what is outside; or a command line in disguise.
constexpr std::array<std::string_view, 14> kNeverPassed = {
    "SSH_AUTH_SOCK",   "SSH_AGENT_PID", "GPG_AGENT_INFO", "DOCKER_HOST",  "XDG_RUNTIME_DIR",
    "WAYLAND_DISPLAY", "DISPLAY",       "XAUTHORITY",     "NODE_OPTIONS", "GIT_SSH_COMMAND",
    "PYTHONSTARTUP",   "PERL5OPT",      "RUBYOPT",        "TMUX"};
constexpr std::array<std::string_view, 4> kOurs = {"HOME", "USER", "LOGNAME", "TMPDIR"};

template <std::size_t size>
bool contains(const std::array<std::string_view, size>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool isNeverSet(std::string_view name) {
  return name.starts_with("LD_") || name.starts_with("BASH_FUNC_") || contains(kNeverSet, name);
}

bool isName(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Result<void> checkSetting(const std::string& where, const std::string& name, const std::string& value) {
  const std::string shown = where + " " + escapeForDisplay(name);
  if (!isName(name)) return Error{ErrorCode::kInvalid, shown + ": is no name of a variable"};
  if (value.find('\0') != std::string::npos) return Error{ErrorCode::kInvalid, shown + ": its value holds a NUL byte"};
  if (isNeverSet(name)) {
    return Error{ErrorCode::kDenied,
                 shown + ": is never set for a run, because it decides what a program loads or runs first"};
  }
  if (contains(kOurs, name) || name.starts_with("RINGFENCE_")) {
    return Error{ErrorCode::kInvalid, shown + ": is set by Ringfence itself"};
  }
  return {};
}

// Bound for the program's sake: what it is installed in, and what its interpreters are.
bool isInstalledProgram(const LaunchRequest& request, const std::string& directory) {
  if (!request.installTree.empty() && isWithin(directory, request.installTree)) return true;
  return std::ranges::any_of(request.extraPaths, [&](const ExtraPath& extra) {
    return extra.access == Access::kReadOnly && isWithin(directory, extra.path);
  });
}

// Directories of the caller's PATH that are bound, in the caller's order and before the system's: `#!/usr/bin/env node`
// must find the node that the caller would get.
std::string makePath(const LaunchRequest& request) {
  std::string path;
  const auto add = [&](const std::string& directory) {
    if ((":" + path).find(":" + directory + ":") == std::string::npos &&
        kDefaultPath.find(directory + ":") == kDefaultPath.npos)
      path += directory + ":";
  };
  const auto found = request.callerEnvironment.find("PATH");
  const std::string callers = found == request.callerEnvironment.end() ? "" : found->second;
  for (std::size_t from = 0; from < callers.size();) {
    const std::size_t end = std::min(callers.find(':', from), callers.size());
    const std::string directory = callers.substr(from, end - from);
    if (directory.starts_with('/') && directory.find("..") == directory.npos && isInstalledProgram(request, directory))
      add(directory);
    from = end + 1;
  }
  if (!request.installTree.empty() && isWithin(request.executable, request.installTree))
    add(parentPath(request.executable));
  return path + std::string(kDefaultPath);
}

// "LC_*" stands for every name that begins with "LC_".
bool isPassed(const policy::Environment& environment, std::string_view name) {
  return std::any_of(environment.pass.begin(), environment.pass.end(), [name](std::string_view pattern) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
  });
}

std::string baseUrl(std::size_t number) {
  return "http://127.0.0.1:" + std::to_string(kEgressPort) + kCredentialPrefix + std::to_string(number);
}

// Where the way out is. A program that heeds none of these is led there all the same, where the kernel can.
void addProxies(std::map<std::string, std::string>& variables) {
  const std::string address = "127.0.0.1:" + std::to_string(kEgressPort);
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})
    variables[name] = "http://" + address;
  for (const char* name : {"ALL_PROXY", "all_proxy"}) variables[name] = "socks5h://" + address;
  for (const char* name : {"NO_PROXY", "no_proxy"}) variables[name] = "localhost,127.0.0.1,::1";
}

bool isBaseOfCredential(const policy::Document& document, const std::string& name) {
  const auto& credentials = document.network.credentials;
  return std::ranges::find(credentials, name, &policy::Credential::baseVariable) != credentials.end();
}

// The value of a credential never enters the fence, under whatever name.
Result<void> checkSecrets(const policy::Document& document, const LaunchRequest& request,
                          const std::map<std::string, std::string>& variables) {
  constexpr std::size_t kShortSecret = 8;  // stands in other texts by chance
  for (const policy::Credential& credential : document.network.credentials) {
    const auto secret = request.callerEnvironment.find(credential.fromVariable);
    if (secret == request.callerEnvironment.end() || secret->second.empty()) continue;
    for (const auto& [name, value] : variables) {
      const bool held = secret->second.size() < kShortSecret ? value == secret->second
                                                             : value.find(secret->second) != std::string::npos;
      if (!held) continue;
      return Error{ErrorCode::kDenied, "the variable " + escapeForDisplay(name) + " would bring the value of " +
                                           credential.fromVariable + " into the run, which " +
                                           originText(credential.origin) + " keeps outside; leave it out"};
    }
  }
  return {};
}

}  // namespace

bool isNeverPassed(const std::string& name) {
  return isNeverSet(name) || contains(kNeverPassed, name) || name.starts_with("DBUS_") ||
         name.starts_with("RINGFENCE_");
}

Result<std::vector<std::string>> makeEnvironment(const policy::Document& document, const LaunchRequest& request,
                                                 const std::string& shell, const Guards& guards) {
  std::map<std::string, std::string> variables;
  variables["PATH"] = makePath(request);
  variables["SHELL"] = shell;
  for (const auto& [name, value] : request.callerEnvironment) {
    if (!isPassed(document.environment, name) || isNeverPassed(name) || !isName(name)) continue;
    const auto& credentials = document.network.credentials;
    if (std::ranges::find(credentials, name, &policy::Credential::fromVariable) != credentials.end()) continue;
    if (value.find('\0') == std::string::npos) variables[name] = value;
  }
  if (guards.egress) addProxies(variables);
  for (std::size_t i = 0; i < document.network.credentials.size(); ++i) {
    const std::string& name = document.network.credentials[i].baseVariable;
    RF_TRY(checkSetting("network.credential", name, baseUrl(i)));
    variables[name] = baseUrl(i);
  }
  for (const auto& [name, value] : document.environment.set) {
    RF_TRY(checkSetting("environment.set", name, value));
    if (isBaseOfCredential(document, name)) {
      return Error{ErrorCode::kInvalid,
                   "environment.set " + escapeForDisplay(name) +
                       ": is where a network.credential tells the agent its address; leave one out"};
    }
    variables[name] = value;
  }
  for (const auto& [name, value] : request.extraEnvironment) {
    RF_TRY(checkSetting("--env", name, value));
    variables[name] = value;
  }
  RF_TRY(checkSecrets(document, request, variables));
  variables["HOME"] = homeInside(request.caller);
  variables["USER"] = request.caller.name;
  variables["LOGNAME"] = request.caller.name;
  variables["TMPDIR"] = "/tmp";
  variables["RINGFENCE_RUN"] = request.run.text();
  variables["RINGFENCE_AGENT_SOCKET"] = kAgentSocket;
  if (isTold(document, guards)) variables["RINGFENCE_DENIALS"] = kDenialsFile;
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace ringfence::sandbox
