#include "ui/cli/run_request.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "policy/read_sources.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "ui/cli/account.h"
#include "ui/cli/host_grant.h"
#include "ui/cli/output.h"
#include "ui/cli/program.h"
#include "ui/cli/rpc_program.h"

extern char** environ;

namespace ringfence::cli {
namespace {

constexpr std::size_t kMaxNameBytes = 64;  // what the daemon takes
constexpr const char* kProjectPolicy = ".ringfence.toml";

std::string environmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The name is held for another run of the workspace, or was left held by one: there is no such file.
bool isHeld(int directory, const char* name) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return S_ISSOCK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size == 0);
}

NotStarted usage(std::string message) { return {std::move(message), "", 2}; }

std::string inWords(int cause) { return std::strerror(cause); }

// The real, absolute path of a descriptor's file.
std::string pathOf(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : std::string();
}

std::optional<std::string> realDirectory(const std::string& path) {
  const auto fd = openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  return fd ? std::optional(pathOf(fd->get())) : std::nullopt;
}

std::string homeDirectory() {
  std::string home = environmentValue("HOME");
  if (!home.starts_with('/')) {
    const auto account = findAccount(::geteuid());
    home = account && *account ? (*account)->home : "";
  }
  return home.empty() ? home : realDirectory(home).value_or(home);
}

NotStarted policyUnreadable(const std::string& message) {
  return {"policy: " + escapeForDisplay(message), "policy", kExitPolicyInvalid};
}

// Where a file is, whatever link its last part is; empty when that cannot be said.
std::string absoluteFile(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string real = realDirectory(directory).value_or("");
  const std::string name = slash == path.npos ? path : path.substr(slash + 1);
  return real.empty() ? real : real == "/" ? "/" + name : real + "/" + name;
}

client::PolicyText textOf(policy::SourceText source) { return {std::move(source.file), std::move(source.text)}; }

std::optional<NotStarted> addPolicies(PreparedRun& run, const Parsed& parsed, const std::string& home) {
  client::RunRequest& request = run.request;
  const std::string named = parsed.value("policy").value_or("");
  if (named.find('/') != named.npos || named.ends_with(".toml")) {
    auto file = policy::readSource(named);
    if (!file) return policyUnreadable(file.error().message);
    request.policyFile = textOf(*std::move(file));
    request.policyFile->path = absoluteFile(named);
  } else {
    request.policy = named;
  }
  if (!home.empty()) {
    policy::DirectoryTexts own = policy::readDirectories({home + "/.config/ringfence/policies"});
    if (!own.unreadable.empty()) return policyUnreadable(own.unreadable.front().message);
    for (policy::SourceText& text : own.texts) request.userPolicies.push_back(textOf(std::move(text)));
  }
  if (isHeld(run.workspace.get(), kProjectPolicy)) return std::nullopt;
  auto project = policy::readSourceAt(run.workspace.get(), kProjectPolicy, request.workspace + "/" + kProjectPolicy);
  if (project)
    request.projectPolicy = textOf(*std::move(project));
  else if (project.error().code != ErrorCode::kNotFound)
    return policyUnreadable(project.error().message);
  return std::nullopt;
}

std::optional<NotStarted> openWorkspace(PreparedRun& run, const Parsed& parsed) {
  const std::string directory = parsed.value("workspace").value_or(".");
  auto opened = openAt(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  if (!opened) {
    return NotStarted{"workspace " + escapeForDisplay(directory) + ": " + inWords(opened.error().sysErrno), "workspace",
                      125};
  }
  run.workspace = *std::move(opened);
  run.request.workspaceFd = run.workspace.get();
  run.request.workspace = pathOf(run.workspace.get());
  // Outside the workspace the command begins in the workspace.
  const std::string here = realDirectory(".").value_or("");
  const bool inside = here == run.request.workspace || here.starts_with(run.request.workspace + "/");
  run.request.workingDirectory = inside ? here : run.request.workspace;
  return std::nullopt;
}

std::optional<NotStarted> addEnvironment(client::RunRequest& request, const Parsed& parsed) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) continue;
    request.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const std::string& setting : parsed.values("env")) {
    const std::size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    const char* here = equals == setting.npos ? std::getenv(name.c_str()) : nullptr;
    if (name.empty()) return usage("--env '" + escapeForDisplay(setting) + "': the name is empty");
    if (equals == setting.npos && here == nullptr) {
      return usage("--env " + escapeForDisplay(name) + ": not set here; write " + escapeForDisplay(name) + "=VALUE");
    }
    request.extraEnvironment.emplace_back(name, here != nullptr ? std::string(here) : setting.substr(equals + 1));
  }
  return std::nullopt;
}

