#include "sdk/hook/start.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::hook {
namespace {

constexpr int kNotStarted = 125, kCannotExecute = 126, kNotFound = 127;
constexpr int kMaxAside = 100;
constexpr char kAside[] = ".before-ringfence";

Error refusal(ErrorCode code, std::string message) { return {code, std::move(message), 0}; }

std::string shownPath(const WantedFile& file, std::size_t parts) {
  std::string path = "~";
  for (std::size_t i = 0; i < parts; ++i) path += "/" + file.parts[i];
  return escapeForDisplay(path);
}

Result<std::uint64_t> mountOf(int fd, const std::string& what) {
  struct statx about {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &about) < 0)
    return posixError(errno, "looking at " + what);
  if ((about.stx_mask & STATX_MNT_ID) == 0)
    return refusal(ErrorCode::kUnsupported, "the kernel does not say in which mount " + what + " is");
  return about.stx_mnt_id;
}

// One file of the agent's on its way to what is wanted.
class SettingsFile {
 public:
  SettingsFile(const WantedFile& wanted, std::uint64_t homeMount, std::string& said)
      : wanted_(wanted), homeMount_(homeMount), said_(said) {}

  Result<void> makeReady(int home) {
    UniqueFd directory = RF_TRY(openAt(home, ".", O_DIRECTORY | O_RDONLY));
    for (std::size_t i = 0; i + 1 < wanted_.parts.size(); ++i) {
      UniqueFd next = RF_TRY(enter(directory.get(), i));
      directory = std::move(next);
      isForeign_ = isForeign_ || RF_TRY(mountOf(directory.get(), shownPath(wanted_, i + 1))) != homeMount_;
    }
    const std::string present = RF_TRY(read(directory.get()));
    auto merged = mergedSettings(present, wanted_.merge);
    if (!merged) {
      RF_TRY(moveAside(directory.get(), wanted_.parts.size() - 1, merged.error().message));
      merged = mergedSettings("", wanted_.merge);
    }
    const std::optional<std::string> text = RF_TRY(std::move(merged));
    return text ? replace(directory.get(), *text) : Result<void>();
  }

 private:
  const std::string& name() const { return wanted_.parts.back(); }

  Result<UniqueFd> enter(int directory, std::size_t part) {
    const std::string& name = wanted_.parts[part];
    constexpr int kEnter = O_DIRECTORY | O_NOFOLLOW | O_RDONLY;
    auto found = openAt(directory, name, kEnter);
    if (found) return found;
    const int cause = found.error().sysErrno;
    if (cause == ELOOP || cause == ENOTDIR)
      RF_TRY(moveAside(directory, part, "it is no directory"));
    else if (cause != ENOENT)
      return found;
    RF_TRY(mayChange(part + 1));
    if (::mkdirat(directory, name.c_str(), 0700) < 0 && errno != EEXIST)
      return posixError(errno, "making " + shownPath(wanted_, part + 1));
    return openAt(directory, name, kEnter);
  }

  // The text of the file; empty: there is none.
  Result<std::string> read(int directory) {
    const std::size_t last = wanted_.parts.size() - 1;
    auto file = openAt(directory, name(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!file && file.error().sysErrno == ENOENT) return std::string();
    struct stat status {};
    if (!file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      RF_TRY(moveAside(directory, last, "it is no file that can be read"));
      return std::string();
    }
    isForeign_ = isForeign_ || RF_TRY(mountOf(file->get(), shownPath(wanted_, last + 1))) != homeMount_;
    mode_ = status.st_mode & 0700;
    auto text = readAll(file->get(), kMaxSettingsFile, name());
    if (text) return text;
    RF_TRY(moveAside(directory, last, text.error().message));
    return std::string();
  }

  Result<void> mayChange(std::size_t parts) const {
    if (!isForeign_) return {};
    return refusal(ErrorCode::kDenied,
                   shownPath(wanted_, parts) +
                       " is not in the private home: the policy grants it from outside, and what is "
                       "there is not changed");
  }

  Result<void> moveAside(int directory, std::size_t part, const std::string& why) {
    RF_TRY(mayChange(part + 1));
    const std::string& name = wanted_.parts[part];
    for (int i = 0; i < kMaxAside; ++i) {
      const std::string aside = name + kAside + (i == 0 ? "" : "-" + std::to_string(i));
      struct stat status {};
      if (::fstatat(directory, aside.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
      if (::renameat(directory, name.c_str(), directory, aside.c_str()) < 0)
        return posixError(errno, "moving " + shownPath(wanted_, part + 1) + " aside");
      said_ += shownPath(wanted_, part + 1) + " was moved aside, as " + escapeForDisplay(aside) + ": " +
               escapeForDisplay(why) + "\n";
      return {};
    }
    return refusal(ErrorCode::kBusy, shownPath(wanted_, part + 1) + " is in the way (" + escapeForDisplay(why) +
                                         "), and was moved aside too often");
  }

  // Whoever reads meanwhile has the old text or the new one.
  Result<void> replace(int directory, const std::string& text) {
    RF_TRY(mayChange(wanted_.parts.size()));
    const std::string shown = shownPath(wanted_, wanted_.parts.size());
    const std::string fresh = "." + name() + ".ringfence";
    (void)::unlinkat(directory, fresh.c_str(), 0);  // Left by one that was killed.
    const UniqueFd file = RF_TRY(openAt(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode_ | 0600));
    RF_TRY(writeAll(file.get(), text, shown));
    if (::renameat(directory, fresh.c_str(), directory, name().c_str()) < 0)
      return posixError(errno, "writing " + shown);
    return {};
  }

  const WantedFile& wanted_;
  std::uint64_t homeMount_;
  std::string& said_;
  bool isForeign_ = false;
  mode_t mode_ = 0600;
};

Result<void> makeReady(const Wanted& wanted, std::string& said) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return refusal(ErrorCode::kInvalid, "HOME is not set");
  return makeReady(wanted, home, said);
}

int give(const std::string& words, int status) {
  (void)std::fputs(words.c_str(), stderr);
  return status;
}

}  // namespace

Result<void> makeReady(const Wanted& wanted, const std::string& home, std::string& said) {
  const UniqueFd directory = RF_TRY(openAt(AT_FDCWD, home, O_DIRECTORY | O_RDONLY));
  const std::uint64_t mount = RF_TRY(mountOf(directory.get(), "the home"));
  for (const WantedFile& file : wanted.files) RF_TRY(SettingsFile(file, mount, said).makeReady(directory.get()));
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
