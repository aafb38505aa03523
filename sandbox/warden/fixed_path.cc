#include "sandbox/warden/fixed_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <optional>
#include <utility>

#include "sandbox/warden/file_system.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {
namespace {

constexpr unsigned kMaxLinks = 8;
constexpr unsigned kMaxNames = 64;
constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_MNT_ID;

std::optional<struct statx> describe(int object) {
  struct statx status {};
  const bool known =
      ::statx(object, "", AT_EMPTY_PATH, kWanted, &status) == 0 && (status.stx_mask & kWanted) == kWanted;
  return known ? std::optional(status) : std::nullopt;
}

// Whether nobody in the run can change what is in it. Its owner and mode are looked at too: what is read-only here may
// be mounted somewhere else as well. An ACL that lets others write shows in the group's bits.
bool isOutOfReach(int folder, const struct statx& status) {
  return S_ISDIR(status.stx_mode) && status.stx_uid != ::geteuid() && (status.stx_mode & (S_IWGRP | S_IWOTH)) == 0 &&
         isReadOnly(folder);
}

// The next name of `rest`, which loses it.
std::string nextName(std::string& rest) {
  rest.erase(0, rest.find_first_not_of('/'));
  std::string name = rest.substr(0, rest.find('/'));
  rest.erase(0, name.size());
  return name;
}

std::optional<std::string> targetOf(int link) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t length = ::readlinkat(link, "", buffer.data(), buffer.size());
  if (length <= 0 || static_cast<std::size_t>(length) == buffer.size()) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

UniqueFd openRoot() { return UniqueFd(::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC)); }

bool isSame(const struct statx& one, const struct statx& other) {
  return one.stx_ino == other.stx_ino && one.stx_mnt_id == other.stx_mnt_id &&
         one.stx_dev_major == other.stx_dev_major && one.stx_dev_minor == other.stx_dev_minor;
}

}  // namespace

bool leadsForGood(const std::string& path, const struct statx& file) {
  if (!path.starts_with('/')) return false;
  UniqueFd folder = openRoot();
  std::string rest = path;
  unsigned links = 0;
  for (unsigned names = 0; names < kMaxNames; ++names) {
    const auto here = describe(folder.get());
    if (!here || !isOutOfReach(folder.get(), *here)) return false;
    const std::string name = nextName(rest);
    if (name.empty() || name == "..") return false;
    if (name == ".") continue;
    UniqueFd next(::openat(folder.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    const auto found = describe(next.get());
    if (!found) return false;
    if (S_ISLNK(found->stx_mode)) {
      auto target = targetOf(next.get());
      if (!target || ++links > kMaxLinks) return false;
      if (target->starts_with('/')) folder = openRoot();
      rest = *std::move(target) + rest;
      continue;
    }
    if (S_ISREG(found->stx_mode)) return rest.empty() && isSame(*found, file);
    folder = std::move(next);
  }
  return false;
}

}  // namespace ringfence::sandbox
