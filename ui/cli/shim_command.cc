// `ringfence shim …`: puts shims of known agents into a directory, and takes them away. Needs no daemon.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/adapter_shelf.h"
#include "ui/cli/commands.h"
#include "ui/cli/program.h"
#include "ui/cli/shim.h"

namespace ringfence::cli {
namespace {

std::string valueOf(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string ownPath() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  return length > 0 ? std::string(self, static_cast<std::size_t>(length)) : std::string();
}

enum class There { kNothing, kShim, kForeign };

There lookAt(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return errno == ENOENT || errno == ENOTDIR ? There::kNothing : There::kForeign;
  if (!S_ISREG(status.st_mode)) return There::kForeign;
  const auto file = openAt(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  char head[kShimHead];
  const ssize_t got = file ? ::pread(file->get(), head, sizeof head, 0) : -1;
  return got > 0 && isShim({head, static_cast<std::size_t>(got)}) ? There::kShim : There::kForeign;
}

// Whole or not at all, and never in place of a file that is not ours: that one is asked about again by the link.
Result<void> write(const std::string& path, const std::string& text, There there) {
  const std::string fresh = path + ".ringfence-" + std::to_string(::getpid());
  {
    const UniqueFd file = RF_TRY(openAt(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0755));
    if (auto written = writeAll(file.get(), text, path); !written) {
      (void)::unlink(fresh.c_str());
      return written;
    }
  }
  const int failed =
      there == There::kShim ? ::rename(fresh.c_str(), path.c_str()) : ::link(fresh.c_str(), path.c_str());
  const int cause = errno;
  (void)::unlink(fresh.c_str());
  if (failed != 0) return posixError(cause, "writing " + path);
  return {};
}

struct Place {
  std::string directory;
  std::vector<std::string> names;
  std::string policy;
};

// What is done with one name, for people and programs.
struct Deed {
  std::string name, path, what;  // "installed"
  bool failed = false;
};

Deed install(const Place& place, const std::string& name) {
  const std::string path = place.directory + "/" + name;
  const There there = lookAt(path);
  if (there == There::kForeign) return {name, path, "left as it is: it is there, and no shim of Ringfence", true};
  auto written = write(path, shimText({name, place.directory, ownPath(), place.policy}), there);
  if (!written) return {name, path, "not written: " + escapeForDisplay(written.error().message), true};
  return {name, path, "installed", false};
}

Deed removeOne(const Place& place, const std::string& name) {
  const std::string path = place.directory + "/" + name;
  const There there = lookAt(path);
  if (there == There::kNothing) return {name, path, "not there", false};
  if (there == There::kForeign) return {name, path, "left as it is: it is no shim of Ringfence", true};
  if (::unlink(path.c_str()) != 0) return {name, path, std::string("not removed: ") + std::strerror(errno), true};
  return {name, path, "removed", false};
}

// The file that the shell would take, and the first behind all shims; empty: none.
struct Reached {
  std::string first, real;
};
Reached reachedBy(const std::string& name) {
  Reached reached;
  const std::string path = valueOf("PATH");
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find(':', from), path.size());
    const std::string file = (end == from ? "." : path.substr(from, end - from)) + "/" + name;
    from = end + 1;
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || ::access(file.c_str(), X_OK) != 0) continue;
    if (reached.first.empty()) reached.first = file;
    if (lookAt(file) == There::kShim) continue;
    reached.real = file;
    break;
  }
  return reached;
}

int report(const std::vector<Deed>& deeds, Form form) {
  bool failed = false;
  for (const Deed& deed : deeds) {
    failed = failed || deed.failed;
    if (form == Form::kJson) {
      JsonWriter json;
      json.beginObject().field("name", deed.name).untrustedField("path", deed.path).field("what", deed.what);
      json.field("ok", !deed.failed).endObject();
      printLine(json.text());
    } else if (deed.failed) {
      complain(escapeForDisplay(deed.path) + ": " + deed.what);
    } else {
      printLine(escapeForDisplay(deed.path) + ": " + deed.what);
    }
  }
  return failed ? kExitFailed : kExitOk;
}

