// open and its kin: what exists is opened through its pinned object, what does not is made in its pinned directory.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/deeds.h"
#include "sandbox/warden/file_system.h"
#include "sandbox/warden/open_at_once.h"
#include "sandbox/warden/own_proc.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kTmpfile = O_TMPFILE & ~std::uint64_t{O_DIRECTORY};
constexpr unsigned kMemoryDevices = 1;  // null, zero, full, random
const dev_t kOwnTerminal = makedev(5, 0);

bool has(std::uint64_t flags, std::uint64_t flag) { return (flags & flag) == flag; }
bool writes(std::uint64_t flags) { return (flags & O_ACCMODE) != O_RDONLY || has(flags, O_TRUNC); }
// 3 is for ioctl alone, and asks for both rights.
bool reads(std::uint64_t flags) { return (flags & O_ACCMODE) != O_WRONLY; }

CloseOnExec closeOnExec(std::uint64_t flags) { return has(flags, O_CLOEXEC) ? CloseOnExec::kYes : CloseOnExec::kNo; }

// What others notice as long as anybody has it open: all but files, and programs that nobody can run while they are
// written.
enum class Seen { kNo, kWhileOpen };

Effect given(int fd, std::uint64_t flags, Seen seen) {
  if (fd < 0) return Effect::failed(-fd);
  Effect effect;
  effect.kind = Effect::Kind::kFd;
  effect.fd.reset(fd);
  effect.closeOnExec = closeOnExec(flags);
  effect.handover = seen == Seen::kWhileOpen ? Handover::kAfterClosing : Handover::kAtOnce;
  return effect;
}

class OpenExisting final : public PathDeed {
 public:
  OpenExisting(PathCall call, UniqueFd found, const struct stat& status, FileSystemKind kind)
      : PathDeed(std::move(call)), found_(std::move(found)), type_(status.st_mode & S_IFMT) {
    const bool program = writes(call_.flags) && (status.st_mode & 0111) != 0;
    const bool quietDevice = S_ISCHR(type_) && major(status.st_rdev) == kMemoryDevices;
    const bool plain = S_ISREG(type_) || S_ISDIR(type_) || quietDevice;
    seen_ = program || !plain ? Seen::kWhileOpen : Seen::kNo;
    blocking_ = S_ISREG(type_) || S_ISDIR(type_) ? Blocking::kMay : Blocking::kWaits;
    if (plain && (quietDevice || kind != FileSystemKind::kRemote)) blocking_ = Blocking::kNo;
    if (S_ISFIFO(type_) && has(call_.flags, O_NONBLOCK)) blocking_ = Blocking::kNo;
    local_ = kind == FileSystemKind::kLocal && S_ISREG(type_);
  }

  int prepare() {
    auto path = pathOf(found_.get());
    if (!path) return path.error().value;
    if (local_) knowAsPlain(*path);
    if (writes(call_.flags)) judge(policy::Operation::kWrite, *path);
    if (reads(call_.flags)) judge(policy::Operation::kRead, std::move(*path));
    return 0;
  }

  Lasting lasting() const override { return has(call_.flags, O_TRUNC) ? Lasting::kChange : Lasting::kNothing; }
  Blocking blocking() const override { return blocking_; }
  Effect perform() override {
    std::uint64_t flags = call_.flags & ~std::uint64_t{O_CREAT | O_EXCL | O_NOFOLLOW};
    // A terminal that a warden opens must never become its own.
    if (S_ISCHR(type_)) flags |= O_NOCTTY;
    return given(openHow(AT_FDCWD, handleOf(found_.get()).c_str(), {.flags = flags}), call_.flags, seen_);
  }

 protected:
  int pinned() const override { return found_.get(); }

 private:
  UniqueFd found_;
  mode_t type_;
  Seen seen_ = Seen::kNo;
  Blocking blocking_ = Blocking::kMay;
  bool local_ = false;
};

class OpenNew final : public PathDeed {
 public:
  OpenNew(PathCall call, Place place) : PathDeed(std::move(call)), place_(std::move(place)) {
    struct stat status {};
    const bool local = ::fstat(place_.directory.get(), &status) == 0 &&
                       fileSystemOf(place_.directory.get(), status.st_dev) == FileSystemKind::kLocal;
    blocking_ = local ? Blocking::kNo : Blocking::kMay;
  }
  int prepare() {
    auto path = pathOf(place_);
    if (!path) return path.error().value;
    judge(policy::Operation::kWrite, std::move(*path));
    return 0;
  }
  Blocking blocking() const override { return blocking_; }
  Effect perform() override {
    const ScopedUmask umask(call_.umask);
    const int fd = openHow(place_.directory.get(), place_.name.c_str(),
                           {.flags = (call_.flags & ~std::uint64_t{O_NOFOLLOW}) | O_CREAT | O_EXCL,
                            .mode = call_.mode,
                            .resolve = kResolveBeneath | kResolveNoSymlinks});
    if (fd == -EEXIST && !has(call_.flags, O_EXCL)) return {.kind = Effect::Kind::kChanged};
    return given(fd, call_.flags, (call_.mode & 0111) != 0 ? Seen::kWhileOpen : Seen::kNo);
  }

