#include "sandbox/warden/walk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <string_view>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/file_system.h"

namespace ringfence::sandbox {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel
constexpr std::size_t kMaxSteps = 4096;

OrErrno<std::string> linkText(int link) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t length = ::readlinkat(link, "", buffer.data(), buffer.size());
  if (length < 0) return Errno{errno};
  if (length == 0) return Errno{ENOENT};
  if (static_cast<std::size_t>(length) == buffer.size()) return Errno{ENAMETOOLONG};
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

class Walker {
 public:
  Walker(const Caller& caller, LastLink last, WalkTo to) : caller_(caller), last_(last), to_(to) {}

  OrErrno<WalkEnd> walk(const CopiedPath& path) {
    rest_ = path.text;
    if (int error = start(path); error != 0) return Errno{error};
    for (std::size_t step = 0; step < kMaxSteps; ++step) {
      const std::string name = takeName();
      if (name.empty()) return arrive();
      auto done = enter(name);
      if (!done) return done.error();
      if (*done) return std::move(end_);
    }
    return Errno{ELOOP};
  }

 private:
  int start(const CopiedPath& path) {
    if (!path.text.starts_with('/')) {
      here_.reset(::fcntl(path.base->fd.get(), F_DUPFD_CLOEXEC, 3));
      return here_ ? 0 : errno;
    }
    here_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return here_ ? 0 : errno;
  }

  // The next name; what follows it stays in rest_. Empty: none is left.
  std::string takeName() {
    const std::size_t begin = rest_.find_first_not_of('/');
    if (begin == std::string::npos) {
      rest_.clear();
      return {};
    }
    const std::size_t end = std::min(rest_.find('/', begin), rest_.size());
    std::string name = rest_.substr(begin, end - begin);
    rest_.erase(0, end);
    return name;
  }
  bool isLast() const { return rest_.find_first_not_of('/') == std::string::npos; }
  bool hasSlashBehind() const { return !rest_.empty(); }

  OrErrno<WalkEnd> arrive() {
    WalkEnd end;
    if (to_ == WalkTo::kPlace) return WalkEnd{{}, {std::move(here_), "."}};
    end.object = std::move(here_);
    return end;
  }

  // True: end_ is where the path leads.
  OrErrno<bool> enter(const std::string& name) {
    const bool onProc = isOnProc();
    std::string real = name;
    if (onProc) real = RF_OR_ERRNO(translate(name));
    const bool placeIsHere = to_ == WalkTo::kPlace && isLast();
    const int fd = openHow(here_.get(), real.c_str(), {.flags = O_PATH | O_NOFOLLOW, .resolve = kResolveNoMagicLinks});
    if (fd == -ENOENT && placeIsHere) return finishAtPlace(real);
    if (fd < 0) return Errno{-fd};
    UniqueFd next(fd);
    struct stat status {};
    if (::fstat(next.get(), &status) != 0) return Errno{errno};
    if (S_ISLNK(status.st_mode) && (!isLast() || last_ == LastLink::kFollow || hasSlashBehind())) {
      if (placeIsHere && last_ == LastLink::kKeep) return finishAtPlace(real);
      if (++links_ > kMaxLinks) return Errno{ELOOP};
      if (onProc && !isPlainProcLink(real)) return followMagic(real);
      return splice(next.get());
    }
    if (placeIsHere) return finishAtPlace(real);
    if (!S_ISDIR(status.st_mode) && hasSlashBehind()) return Errno{ENOTDIR};
    here_ = std::move(next);
    return false;
  }

  OrErrno<bool> finishAtPlace(const std::string& name) {
    end_.place.directory = std::move(here_);
    end_.place.name = name + (hasSlashBehind() ? "/" : "");
    return true;
  }

  OrErrno<bool> splice(int link) {
    std::string text = RF_OR_ERRNO(linkText(link));
    rest_ = text + rest_;
    if (rest_.size() > 2 * PATH_MAX) return Errno{ENAMETOOLONG};
    if (!text.starts_with('/')) return false;
    here_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!here_) return Errno{errno};
    return false;
  }

  bool isOnProc() const {
    struct stat status {};
    return ::fstat(here_.get(), &status) == 0 && fileSystemOf(here_.get(), status.st_dev) == FileSystemKind::kProc;
  }
  bool atProcRoot() const {
    struct stat status {};
    return ::fstat(here_.get(), &status) == 0 && status.st_ino == 1;
  }

  // "self" for the caller, in its own numbers.
  OrErrno<std::string> translate(const std::string& name) {
    if ((name != "self" && name != "thread-self") || !atProcRoot()) return name;
    const ThreadStatus thread = RF_OR_ERRNO(caller_.status());
    const ThreadStatus process = thread.process == caller_.thread() ? thread : RF_OR_ERRNO(statusOf(thread.process));
    if (process.namespacePids.empty() || thread.namespacePids.empty()) return Errno{ENOENT};
    const std::string own = std::to_string(process.namespacePids.back());
    if (name == "self") return own;
    rest_ = "/task/" + std::to_string(thread.namespacePids.back()) + rest_;
    return own;
  }
  OrErrno<ThreadStatus> statusOf(int process) const {
    Notification notification = caller_.notification();
    notification.thread = process;
    return Caller(caller_.proc(), caller_.notifier(), notification).status();
  }

  // "mounts" and "net" of the root of /proc lead to "self/…", as text.
  bool isPlainProcLink(const std::string&) const { return atProcRoot(); }

  // A magic link of the caller's own process: through our view of the same process. Those of others are nobody's
  // business, and could not be told from ours.
  OrErrno<bool> followMagic(const std::string& name) {
    const ThreadStatus thread = RF_OR_ERRNO(caller_.status());
    const ThreadStatus process = thread.process == caller_.thread() ? thread : RF_OR_ERRNO(statusOf(thread.process));
    const std::string path = RF_OR_ERRNO(pathOf(here_.get()));
    const std::string own = "/proc/" + std::to_string(process.namespacePids.back());
    if (path != own && !path.starts_with(own + "/")) return Errno{EACCES};
    std::string_view below = std::string_view(path).substr(own.size());
    if (below.starts_with("/task/")) {
      // Threads of one process are one for this purpose; the caller's own number is the only one that we know.
      const std::string mine = "/task/" + std::to_string(thread.namespacePids.back());
      if (!below.starts_with(mine)) return Errno{EACCES};
      below.remove_prefix(mine.size());
    }
    if (below != "" && below != "/fd") return Errno{EACCES};
    const std::string there = std::to_string(caller_.thread()) + std::string(below) + "/" + name;
    UniqueFd target(::openat(caller_.proc(), there.c_str(), O_PATH | O_CLOEXEC));
    if (!target) return Errno{errno};
    here_ = std::move(target);
    if (isLast() && to_ == WalkTo::kPlace) return Errno{EEXIST};
    return false;
  }

  const Caller& caller_;
  const LastLink last_;
  const WalkTo to_;
  std::string rest_;
  UniqueFd here_;
  int links_ = 0;
  WalkEnd end_;
};

}  // namespace

OrErrno<WalkEnd> walkAsCaller(const Caller& caller, const CopiedPath& path, LastLink last, WalkTo to) {
  return Walker(caller, last, to).walk(path);
}

}  // namespace ringfence::sandbox
