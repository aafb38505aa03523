// Opening below a directory with the kernel's own rules about what may be followed. Never EINTR or EAGAIN for reasons
// of ours: both are tried again, EAGAIN a bounded number of times.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace ringfence::sandbox {

// Of openat2(2).
inline constexpr std::uint64_t kResolveNoXdev = 0x01;
inline constexpr std::uint64_t kResolveNoMagicLinks = 0x02;
inline constexpr std::uint64_t kResolveNoSymlinks = 0x04;
inline constexpr std::uint64_t kResolveBeneath = 0x08;
inline constexpr std::uint64_t kResolveInRoot = 0x10;
inline constexpr std::uint64_t kResolveCached = 0x20;

struct OpenHow {
  std::uint64_t flags = 0;  // O_CLOEXEC is added
  std::uint64_t mode = 0;
  std::uint64_t resolve = 0;
};

// The descriptor, or -errno; also -EINTR when `path` is one whose opening waits (a FIFO) and a signal came.
int openHow(int base, const char* path, const OpenHow& how);
// Which file it is among all that there ever were on a device: inode numbers are used again, at another time.
struct FileIdentity {
  dev_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t bornSeconds = 0;
  std::uint32_t bornNanoseconds = 0;
  bool operator==(const FileIdentity&) const = default;
};
struct FileLook {
  mode_t mode = 0;
  dev_t device = 0;
  dev_t itself = 0;                      // of a device node: which device it is
  std::optional<FileIdentity> identity;  // nothing: its file system does not say when it was made
};
// From what is in memory: asks no server.
std::optional<FileLook> lookAtFile(int fd);
// Which directory it is, and through which mount. Both numbers are its own for as long as somebody has it open.
struct FolderIdentity {
  FileIdentity file;
  std::uint64_t mount = 0;
  bool operator==(const FolderIdentity&) const = default;
};
// From what is in memory, as above; `path` may be empty, for `base` itself. Nothing: it is no directory, or its file
// system or kernel does not say all of it.
std::optional<FolderIdentity> lookAtFolder(int base, const char* path);
// Whether a mount begins at a path (absolute, not followed if it is a link). False only where it is known.
bool mayBeMountPoint(const std::string& path);
// A descriptor for another process's descriptor, or -errno.
int pidfdOpen(int process);
// SIGKILL. 0 or errno.
int pidfdKill(int pidfd);

}  // namespace ringfence::sandbox
