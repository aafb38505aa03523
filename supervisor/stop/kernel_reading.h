// Files of control groups and of /proc read without the heap, and with a bound on the stack: between a trigger and the
// latch nothing is allocated.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::stop {

// Close-on-exec. Absent: errno says why.
inline UniqueFd openQuietly(int directory, const char* name, int flags) {
  int fd = -1;
  do fd = ::openat(directory, name, flags | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return UniqueFd(fd);
}

// What was in front of us is gone, with whatever it told about: a process or a group that ended.
inline bool isGone(int error) { return error == ENOENT || error == ENODEV || error == ESRCH; }

// From the start of the file; kept open, so that it can be read again. Less than nothing: errno says why.
inline ssize_t readFromStart(int fd, char* into, std::size_t room) {
  ssize_t got = 0;
  do got = ::pread(fd, into, room, 0);
  while (got < 0 && errno == EINTR);
  return got;
}

// Calls `visit(const char* name)` for each directory in `directory`. Returns errno; 0: all were seen.
template <typename Visit>
int forEachDirectory(int directory, Visit&& visit) {
  const UniqueFd listed = openQuietly(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!listed) return errno;
  alignas(dirent64) std::array<char, 4096> entries;
  for (;;) {
    const ssize_t got = ::getdents64(listed.get(), entries.data(), entries.size());
    if (got < 0) return errno;
    if (got == 0) return 0;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') visit(static_cast<const char*>(entry->d_name));
      at += entry->d_reclen;
    }
  }
}

// The numbers of a file with one a line, such as cgroup.procs.
class NumberLines {
 public:
  explicit NumberLines(int fd) : fd_(fd) {}

  // Absent: there are no more, or error() says why.
  std::optional<int> next() {
    for (;;) {
      const std::string_view rest(text_.data() + at_, size_ - at_);
      if (const std::size_t end = rest.find('\n'); end != rest.npos) {
        at_ += end + 1;
        int number = 0;
        if (std::from_chars(rest.data(), rest.data() + end, number).ec == std::errc()) return number;
        continue;
      }
      if (!fill()) return std::nullopt;
    }
  }
  int error() const { return error_; }

 private:
  bool fill() {
    std::memmove(text_.data(), text_.data() + at_, size_ - at_);
    size_ -= at_;
    at_ = 0;
    ssize_t got = 0;
    do got = ::read(fd_, text_.data() + size_, text_.size() - size_);
    while (got < 0 && errno == EINTR);
    if (got < 0) error_ = errno;
    if (got <= 0) return false;
    size_ += static_cast<std::size_t>(got);
    return true;
  }

  int fd_;
  int error_ = 0;
  std::size_t at_ = 0, size_ = 0;
  std::array<char, 4096> text_;
};

}  // namespace ringfence::supervisor::stop
