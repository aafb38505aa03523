#include "ui/tray/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

namespace ringfence::ui {

Result<UniqueFd> lockInstance(const std::string& runtimeDir, const std::string& seat) {
  if (runtimeDir.empty())
    return Error{ErrorCode::kUnsupported, "XDG_RUNTIME_DIR is not set: this is no session of a desktop", 0};
  std::string name = seat.empty() ? "seat0" : seat;
  std::ranges::replace(name, '/', '_');
  const std::string path = runtimeDir + "/ringfence-tray-" + name + ".lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error{ErrorCode::kUnsupported, "opening " + path, errno};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) return Error{ErrorCode::kBusy, "ringfence-tray runs already on this seat", 0};
  return Error{ErrorCode::kInternal, "locking " + path, errno};
}

}  // namespace ringfence::ui
