#include "sdk/hook/home_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>

#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence::hook {
namespace {

constexpr int kMaxAside = 100;
constexpr char kAside[] = ".before-ringfence";

Error refusal(ErrorCode code, std::string message) { return {code, std::move(message), 0}; }

Result<std::uint64_t> mountOf(int fd, const std::string& what) {
  struct statx about {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &about) < 0)
    return posixError(errno, "looking at " + what);
  if ((about.stx_mask & STATX_MNT_ID) == 0)
    return refusal(ErrorCode::kUnsupported, "the kernel does not say in which mount " + what + " is");
  return about.stx_mnt_id;
}

}  // namespace

std::optional<std::vector<std::string>> partsBelowHome(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != part.npos) return std::nullopt;
    parts.emplace_back(part);
    from = end + 1;
  }
  return parts;
}

Result<HomeFile> HomeFile::reach(const std::string& home, std::vector<std::string> parts, std::string& said) {
  HomeFile file(std::move(parts), said);
  file.directory_ = RF_TRY(openAt(AT_FDCWD, home, O_DIRECTORY | O_RDONLY));
  file.homeMount_ = RF_TRY(mountOf(file.directory_.get(), "the home"));
  for (std::size_t i = 0; i + 1 < file.parts_.size(); ++i) {
    UniqueFd next = RF_TRY(file.enter(file.directory_.get(), i));
    file.directory_ = std::move(next);
    file.isForeign_ = file.isForeign_ || RF_TRY(mountOf(file.directory_.get(), file.shownTo(i + 1))) != file.homeMount_;
  }
  return file;
}

std::string HomeFile::shown() const { return shownTo(parts_.size()); }

std::string HomeFile::shownTo(std::size_t parts) const {
  std::string path = "~";
  for (std::size_t i = 0; i < parts; ++i) path += "/" + parts_[i];
  return escapeForDisplay(path);
}

Result<UniqueFd> HomeFile::enter(int directory, std::size_t part) {
  const std::string& name = parts_[part];
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
    return posixError(errno, "making " + shownTo(part + 1));
  return openAt(directory, name, kEnter);
}

Result<std::optional<std::string>> HomeFile::read() {
  auto file = openAt(directory_.get(), parts_.back(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file && file.error().sysErrno == ENOENT) return std::optional<std::string>();
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    RF_TRY(moveAside("it is no file that can be read"));
    return std::optional<std::string>();
  }
  isForeign_ = isForeign_ || RF_TRY(mountOf(file->get(), shown())) != homeMount_;
  mode_ = status.st_mode & 0700;
  auto text = readAll(file->get(), kMaxHomeFile, parts_.back());
  if (text) return std::optional(*std::move(text));
  RF_TRY(moveAside(text.error().message));
  return std::optional<std::string>();
}

Result<void> HomeFile::mayChange(std::size_t parts) const {
  if (!isForeign_) return {};
  return refusal(ErrorCode::kDenied,
                 shownTo(parts) +
                     " is not in the private home: the policy grants it from outside, and what is there is "
                     "not changed");
}

Result<void> HomeFile::moveAside(const std::string& why) { return moveAside(directory_.get(), parts_.size() - 1, why); }

Result<void> HomeFile::moveAside(int directory, std::size_t part, const std::string& why) {
  RF_TRY(mayChange(part + 1));
  const std::string& name = parts_[part];
  for (int i = 0; i < kMaxAside; ++i) {
    const std::string aside = name + kAside + (i == 0 ? "" : "-" + std::to_string(i));
    struct stat status {};
    if (::fstatat(directory, aside.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) continue;
    if (::renameat(directory, name.c_str(), directory, aside.c_str()) < 0)
      return posixError(errno, "moving " + shownTo(part + 1) + " aside");
    *said_ +=
        shownTo(part + 1) + " was moved aside, as " + escapeForDisplay(aside) + ": " + escapeForDisplay(why) + "\n";
    return {};
  }
  return refusal(ErrorCode::kBusy,
                 shownTo(part + 1) + " is in the way (" + escapeForDisplay(why) + "), and was moved aside too often");
}

Result<void> HomeFile::replace(std::string_view text) {
  RF_TRY(mayChange(parts_.size()));
  const std::string& name = parts_.back();
  // Another run may begin in this home at this moment, and write the same file.
  std::random_device random;
  const std::string fresh = "." + name + ".ringfence-" + std::to_string(random()) + std::to_string(random());
  const UniqueFd file = RF_TRY(openAt(directory_.get(), fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode_ | 0600));
  Result<void> written = writeAll(file.get(), text, shown());
  if (written && ::renameat(directory_.get(), fresh.c_str(), directory_.get(), name.c_str()) < 0)
    written = posixError(errno, "writing " + shown());
  if (!written) (void)::unlinkat(directory_.get(), fresh.c_str(), 0);
  return written;
}

}  // namespace ringfence::hook