 protected:
  int pinned() const override { return place_.directory.get(); }

 private:
  Place place_;
  Blocking blocking_ = Blocking::kMay;
};

// O_TMPFILE: a file without a name, in a pinned directory.
class OpenNameless final : public PathDeed {
 public:
  OpenNameless(PathCall call, UniqueFd found) : PathDeed(std::move(call)), found_(std::move(found)) {}
  int prepare() {
    auto path = pathOf(found_.get());
    if (!path) return path.error().value;
    judge(policy::Operation::kWrite, std::move(*path));
    return 0;
  }
  Lasting lasting() const override { return Lasting::kNothing; }
  Effect perform() override {
    const ScopedUmask umask(call_.umask);
    const int fd = openHow(found_.get(), ".",
                           {.flags = call_.flags & ~std::uint64_t{O_NOFOLLOW},
                            .mode = call_.mode,
                            .resolve = kResolveBeneath | kResolveNoSymlinks});
    return given(fd, call_.flags, Seen::kNo);
  }

 protected:
  int pinned() const override { return found_.get(); }

 private:
  UniqueFd found_;
};

// /dev/tty: the caller's terminal, under the name that it has in the run.
OrErrno<UniqueFd> terminalOf(const Caller& caller) {
  const dev_t terminal = RF_OR_ERRNO(caller.terminal());
  if (terminal == 0) return Errno{ENXIO};
  const std::string path = "/dev/pts/" + std::to_string(minor(terminal));
  UniqueFd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISCHR(status.st_mode)) return Errno{ENXIO};
  // Another terminal of that number: the caller's is not of this run.
  if (status.st_rdev != terminal) return Errno{ENXIO};
  return fd;
}

OrErrno<std::uint32_t> umaskOf(const Caller& caller) {
  const ThreadStatus status = RF_OR_ERRNO(caller.status());
  return status.umask.value_or(077);
}

PreparedDeed prepareFound(const Caller& caller, PathCall call, UniqueFd found) {
  struct stat status {};
  if (::fstat(found.get(), &status) != 0) return Errno{errno};
  if (has(call.flags, O_CREAT) && has(call.flags, O_EXCL)) return Errno{EEXIST};
  if (S_ISLNK(status.st_mode)) return Errno{ELOOP};
  if (S_ISDIR(status.st_mode) && (writes(call.flags) || has(call.flags, O_CREAT))) return Errno{EISDIR};
  if (!S_ISDIR(status.st_mode) && has(call.flags, O_DIRECTORY)) return Errno{ENOTDIR};
  if (S_ISSOCK(status.st_mode)) return Errno{ENXIO};
  if (S_ISCHR(status.st_mode) && status.st_rdev == kOwnTerminal) {
    found = RF_OR_ERRNO(terminalOf(caller));
    if (::fstat(found.get(), &status) != 0) return Errno{errno};
  }
  const FileSystemKind kind = fileSystemOf(found.get(), status.st_dev);
  if (kind == FileSystemKind::kProc) {
    if (const int error = refusalOfProcFile(caller, found.get(), writes(call.flags) ? ProcUse::kWrite : ProcUse::kRead);
        error != 0) {
      return Errno{error};
    }
  }
  return prepared<OpenExisting>(std::move(call), std::move(found), status, kind);
}

}  // namespace

PreparedDeed prepareOpen(const Caller& caller, PathCall call) {
  if ((call.mode & kSetIdBits) != 0) return Errno{EPERM};
  // The kernel hands no such descriptor on. Whoever hears this takes openat(2), of which O_PATH is not notified.
  if (has(call.flags, O_PATH)) return Errno{ENOSYS};
  if (has(call.flags, O_CREAT) && has(call.flags, O_DIRECTORY) && !has(call.flags, kTmpfile)) return Errno{EINVAL};
  const bool keepsLink = has(call.flags, O_NOFOLLOW) || (has(call.flags, O_CREAT) && has(call.flags, O_EXCL));
  auto found = pinObject(caller, call.path, keepsLink ? LastLink::kKeep : LastLink::kFollow, call.resolve);
  if (has(call.flags, kTmpfile)) {
    if (!found) return found.error();
    struct stat status {};
    if (::fstat(found->get(), &status) != 0) return Errno{errno};
    if (!S_ISDIR(status.st_mode)) return Errno{ENOTDIR};
    call.umask = RF_OR_ERRNO(umaskOf(caller));
    return prepared<OpenNameless>(std::move(call), std::move(*found));
  }
  if (found) return prepareFound(caller, std::move(call), std::move(*found));
  if (found.error().value != ENOENT || !has(call.flags, O_CREAT)) return found.error();
  if (call.path.endsWithSlash()) return Errno{EISDIR};
  Place place = RF_OR_ERRNO(keepsLink ? pinPlace(caller, call.path, call.resolve)
                                      : pinPlaceBehindLinks(caller, call.path, call.resolve));
  call.umask = RF_OR_ERRNO(umaskOf(caller));
  return prepared<OpenNew>(std::move(call), std::move(place));
}

}  // namespace ringfence::sandbox