std::optional<NotStarted> addPaths(client::RunRequest& request, const Parsed& parsed, const std::string& home) {
  for (const auto& [option, value] : parsed.options) {
    if (option != "read" && option != "write") continue;
    const bool tilde = value == "~" || value.starts_with("~/");
    const std::filesystem::path typed = tilde ? home + value.substr(1) : value;
    std::string path = (std::filesystem::current_path() / typed).lexically_normal().string();
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) != 0) {
      return NotStarted{"--" + std::string(option) + " " + escapeForDisplay(value) + ": " + inWords(errno), "path",
                        125};
    }
    request.extraPaths.push_back({path, option == "write"});
  }
  return std::nullopt;
}

std::optional<NotStarted> addHosts(client::RunRequest& request, const Parsed& parsed) {
  for (const std::string& text : parsed.values("allow-host")) {
    auto grant = parseHostGrant(text);
    if (!grant) return usage("--allow-host " + escapeForDisplay(text) + ": " + escapeForDisplay(grant.error().message));
    request.allowHosts.push_back(*std::move(grant));
  }
  return std::nullopt;
}

// A run is called like its program, as far as a name may go.
std::string nameOf(const std::string& word) {
  std::string name = word.substr(word.rfind('/') + 1);
  if (!isValidUtf8(name)) name = escapeForDisplay(name);
  if (name.size() <= kMaxNameBytes) return name;
  std::size_t end = kMaxNameBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;  // Not within a character.
  return name.substr(0, end);
}

std::optional<NotStarted> addProgram(client::RunRequest& request, const Parsed& parsed, const std::string& home) {
  const std::string here = realDirectory(".").value_or("/");
  auto found = findProgram(parsed.words[0], {environmentValue("PATH"), home, request.workspace, here});
  if (const auto* missing = std::get_if<NoProgram>(&found))
    return NotStarted{missing->message, "executable", missing->exitCode};
  Program& program = std::get<Program>(found);
  request.argv = parsed.words;
  request.executable = std::move(program.executable);
  request.installTree = std::move(program.installTree);
  for (std::string& tree : program.alsoNeeded) request.extraPaths.push_back({std::move(tree), false});
  const auto given = parsed.value("name");
  request.name = given ? *given : nameOf(parsed.words[0]);
  if (request.name.size() > kMaxNameBytes)
    return usage("--name: longer than " + std::to_string(kMaxNameBytes) + " bytes");
  if (!isValidUtf8(request.name)) return usage("--name: not UTF-8");
  return std::nullopt;
}

// The program that becomes the command must be seen inside, where it is.
void showInside(client::RunRequest& request, const std::string& hook) {
  if (!installTreeOf(hook, "", "").empty()) request.extraPaths.push_back({hook, false});
}

// Whoever stands between is asked for leave, and a hook would have a person asked about the same a second time, or is
// never called there and would be missed. Claude Code alone asks for no leave that its hook has given.
bool isAskedTwice(const Parsed& parsed) { return !parsed.between.empty() && parsed.between.front() != "claude"; }

std::optional<NotStarted> addAdapter(PreparedRun& run, const Parsed& parsed, const std::string& home) {
  const std::string named = parsed.value("adapter").value_or("");
  if (named == "none" || (named.empty() && isAskedTwice(parsed))) return std::nullopt;
  const AdapterShelf shelf =
      named.empty() ? readAdaptersFor(home, run.request.argv, run.request.executable) : readAdapters(home);
  for (const BrokenAdapter& broken : shelf.broken) {
    if (broken.name != named || named.empty())
      complain("adapter " + escapeForDisplay(broken.file) +
               " does not load and is not used; see 'ringfence adapter check'");
  }
  auto choice = chooseAdapter(shelf, named, run.request);
  if (!choice && choice.error().code == ErrorCode::kInvalid)
    return NotStarted{"adapter: " + choice.error().message, "adapter", kExitPolicyInvalid};
  if (!choice) return usage("--adapter: " + choice.error().message);
  if (!*choice) return std::nullopt;
  const std::string hook = (*choice)->adapter.files.empty() ? "" : findHook();
  if (!(*choice)->adapter.files.empty() && hook.empty()) {
    return NotStarted{"adapter " + (*choice)->adapter.name +
                          ": ringfence-hook is not installed beside this program, so it could not be heard; "
                          "'--adapter none' runs the command as it is",
                      "adapter", 125};
  }
  applyAdapter(**choice, hook, run.request);
  if (!hook.empty()) showInside(run.request, hook);
  run.adapter = *std::move(choice);
  return std::nullopt;
}

// What is started is a program of ours, and it starts the command.
std::optional<NotStarted> putBetween(PreparedRun& run, const Parsed& parsed, const std::string& home) {
  if (parsed.between.empty()) return std::nullopt;
  client::RunRequest& request = run.request;
  auto program = findRpcProgram();
  if (!program) return NotStarted{program.error().message, "executable", 127};
  std::vector<std::string> argv{*program};
  argv.insert(argv.end(), parsed.between.begin(), parsed.between.end());
  for (const std::string& word : {std::string("--name"), request.name, std::string("--program"), request.executable})
    argv.push_back(word);
  // Of an agent that tells both its editor and its hook what its models used one is counted.
  if (run.adapter && parsed.between.front() == "acp") argv.insert(argv.end(), {"--usage", "hook"});
  argv.push_back("--");
  if (run.adapter && run.adapter->place) *run.adapter->place += argv.size();
  argv.insert(argv.end(), request.argv.begin(), request.argv.end());
  request.argv = std::move(argv);
  std::string tree = installTreeOf(*program, home, request.workspace);
  if (!tree.empty()) request.extraPaths.push_back({std::move(tree), false});
  request.executable = *std::move(program);
  return std::nullopt;
}

