#include "sandbox/kernel/path_calls.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace ringfence::sandbox {
namespace {

constexpr int kMaxTries = 128;  // EAGAIN: something moved while ".." was resolved

}  // namespace

int openHow(int base, const char* path, const OpenHow& how) {
  open_how request{};
  request.flags = how.flags | O_CLOEXEC;
  request.mode = how.mode;
  request.resolve = how.resolve;
  for (int tries = 0;; ++tries) {
    const long fd = ::syscall(SYS_openat2, base, path, &request, sizeof request);
    if (fd >= 0) return static_cast<int>(fd);
    // Who asks for cached resolution alone wants to hear EAGAIN.
    if (errno != EAGAIN || tries == kMaxTries || (how.resolve & kResolveCached) != 0) return -errno;
  }
}

namespace {

FileIdentity identityOf(const struct statx& status) {
  return {.device = makedev(status.stx_dev_major, status.stx_dev_minor),
          .inode = status.stx_ino,
          .bornSeconds = status.stx_btime.tv_sec,
          .bornNanoseconds = status.stx_btime.tv_nsec};
}

}  // namespace

std::optional<FileLook> lookAtFile(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_INO | STATX_BTIME, &status) !=
      0)
    return std::nullopt;
  FileLook look{.mode = status.stx_mode,
                .device = makedev(status.stx_dev_major, status.stx_dev_minor),
                .itself = makedev(status.stx_rdev_major, status.stx_rdev_minor),
                .identity = {}};
  if ((status.stx_mask & STATX_BTIME) != 0 && (status.stx_mask & STATX_INO) != 0) look.identity = identityOf(status);
  return look;
}

std::optional<FolderIdentity> lookAtFolder(int base, const char* path) {
  constexpr unsigned kWanted = STATX_TYPE | STATX_INO | STATX_BTIME | STATX_MNT_ID;
  const int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (*path == '\0' ? AT_EMPTY_PATH : 0);
  struct statx status {};
  if (::statx(base, path, flags, kWanted, &status) != 0 || (status.stx_mask & kWanted) != kWanted) return std::nullopt;
  if (!S_ISDIR(status.stx_mode)) return std::nullopt;
  return FolderIdentity{.file = identityOf(status), .mount = status.stx_mnt_id};
}

bool mayBeMountPoint(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0)
    return errno != ENOENT && errno != ENOTDIR;
  return (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 ||
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int pidfdOpen(int process) {
  const long fd = ::syscall(SYS_pidfd_open, process, 0);
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

int pidfdKill(int pidfd) { return ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) == 0 ? 0 : errno; }

}  // namespace ringfence::sandbox
