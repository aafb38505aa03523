#include "sandbox/kernel/run_owner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace ringfence::sandbox {
namespace {

constexpr const char* kFile = "cgroup.stat";
// As the kernel makes it, everybody may read it, and root owns it: that says nothing.
constexpr mode_t kMark = 0440;
constexpr std::uint32_t kUnchanged = UINT32_MAX;  // what `chown` takes for: as it was

}  // namespace

Result<void> writeRunOwner(int group, std::uint32_t uid) {
  constexpr const char* kWhat = "saying on its control group whose the run is";
  if (uid == kUnchanged) return posixError(EINVAL, kWhat);
  // The owner first: what has the mark is never somebody else's.
  if (::fchownat(group, kFile, uid, static_cast<gid_t>(-1), 0) != 0) return posixError(errno, kWhat);
  if (::fchmodat(group, kFile, kMark, 0) != 0) return posixError(errno, kWhat);
  return {};
}

std::optional<std::uint32_t> readRunOwner(int group) {
  struct stat file {};
  if (::fstatat(group, kFile, &file, AT_SYMLINK_NOFOLLOW) != 0 || (file.st_mode & 07777) != kMark) return std::nullopt;
  return file.st_uid;
}

}  // namespace ringfence::sandbox