// The command's end of a pipe takes the place of a terminal; ours is relayed.
std::optional<NotStarted> replaceTerminal(PreparedRun& run, int number) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return NotStarted{"making a pipe: " + inWords(errno), "stdio", 125};
  UniqueFd readEnd(ends[0]);
  UniqueFd writeEnd(ends[1]);
  const bool isInput = number == STDIN_FILENO;
  (void)::fcntl(isInput ? writeEnd.get() : readEnd.get(), F_SETFL, O_NONBLOCK);
  run.request.stdioFds[number] = isInput ? readEnd.get() : writeEnd.get();
  if (isInput) {
    run.inputs.emplace_back(ownDescriptor(number, O_RDONLY), std::move(writeEnd));
    run.handedOver.push_back(std::move(readEnd));
  } else {
    run.outputs.emplace_back(std::move(readEnd), ownDescriptor(number, O_WRONLY));
    run.handedOver.push_back(std::move(writeEnd));
  }
  return std::nullopt;
}

std::optional<NotStarted> chooseStdio(PreparedRun& run, const Parsed& parsed) {
  client::RunRequest& request = run.request;
  request.detached = parsed.has("detach");
  if (request.detached) {
    request.stdio = client::StdioMode::kCaptured;
    return std::nullopt;
  }
  const bool terminal[3] = {::isatty(0) == 1, ::isatty(1) == 1, ::isatty(2) == 1};
  if (terminal[0] && terminal[1] && terminal[2]) {
    request.stdio = client::StdioMode::kTerminal;
    if (const auto size = windowSize(STDIN_FILENO)) {
      request.rows = size->ws_row;
      request.columns = size->ws_col;
    }
    return std::nullopt;
  }
  for (int number = 0; number < 3; ++number) {
    if (::fcntl(number, F_GETFD) < 0)
      return NotStarted{"descriptor " + std::to_string(number) + " is closed; redirect it, for example to /dev/null",
                        "stdio", 125};
    if (!terminal[number]) continue;
    if (auto wrong = replaceTerminal(run, number)) return wrong;
  }
  return std::nullopt;
}

}  // namespace

std::variant<PreparedRun, NotStarted> prepareRun(const Parsed& parsed) {
  PreparedRun run;
  const std::string home = homeDirectory();
  run.request.asUser = parsed.value("as").value_or("");
  run.request.unattended = parsed.has("unattended");
  if (auto wrong = openWorkspace(run, parsed)) return *std::move(wrong);
  if (auto wrong = addPolicies(run, parsed, home)) return *std::move(wrong);
  if (auto wrong = addEnvironment(run.request, parsed)) return *std::move(wrong);
  if (auto wrong = addPaths(run.request, parsed, home)) return *std::move(wrong);
  if (auto wrong = addHosts(run.request, parsed)) return *std::move(wrong);
  if (auto wrong = addProgram(run.request, parsed, home)) return *std::move(wrong);
  if (auto wrong = addAdapter(run, parsed, home)) return *std::move(wrong);
  if (auto wrong = putBetween(run, parsed, home)) return *std::move(wrong);
  if (auto wrong = chooseStdio(run, parsed)) return *std::move(wrong);
  return run;
}

std::variant<std::monostate, NotStarted> becomeUser(const std::string& name) {
  if (::geteuid() != 0) return usage("--as: only root can run as somebody else");
  const auto found = findAccount(name);
  const auto unknown = [&name](const Error& why) {
    return NotStarted{"--as " + escapeForDisplay(name) + ": looking for that user: " + why.message, "as", 125};
  };
  if (!found) return unknown(found.error());
  if (!*found) return usage("--as: there is no user '" + escapeForDisplay(name) + "'");
  const Account& account = **found;
  if (account.uid == 0) return usage("--as: an agent never runs as root");
  const auto groups = findGroups(account);
  if (!groups) return unknown(groups.error());
  if (::setgroups(groups->size(), groups->data()) != 0 || ::setresgid(account.gid, account.gid, account.gid) != 0 ||
      ::setresuid(account.uid, account.uid, account.uid) != 0) {
    return NotStarted{"--as " + escapeForDisplay(name) + ": changing to that user: " + inWords(errno), "as", 125};
  }
  (void)::setenv("HOME", account.home.c_str(), 1);
  (void)::setenv("USER", name.c_str(), 1);
  (void)::setenv("LOGNAME", name.c_str(), 1);
  return std::monostate{};
}

}  // namespace ringfence::cli
