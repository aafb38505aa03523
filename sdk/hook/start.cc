#include "sdk/hook/start.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "sdk/base/text.h"
#include "sdk/hook/home_file.h"

namespace ringfence::hook {
namespace {

constexpr int kNotStarted = 125, kCannotExecute = 126, kNotFound = 127;

Result<void> makeReady(const Wanted& wanted, std::string& said) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return Error{ErrorCode::kInvalid, "HOME is not set", 0};
  return makeReady(wanted, home, said);
}

int give(const std::string& words, int status) {
  (void)std::fputs(words.c_str(), stderr);
  return status;
}

}  // namespace

Result<void> makeReady(const Wanted& wanted, const std::string& home, std::string& said) {
  for (const WantedFile& one : wanted.files) {
    HomeFile file = RF_TRY(HomeFile::reach(home, one.parts, said));
    const std::optional<std::string> present = RF_TRY(file.read());
    auto merged = mergedSettings(present.value_or(""), one.merge);
    if (!merged) {
      RF_TRY(file.moveAside(merged.error().message));
      merged = mergedSettings("", one.merge);
    }
    const std::optional<std::string> text = RF_TRY(std::move(merged));
    if (text) RF_TRY(file.replace(*text));
  }
  return {};
}

int start(char** words) {
  const char* settings = std::getenv("RINGFENCE_ADAPTER");
  const char* named = std::getenv("RINGFENCE_PROGRAM");
  const std::string program = named != nullptr ? named : "";
  auto wanted = readWanted(settings != nullptr ? settings : "");
  std::string said;
  const Result<void> ready = wanted ? makeReady(*wanted, said) : Result<void>(wanted.error());
  const std::string who =
      "ringfence: adapter " + (wanted ? escapeForDisplay(wanted->adapter) : std::string("?")) + ": ";
  for (std::size_t from = 0; from < said.size(); from = said.find('\n', from) + 1)
    (void)give(who + said.substr(from, said.find('\n', from) + 1 - from), 0);
  if (!ready || program.empty()) {
    const std::string why = ready ? "it names no program" : escapeForDisplay(ready.error().message);
    return give(who + why + "; without it: ringfence run --adapter none\nringfence: not started: adapter\n",
                kNotStarted);
  }
  (void)::unsetenv("RINGFENCE_ADAPTER");
  (void)::unsetenv("RINGFENCE_PROGRAM");
  ::execv(program.c_str(), words);
  const int cause = errno;
  return give("ringfence: running " + escapeForDisplay(program) + ": " + std::strerror(cause) + "\n",
              cause == ENOENT || cause == ENOTDIR ? kNotFound : kCannotExecute);
}

}  // namespace ringfence::hook
