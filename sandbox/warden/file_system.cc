#include "sandbox/warden/file_system.h"

#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>

namespace ringfence::sandbox {
namespace {

constexpr long kProcMagic = 0x9fa0;
// ext4, xfs, btrfs, tmpfs, overlay, f2fs, sysfs, devpts, ramfs, vfat, exfat, zfs, bcachefs.
constexpr long kLocal[] = {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794c7630, 0xF2F52010, 0x62656572,
                           0x1cd1, 0x858458f6, 0x4d44,     0x2011BAB0, 0x2FC12FC1, 0xca451a4e};

FileSystemKind ask(int object) {
  struct statfs status {};
  if (::fstatfs(object, &status) != 0) return FileSystemKind::kRemote;
  if (status.f_type == kProcMagic) return FileSystemKind::kProc;
  return std::ranges::find(kLocal, long{status.f_type}) == std::end(kLocal) ? FileSystemKind::kRemote
                                                                            : FileSystemKind::kLocal;
}

}  // namespace

FileSystemKind fileSystemOf(int object, dev_t device) {
  // A device and its kind in one word; 0 is no device.
  static std::array<std::atomic<std::uint64_t>, 16> known{};
  std::atomic<std::uint64_t>& place = known[device % known.size()];
  const std::uint64_t word = place.load(std::memory_order_relaxed);
  if (device != 0 && word >> 2 == device) return static_cast<FileSystemKind>(word & 3);
  const FileSystemKind kind = ask(object);
  // What cannot be asked may be asked again.
  if (kind != FileSystemKind::kRemote) {
    place.store(std::uint64_t{device} << 2 | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
  }
  return kind;
}

bool isReadOnly(int object) {
  struct statfs status {};
  return ::fstatfs(object, &status) == 0 && (status.f_flags & ST_RDONLY) != 0;
}

}  // namespace ringfence::sandbox
