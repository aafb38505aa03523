#include "sandbox/warden/folder.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <utility>

#include "sandbox/warden/file_system.h"
#include "sandbox/warden/resolve.h"

namespace ringfence::sandbox {
namespace {

std::mutex mutex;
std::array<SharedFolder, kMaxKeptFolders> kept;
std::uint64_t lastNumber = 0;

SharedFolder& placeOf(const FolderIdentity& folder) {
  return kept[(folder.file.inode ^ folder.file.inode >> 4 ^ folder.mount) % kept.size()];
}

SharedFolder findKept(const FolderIdentity& folder) {
  const std::lock_guard lock(mutex);
  const SharedFolder& found = placeOf(folder);
  return found && found->plain == folder ? found : nullptr;
}

}  // namespace

OrErrno<SharedFolder> openFolder(int proc, const std::string& link) {
  if (const auto seen = lookAtFolder(proc, link.c_str())) {
    if (auto found = findKept(*seen)) return found;
  }
  auto folder = std::make_shared<Folder>();
  folder->fd.reset(::openat(proc, link.c_str(), O_PATH | O_CLOEXEC));
  if (!folder->fd) return Errno{errno};
  // Of what was opened: it may be another one than was seen.
  const auto identity = lookAtFolder(folder->fd.get(), "");
  if (!identity || fileSystemOf(folder->fd.get(), identity->file.device) != FileSystemKind::kLocal ||
      !isOfThisRun(folder->fd.get())) {
    return SharedFolder(std::move(folder));
  }
  const auto path = pathOf(folder->fd.get());
  if (!path || path->empty()) return SharedFolder(std::move(folder));
  folder->isRoot = *path == "/";
  folder->plain = identity;
  const std::lock_guard lock(mutex);
  folder->number = ++lastNumber;
  placeOf(*identity) = folder;
  return SharedFolder(std::move(folder));
}

}  // namespace ringfence::sandbox
