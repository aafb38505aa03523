#include "supervisor/disk_reserve.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {
namespace {

Result<void> allocate(const std::string& path) {
  const UniqueFd file = RF_TRY(openAt(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(kReserve.count)) < 0)
    return posixError(errno, "keeping " + path);
  struct statvfs disk {};
  if (::fstatvfs(file.get(), &disk) < 0) return posixError(errno, "looking at the room beside " + path);
  if (disk.f_bfree * disk.f_frsize < kRoomBesideReserve.count) return posixError(ENOSPC, "keeping " + path);
  return {};
}

}  // namespace

Result<void> DiskReserve::restore() {
  if (whole_) return {};
  auto allocated = allocate(path_);
  if (!allocated) {
    release();
    return allocated;
  }
  whole_ = true;
  return {};
}

void DiskReserve::release() {
  (void)::unlink(path_.c_str());  // What is not there takes no room.
  whole_ = false;
}

}  // namespace ringfence::supervisor
