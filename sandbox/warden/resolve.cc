#include "sandbox/warden/resolve.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <memory>
#include <set>
#include <utility>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/walk.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// What /proc/self is, our view of /proc and the caller's disagree about; both of these may come of it.
bool mayBeTheCallersOwn(int error) { return error == ENOENT || error == ELOOP; }

struct SplitText {
  std::string directory;  // "" for a path without a slash
  std::string name;       // with the slashes behind it; "/" for the root
};
SplitText split(const std::string& text) {
  std::size_t end = text.find_last_not_of('/');
  if (end == std::string::npos) return {"/", "/"};
  const std::size_t slash = text.find_last_of('/', end);
  if (slash == std::string::npos) return {"", text};
  return {text.substr(0, slash + 1), text.substr(slash + 1)};
}

}  // namespace

int CopiedPath::directory() const { return base ? base->fd.get() : AT_FDCWD; }

OrErrno<CopiedPath> copyPath(const Caller& caller, int descriptor, std::uint64_t address) {
  CopiedPath path;
  path.text = RF_OR_ERRNO(caller.path(address));
  if (!path.text.starts_with('/')) path.base = RF_OR_ERRNO(caller.folder(descriptor));
  return path;
}

OrErrno<CopiedPath> givenPath(std::string text) {
  if (!text.starts_with('/') || text.size() >= PATH_MAX || text.find('\0') != std::string::npos) return Errno{EINVAL};
  CopiedPath path;
  path.text = std::move(text);
  return path;
}

bool Place::isSpecial() const {
  const std::string_view bare = std::string_view(name).substr(0, name.find_last_not_of('/') + 1);
  return bare.empty() || bare == "." || bare == "..";
}

