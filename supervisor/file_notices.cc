#include "supervisor/file_notices.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringfence::supervisor {
namespace {

// Of events without a name, which is all that is told of a file: some 250 at once. What is left keeps it readable.
constexpr std::size_t kReadAtOnce = 4096;

}  // namespace

Result<FileNotices> FileNotices::create() {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return posixError(errno, "watching files");
  return FileNotices(std::move(fd));
}

Result<FileNotices::Id> FileNotices::watch(int directory, const std::string& path) {
  // The call takes no directory.
  const std::string whole = "/proc/self/fd/" + std::to_string(directory) + "/" + path;
  const int id = ::inotify_add_watch(fd_.get(), whole.c_str(), IN_MODIFY);
  if (id >= 0) return id;
  if (errno == ENOSPC) return Error{ErrorCode::kBusy, "watching " + path + ": no more files may be watched", ENOSPC};
  return posixError(errno, "watching " + path);
}

void FileNotices::forget(Id id) { (void)::inotify_rm_watch(fd_.get(), id); }  // Gone already is what is wanted.

FileNotices::Told FileNotices::take() {
  Told told;
  alignas(inotify_event) char events[kReadAtOnce];
  const ssize_t got = ::read(fd_.get(), events, sizeof events);
  for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= got;) {
    inotify_event event;
    std::memcpy(&event, events + at, sizeof event);
    at += static_cast<ssize_t>(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) told.lost = true;
    if ((event.mask & IN_MODIFY) != 0) told.changed.push_back(event.wd);
  }
  std::ranges::sort(told.changed);
  const auto repeated = std::ranges::unique(told.changed);
  told.changed.erase(repeated.begin(), repeated.end());
  return told;
}

}  // namespace ringfence::supervisor