// A shim that nobody reaches does nothing.
void advise(const Place& place) {
  const bool isFirst = std::ranges::all_of(place.names, [&](const std::string& name) {
    const std::string first = reachedBy(name).first;
    return first.empty() || lookAt(first) == There::kShim;
  });
  const std::string path = ":" + valueOf("PATH") + ":";
  if (isFirst && path.find(":" + place.directory + ":") != path.npos) return;
  printLine("Add this to your shell's start-up file (~/.profile, ~/.bashrc, ~/.zshrc):\n  export PATH=" +
            escapeForDisplay(shellWord(place.directory)) + ":\"$PATH\"");
}

int list(const Place& place, Form form) {
  for (const std::string& name : place.names) {
    const std::string path = place.directory + "/" + name;
    const There there = lookAt(path);
    if (there == There::kNothing) continue;
    const Reached reached = reachedBy(name);
    const bool isReached = there == There::kShim && !reached.first.empty() && lookAt(reached.first) == There::kShim;
    if (form == Form::kJson) {
      JsonWriter json;
      json.beginObject().field("name", name).untrustedField("path", path).field("shim", there == There::kShim);
      json.untrustedFieldOrNull("real", reached.real).field("reached", isReached).endObject();
      printLine(json.text());
      continue;
    }
    std::string text = escapeForDisplay(path) + ": ";
    if (there == There::kForeign)
      text += "no shim of Ringfence";
    else
      text += reached.real.empty() ? "there is no " + name + " behind it" : "starts " + escapeForDisplay(reached.real);
    if (there == There::kShim && !isReached) text += "; your PATH does not reach it first";
    printLine(text);
  }
  return kExitOk;
}

// Names of programs that an adapter knows.
std::vector<std::string> knownPrograms(const AdapterShelf& shelf) {
  std::vector<std::string> names;
  for (const policy::Adapter& adapter : shelf.adapters) {
    for (const std::string& name : adapter.programs)
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::optional<Place> placeOf(const Parsed& parsed) {
  const std::string home = valueOf("HOME");
  Place place;
  place.directory = parsed.value("dir").value_or(home.starts_with('/') ? home + "/.local/share/ringfence/shims" : "");
  if (place.directory.empty()) {
    complain("shim: HOME is not set; say where with --dir DIR");
    return std::nullopt;
  }
  place.directory = std::filesystem::absolute(place.directory).lexically_normal().string();
  if (place.directory.size() > 1 && place.directory.ends_with('/')) place.directory.pop_back();
  place.policy = parsed.value("policy").value_or("coding");
  place.names = knownPrograms(readAdapters(home));
  if (parsed.words.size() < 2) return place;
  if (std::ranges::find(place.names, parsed.words[1]) == place.names.end()) {
    complain("shim: no adapter knows a program '" + escapeForDisplay(parsed.words[1]) +
             "'; see 'ringfence adapter list'");
    return std::nullopt;
  }
  place.names = {parsed.words[1]};
  return place;
}

}  // namespace

int shimCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const std::string verb = parsed.words.empty() ? "" : parsed.words[0];
  if (verb != "install" && verb != "remove" && verb != "list") {
    complain("shim takes install, remove or list; see 'ringfence shim --help'");
    return kExitUsage;
  }
  const auto place = placeOf(parsed);
  if (!place) return kExitUsage;
  if (verb == "list") return list(*place, form);
  std::vector<Deed> deeds;
  if (verb == "install") {
    std::error_code problem;
    std::filesystem::create_directories(place->directory, problem);
    if (problem) {
      complain(escapeForDisplay(place->directory) + ": " + problem.message());
      return kExitFailed;
    }
  }
  for (const std::string& name : place->names) {
    deeds.push_back(verb == "install" ? install(*place, name) : removeOne(*place, name));
  }
  const int status = report(deeds, form);
  if (verb == "install" && form == Form::kText) advise(*place);
  return status;
}

}  // namespace ringfence::cli