OrErrno<UniqueFd> pinObject(const Caller& caller, const CopiedPath& path, LastLink last, std::uint64_t resolve) {
  const std::uint64_t flags = O_PATH | (last == LastLink::kKeep ? O_NOFOLLOW : 0);
  const int fd =
      openHow(path.directory(), path.text.c_str(), {.flags = flags, .resolve = resolve | kResolveNoMagicLinks});
  if (fd >= 0) return UniqueFd(fd);
  if (!mayBeTheCallersOwn(-fd) || resolve != 0) return Errno{-fd};
  const SplitText text = split(path.text);
  if (-fd == ENOENT) {
    // Simply nothing there, as nearly always: the directory is, and has no such name.
    auto place = pinPlace(caller, path);
    if (!place) return place.error();
    struct stat status {};
    const std::string bare = place->name.substr(0, place->name.find_last_not_of('/') + 1);
    if (!bare.empty() && ::fstatat(place->directory.get(), bare.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return Errno{errno};
    }
  }
  auto end = walkAsCaller(caller, path, last, WalkTo::kObject);
  if (!end) return end.error();
  return std::move(end->object);
}

OrErrno<Place> pinPlace(const Caller& caller, const CopiedPath& path, std::uint64_t resolve) {
  SplitText text = split(path.text);
  const char* directory = text.directory.empty() ? "." : text.directory.c_str();
  const int fd =
      openHow(path.directory(), directory, {.flags = O_PATH | O_DIRECTORY, .resolve = resolve | kResolveNoMagicLinks});
  if (fd >= 0) return Place{UniqueFd(fd), std::move(text.name)};
  if (!mayBeTheCallersOwn(-fd) || resolve != 0) return Errno{-fd};
  auto end = walkAsCaller(caller, path, LastLink::kKeep, WalkTo::kPlace);
  if (!end) return end.error();
  return std::move(end->place);
}

OrErrno<Place> pinPlaceBehindLinks(const Caller& caller, const CopiedPath& path, std::uint64_t resolve) {
  Place place = RF_OR_ERRNO(pinPlace(caller, path, resolve));
  struct stat status {};
  if (place.isSpecial() || ::fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISLNK(status.st_mode)) {
    return place;
  }
  if (resolve != 0) return Errno{ELOOP};
  auto end = walkAsCaller(caller, path, LastLink::kFollow, WalkTo::kPlace);
  if (!end) return end.error();
  return std::move(end->place);
}

std::string handleOf(int object) { return std::to_string(object); }

namespace {

using Mounts = std::set<std::uint64_t>;

// Null: they cannot be read now.
std::unique_ptr<const Mounts> readOwnMounts() {
  // Of this process: the directory in which handles are is below its own.
  const auto text = readFileAt(AT_FDCWD, "../mountinfo", mebibytes(64));
  if (!text || text->empty()) return nullptr;
  Mounts mounts;
  for (std::size_t line = 0; line < text->size();) {
    std::uint64_t mount = 0;
    const auto [end, error] = std::from_chars(text->data() + line, text->data() + text->size(), mount);
    if (error == std::errc()) mounts.insert(mount);
    line = std::min(text->find('\n', line), text->size() - 1) + 1;
  }
  return std::make_unique<const Mounts>(std::move(mounts));
}

// Nobody in a run makes mounts, so they are kept once they were read. Null: not this time.
const Mounts* ownMounts() {
  static std::atomic<const Mounts*> kept = nullptr;
  if (const Mounts* mounts = kept.load(std::memory_order_acquire)) return mounts;
  auto mounts = readOwnMounts();
  if (!mounts) return nullptr;
  const Mounts* others = nullptr;
  return kept.compare_exchange_strong(others, mounts.get(), std::memory_order_acq_rel) ? mounts.release() : others;
}

// null, zero, full and random are the same ones everywhere.
bool isPlainDevice(int object) {
  constexpr unsigned kMemory = 1;
  struct stat status {};
  if (::fstat(object, &status) != 0 || !S_ISCHR(status.st_mode) || major(status.st_rdev) != kMemory) return false;
  const unsigned which = minor(status.st_rdev);
  return which == 3 || which == 5 || which == 7 || which == 8 || which == 9;
}

// In memory alone, in no mount of anybody's.
bool isMemoryFile(std::string_view path) { return path.starts_with("/memfd:") && path.ends_with(kDeleted); }

}  // namespace

// What a person gave a run as its standard input does not: its name is one outside, and would be taken for one inside.
bool isOfThisRun(int object) {
  const Mounts* mounts = ownMounts();
  struct statx status {};
  return mounts != nullptr && ::statx(object, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) == 0 &&
         (status.stx_mask & STATX_MNT_ID) != 0 && mounts->contains(status.stx_mnt_id);
}

namespace {

enum class Mount { kUnknown, kOfThisRun };

OrErrno<std::string> pathIn(Mount mount, int object) {
  std::array<char, PATH_MAX> buffer;
  const std::string handle = handleOf(object);
  const ssize_t length = ::readlink(handle.c_str(), buffer.data(), buffer.size());
  if (length < 0) return Errno{errno};
  // A longer one is cut by the kernel, and a name that was cut is another name.
  if (static_cast<std::size_t>(length) == buffer.size()) return Errno{ENAMETOOLONG};
  std::string path(buffer.data(), static_cast<std::size_t>(length));
  if (!path.starts_with('/'))
    return path.starts_with("(unreachable)") ? OrErrno<std::string>(Errno{EACCES}) : std::string();
  if (mount == Mount::kUnknown && !isMemoryFile(path) && !isOfThisRun(object) && !isPlainDevice(object)) {
    return Errno{EACCES};
  }
  if (path.ends_with(kDeleted)) {
    struct stat status {};
    struct stat named {};
    if (::fstat(object, &status) != 0) return Errno{errno};
    if (status.st_nlink == 0) return std::string();
    const bool isItsName =
        ::lstat(path.c_str(), &named) == 0 && named.st_dev == status.st_dev && named.st_ino == status.st_ino;
    if (!isItsName) path.resize(path.size() - kDeleted.size());
  }
  return path;
}

}  // namespace

OrErrno<std::string> pathOf(int object) { return pathIn(Mount::kUnknown, object); }

OrErrno<std::string> pathOf(const Folder& folder) {
  return pathIn(folder.plain ? Mount::kOfThisRun : Mount::kUnknown, folder.fd.get());
}

OrErrno<std::string> pathOf(const Place& place) {
  std::string path = RF_OR_ERRNO(pathOf(place.directory.get()));
  if (path.empty()) return Errno{ENOENT};  // in a directory that was removed nothing can be made
  if (path != "/") path += '/';
  path += std::string_view(place.name).substr(0, place.name.find_last_not_of('/') + 1);
  if (path.size() >= PATH_MAX) return Errno{ENAMETOOLONG};
  return path;
}

}  // namespace ringfence::sandbox
