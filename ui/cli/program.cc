#include "ui/cli/program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "ui/cli/shim.h"

namespace ringfence::cli {
namespace {

constexpr int kMaxInterpreters = 4;  // as many as the kernel follows

bool isBelow(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

std::string_view parentOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view baseOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Bound in every fence.
bool isSystemPath(std::string_view path) {
  constexpr std::array<std::string_view, 7> kSystem{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"};
  return std::any_of(kSystem.begin(), kSystem.end(), [&](std::string_view top) { return isBelow(path, top); });
}

// The first `parts` components below `base`, when the path has more than that.
std::optional<std::string> prefixBelow(std::string_view path, const std::string& base, int parts) {
  if (!isBelow(path, base)) return std::nullopt;
  std::size_t end = base.size();
  for (int i = 0; i < parts; ++i) {
    end = path.find('/', end + 1);
    if (end == path.npos) return std::nullopt;
  }
  return std::string(path.substr(0, end));
}

// Places where tools keep one directory an installation.
std::optional<std::string> knownInstallation(std::string_view path, const std::string& home) {
  if (auto opt = prefixBelow(path, "/opt", 1)) return opt;
  if (home.empty()) return std::nullopt;
  struct Place {
    std::string_view base;
    int parts;
  };
  constexpr std::array<Place, 19> kPlaces{{
      {"/.nvm/versions/node", 1},
      {"/.local/share/uv/tools", 1},
      {"/.local/share/uv/python", 1},
      {"/.local/share/pipx/venvs", 1},
      {"/.local/pipx/venvs", 1},
      {"/.local/share/mise/installs", 2},
      {"/.asdf/installs", 2},
      {"/.pyenv/versions", 1},
      {"/.rbenv/versions", 1},
      {"/.rustup/toolchains", 1},
      {"/.sdkman/candidates", 2},
      {"/.local/share/fnm/node-versions", 1},
      {"/.volta/tools/image", 3},
      {"/.local/opt", 1},
      // Their shims look for the rest of the tool beside themselves.
      {"/.pyenv", 0},
      {"/.rbenv", 0},
      {"/.asdf", 0},
      {"/.bun", 0},
      {"/.deno", 0},
  }};
  for (const Place& place : kPlaces) {
    if (auto tree = prefixBelow(path, home + std::string(place.base), place.parts)) return tree;
  }
  return std::nullopt;
}

// Directories that hold other things as well: never bound whole.
bool isTooWide(std::string_view directory, std::string_view home) {
  if (directory == "/" || parentOf(directory) == "/") return true;  // /, /tmp, /home, /srv
  if (home.empty()) return false;
  const std::string local = std::string(home) + "/.local";
  return directory == home || isBelow(home, directory) || directory == local || directory == local + "/share" ||
         directory == std::string(home) + "/.config" || directory == std::string(home) + "/.cache" ||
         directory == std::string(home) + "/.cargo" || parentOf(directory) == "/home";
}

std::optional<std::string> realPath(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return std::nullopt;
  std::string text(resolved);
  std::free(resolved);
  return text;
}

// A Python virtual environment is found by the name it is called with, not by the file behind the link.
bool isInVirtualEnvironment(const std::string& path) {
  const std::string marker = std::string(parentOf(parentOf(path))) + "/pyvenv.cfg";
  return ::access(marker.c_str(), F_OK) == 0;
}

// 0, or why it cannot be executed.
int whyNotExecutable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::string absolute(const std::string& path, const std::string& directory) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

NoProgram cannotExecute(const std::string& path, int cause) {
  const std::string shown = escapeForDisplay(path);
  if (cause == EISDIR) return {126, shown + " is a directory, not a program"};
  return {126, shown + " cannot be executed: " + std::strerror(cause) + "; is it marked executable (chmod +x)?"};
}

std::string headOf(const std::string& path) {
  const auto fd = openAt(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  char head[256];
  const ssize_t got =
      fd ? ::pread(fd->get(), head, sizeof head, 0) : -1;  // Unreadable: an executable that is no script.
  return got > 0 ? std::string(head, static_cast<std::size_t>(got)) : std::string();
}

// The file that execvp would take, but for shims of ours: they would come back here.
std::variant<std::string, NoProgram> searchPath(const std::string& command, const Surroundings& around) {
  if (command.find('/') != command.npos) {
    const std::string path = absolute(command, around.workingDirectory);
    const int cause = whyNotExecutable(path);
    if (cause == 0) return path;
    if (cause == ENOENT || cause == ENOTDIR) return NoProgram{127, escapeForDisplay(command) + ": no such file"};
    return cannotExecute(path, cause);
  }
  std::optional<NoProgram> refused;
  for (std::size_t from = 0; from <= around.path.size();) {
    const std::size_t end = std::min(around.path.find(':', from), around.path.size());
    const std::string directory = around.path.substr(from, end - from);
    const std::string path = absolute(directory.empty() ? command : directory + "/" + command, around.workingDirectory);
    const int cause = whyNotExecutable(path);
    if (cause == 0 && !isShim(headOf(path))) return path;
    if (cause == EACCES && !refused) refused = cannotExecute(path, cause);
    from = end + 1;
  }
  if (refused) return *refused;
  return NoProgram{127, "'" + escapeForDisplay(command) + "' was not found on your PATH (" +
                            escapeForDisplay(around.path) + "); install it, or name it with its directory"};
}

void addTree(Program& program, const std::string& path, const Surroundings& around) {
  const std::string tree = installTreeOf(path, around.home, around.workspace);
  if (tree.empty() || tree == program.installTree || isBelow(tree, program.installTree)) return;
  if (std::find(program.alsoNeeded.begin(), program.alsoNeeded.end(), tree) != program.alsoNeeded.end()) return;
  program.alsoNeeded.push_back(tree);
}

// Follows #! lines: each interpreter must exist, and its tree is needed as well.
std::optional<NoProgram> followInterpreters(Program& program, const Surroundings& around) {
  std::string script = program.executable;
  for (int depth = 0; depth < kMaxInterpreters; ++depth) {
    const Shebang shebang = parseShebang(headOf(script));
    if (shebang.interpreter.empty()) return std::nullopt;
    std::string wanted = absolute(shebang.interpreter, around.workingDirectory);
    if (!shebang.program.empty()) {
      auto found = searchPath(shebang.program, around);
      if (auto* missing = std::get_if<NoProgram>(&found)) {
        missing->message = escapeForDisplay(script) + " is run by " + missing->message;
        return *missing;
      }
      wanted = std::get<std::string>(found);
    }
    const auto real = realPath(wanted);
    if (!real) {
      return NoProgram{127,
                       escapeForDisplay(script) + " is run by " + escapeForDisplay(wanted) + ", which does not exist"};
    }
    addTree(program, wanted, around);
    addTree(program, *real, around);
    script = *real;
  }
  return std::nullopt;
}

}  // namespace

std::string installTreeOf(std::string_view executable, std::string_view home, std::string_view workspace) {
  if (isSystemPath(executable) || isBelow(executable, workspace)) return "";
  if (auto known = knownInstallation(executable, std::string(home))) return *known;
  const std::size_t modules = executable.find("/lib/node_modules/");
  std::string_view tree = parentOf(executable);
  if (modules != executable.npos && !isTooWide(executable.substr(0, modules), home))
    return std::string(executable.substr(0, modules));
  if (baseOf(tree) == "bin" || baseOf(tree) == "sbin") {
    const std::string_view prefix = parentOf(tree);
    if (!isTooWide(prefix, home)) return std::string(prefix);
  }
  return std::string(isTooWide(tree, home) ? executable : tree);
}

Shebang parseShebang(std::string_view head) {
  if (!head.starts_with("#!")) return {};
  head = head.substr(2, head.find('\n') == head.npos ? head.npos : head.find('\n') - 2);
  std::vector<std::string> words;
  for (std::size_t at = 0; at < head.size();) {
    const std::size_t from = head.find_first_not_of(" \t\r", at);
    if (from == head.npos) break;
    at = std::min(head.find_first_of(" \t\r", from), head.size());
    words.emplace_back(head.substr(from, at - from));
  }
  if (words.empty()) return {};
  Shebang shebang{words[0], ""};
  if (baseOf(words[0]) != "env") return shebang;
  for (std::size_t i = 1; i < words.size() && shebang.program.empty(); ++i) {
    if (!words[i].starts_with('-') && words[i].find('=') == std::string::npos) shebang.program = words[i];
  }
  return shebang;
}

std::variant<Program, NoProgram> findProgram(const std::string& command, const Surroundings& around) {
  auto found = searchPath(command, around);
  if (auto* missing = std::get_if<NoProgram>(&found)) return *missing;
  const std::string path = std::filesystem::path(std::get<std::string>(found)).lexically_normal().string();
  const auto real = realPath(path);
  if (!real) return cannotExecute(path, errno);
  Program program;
  // Below the workspace the name stays as it was typed. Elsewhere the real file is named, since the links that lead to
  // it
  // (/etc/alternatives, ~/.local/bin) need not exist inside.
  const auto realParent = realPath(std::string(parentOf(path)));
  const std::string named = realParent ? *realParent + "/" + std::string(baseOf(path)) : path;
  const bool keepsName = isBelow(named, around.workspace) || isInVirtualEnvironment(named);
  program.executable = keepsName ? named : *real;
  program.installTree = installTreeOf(program.executable, around.home, around.workspace);
  addTree(program, *real, around);
  if (auto missing = followInterpreters(program, around)) return *missing;
  const std::string pipLibraries = around.home + "/.local/lib";
  if (!around.home.empty() && parentOf(program.executable) == around.home + "/.local/bin" &&
      ::access(pipLibraries.c_str(), X_OK) == 0) {
    program.alsoNeeded.push_back(pipLibraries);
  }
  return program;
}

}  // namespace ringfence::cli
