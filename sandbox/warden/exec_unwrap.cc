#include "sandbox/warden/exec_unwrap.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>

namespace ringfence::sandbox {
namespace {

using Words = std::span<const std::string>;

std::string_view baseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool isOneOf(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool isMultiCall(std::string_view name) { return isOneOf(name, {"busybox", "toybox"}); }

bool isLoader(std::string_view name) {
  const bool named = name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64.so");
  return named && name.find(".so") != std::string_view::npos;
}

// The first word that is no option. `withValue`: options whose value is the next word. A short option with its value
// attached, and every "--name=value", is one word.
std::size_t skipOptions(Words words, std::initializer_list<std::string_view> withValue) {
  std::size_t at = 1;
  while (at < words.size()) {
    const std::string_view word = words[at];
    if (word == "--") return at + 1;
    if (!word.starts_with('-') || word == "-") return at;
    at += isOneOf(word, withValue) ? 2 : 1;
  }
  return at;
}

std::size_t skipEnv(Words words) {
  std::size_t at = skipOptions(words, {"-u", "--unset", "-C", "--chdir", "-a", "--argv0"});
  while (at < words.size() && (words[at] == "-" || words[at].find('=') != std::string::npos)) ++at;
  return at;
}

std::size_t skipXargs(Words words) {
  return skipOptions(words, {"-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s", "--arg-file", "--delimiter", "--max-lines",
                             "--max-args", "--max-procs", "--max-chars", "--process-slot-var"});
}

std::size_t skipLoader(Words words) {
  return skipOptions(words, {"--library-path", "--inhibit-rpath", "--audit", "--preload", "--argv0",
                             "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"});
}

// Nothing: `name` hides no command.
std::optional<std::size_t> skipWrapper(std::string_view name, Words words) {
  if (name == "env") return skipEnv(words);
  if (name == "xargs") return skipXargs(words);
  if (isLoader(name)) return skipLoader(words);
  if (isMultiCall(name)) return skipOptions(words, {});
  return std::nullopt;
}

}  // namespace

std::vector<UnwrappedCommand> unwrapCommand(std::string_view program, const std::vector<std::string>& argv) {
  std::vector<UnwrappedCommand> found;
  std::string name(baseName(program));
  std::size_t offset = 0;
  while (offset < argv.size() && found.size() < kMaxUnwrapping) {
    const Words words = Words(argv).subspan(offset);
    const std::string_view claimed = baseName(words.front());
    // Under another name busybox is that applet, which argv[0] has said already.
    if (isMultiCall(name) && !isMultiCall(claimed)) name = claimed;
    const auto skipped = skipWrapper(name, words);
    if (!skipped || *skipped >= words.size()) break;
    offset += *skipped;
    found.push_back({.argv = {argv.begin() + static_cast<std::ptrdiff_t>(offset), argv.end()},
                     .offset = offset,
                     .wrapper = name,
                     .loadedInside = isLoader(name) || isMultiCall(name)});
    name = baseName(argv[offset]);
  }
  return found;
}

}  // namespace ringfence::sandbox
