// The arguments of each call, copied once.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/deeds.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxAttributeName = 255;
constexpr std::size_t kMaxAttributeValue = 65536;  // XATTR_SIZE_MAX
constexpr std::uint64_t kAccess = O_ACCMODE;
constexpr std::uint64_t kOpenFlags = kAccess | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |
                                     O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
                                     O_CLOEXEC | O_PATH | O_TMPFILE | 0100000 /* O_LARGEFILE as the kernel has it */;
constexpr std::uint64_t kPathFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::uint64_t kResolveFlags =
    kResolveNoXdev | kResolveNoMagicLinks | kResolveNoSymlinks | kResolveBeneath | kResolveInRoot | kResolveCached;
constexpr std::uint64_t kTmpfile = O_TMPFILE & ~std::uint64_t{O_DIRECTORY};

struct HowArgument {
  std::uint64_t flags, mode, resolve;
};

int descriptorOf(std::uint64_t argument) { return static_cast<int>(argument); }

class Copier {
 public:
  explicit Copier(const Caller& caller) : caller_(caller), call_(guardedCallOf(caller.notification().number)) {}

  OrErrno<PathCall> copy() {
    result_.call = call_;
    const int error = copyByKind();
    if (error != 0) return Errno{error};
    return std::move(result_);
  }

 private:
  std::uint64_t at(std::size_t i) const { return caller_.argument(i); }

  int copyByKind() {
    switch (call_) {
      case GuardedCall::kOpen: return open(AT_FDCWD, 0, at(1), at(2));
      case GuardedCall::kOpenat: return open(descriptorOf(at(0)), 1, at(2), at(3));
      case GuardedCall::kCreat: return open(AT_FDCWD, 0, O_CREAT | O_WRONLY | O_TRUNC, at(1));
      case GuardedCall::kOpenat2: return open2();
      case GuardedCall::kMkdir: return make(AT_FDCWD, 0, at(1));
      case GuardedCall::kMkdirat: return make(descriptorOf(at(0)), 1, at(2));
      case GuardedCall::kMknod: result_.device = static_cast<std::uint32_t>(at(2)); return make(AT_FDCWD, 0, at(1));
      case GuardedCall::kMknodat:
        result_.device = static_cast<std::uint32_t>(at(3));
        return make(descriptorOf(at(0)), 1, at(2));
      case GuardedCall::kSymlink: return symlink(AT_FDCWD, 1);
      case GuardedCall::kSymlinkat: return symlink(descriptorOf(at(1)), 2);
      case GuardedCall::kUnlink: return path(AT_FDCWD, 0);
      case GuardedCall::kRmdir: result_.flags = AT_REMOVEDIR; return path(AT_FDCWD, 0);
      case GuardedCall::kUnlinkat:
        result_.flags = static_cast<std::uint32_t>(at(2));
        if ((result_.flags & ~std::uint64_t{AT_REMOVEDIR}) != 0) return EINVAL;
        return path(descriptorOf(at(0)), 1);
      case GuardedCall::kTruncate:
        result_.length = static_cast<std::int64_t>(at(1));
        return result_.length < 0 ? EINVAL : path(AT_FDCWD, 0);
      default: return copyTwoPaths();
    }
  }
  int copyTwoPaths() {
    switch (call_) {
      case GuardedCall::kRename: return paths(AT_FDCWD, 0, AT_FDCWD, 1);
      case GuardedCall::kRenameat: return paths(descriptorOf(at(0)), 1, descriptorOf(at(2)), 3);
      case GuardedCall::kRenameat2: result_.flags = static_cast<std::uint32_t>(at(4)); return renameat2();
      case GuardedCall::kLink: result_.last = LastLink::kKeep; return paths(AT_FDCWD, 0, AT_FDCWD, 1);
      case GuardedCall::kLinkat: return linkat();
      default: return copyAttributes();
    }
  }
  int copyAttributes() {
    switch (call_) {
      case GuardedCall::kChmod: result_.mode = at(1); return path(AT_FDCWD, 0);
      case GuardedCall::kFchmod: result_.mode = at(1); return object(at(0));
      case GuardedCall::kFchmodat: result_.mode = at(2); return path(descriptorOf(at(0)), 1);
      case GuardedCall::kFchmodat2: result_.mode = at(2); return pathWithFlags(descriptorOf(at(0)), 1, at(3));
      case GuardedCall::kChown: setOwner(1); return path(AT_FDCWD, 0);
      case GuardedCall::kLchown:
        setOwner(1);
        result_.last = LastLink::kKeep;
        return path(AT_FDCWD, 0);
      case GuardedCall::kFchown: setOwner(1); return object(at(0));
      case GuardedCall::kFchownat: setOwner(2); return pathWithFlags(descriptorOf(at(0)), 1, at(4));
      case GuardedCall::kUtime:
      case GuardedCall::kUtimes:
      case GuardedCall::kFutimesat:
      case GuardedCall::kUtimensat: return times();
      case GuardedCall::kSetxattr:
      case GuardedCall::kLsetxattr:
      case GuardedCall::kFsetxattr:
      case GuardedCall::kRemovexattr:
      case GuardedCall::kLremovexattr:
      case GuardedCall::kFremovexattr: return attribute();
      default: return EACCES;
    }
  }

  int path(int descriptor, std::size_t argument) {
    auto copied = copyPath(caller_, descriptor, at(argument));
    if (!copied) return copied.error().value;
    result_.path = std::move(*copied);
    return 0;
  }
  int paths(int from, std::size_t fromArgument, int to, std::size_t toArgument) {
    if (const int error = path(from, fromArgument); error != 0) return error;
    auto copied = copyPath(caller_, to, at(toArgument));
    if (!copied) return copied.error().value;
    result_.second = std::move(*copied);
    return 0;
  }
  int object(std::uint64_t descriptor) {
    auto found = caller_.object(descriptorOf(descriptor));
    if (!found) return found.error().value;
    result_.object = std::move(*found);
    return 0;
  }
  // AT_SYMLINK_NOFOLLOW, and AT_EMPTY_PATH: the descriptor itself, also one that was opened with O_PATH.
  int pathWithFlags(int descriptor, std::size_t argument, std::uint64_t flags) {
    if ((flags & ~std::uint64_t{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH} & 0xffffffff) != 0) return EINVAL;
    if ((flags & AT_SYMLINK_NOFOLLOW) != 0) result_.last = LastLink::kKeep;
    if ((flags & AT_EMPTY_PATH) == 0) return path(descriptor, argument);
    if (at(argument) != 0) {
      auto text = caller_.text(at(argument), PATH_MAX, ENAMETOOLONG);
      if (!text) return text.error().value;
      if (!text->empty()) return path(descriptor, argument);
    }
    auto base = caller_.base(descriptor);
    if (!base) return base.error().value;
    result_.object = std::move(*base);
    return 0;
  }
  int umask() {
    auto status = caller_.status();
    if (!status) return status.error().value;
    result_.umask = status->umask.value_or(077);
    return 0;
  }

  int open(int descriptor, std::size_t argument, std::uint64_t flags, std::uint64_t mode) {
    // As openat(2) has always done it: what it does not know is dropped, with O_PATH nearly everything.
    flags &= (flags & O_PATH) != 0 ? kPathFlags : kOpenFlags;
    result_.flags = flags;
    const bool creates = (flags & O_CREAT) != 0 || (flags & kTmpfile) != 0;
    if ((flags & kTmpfile) != 0 && ((flags & O_DIRECTORY) == 0 || (flags & kAccess) == O_RDONLY)) return EINVAL;
    result_.mode = creates ? mode & 07777 : 0;
    return path(descriptor, argument);
  }
  int open2() {
    if (at(3) < sizeof(HowArgument)) return EINVAL;
    if (at(3) > 4096) return E2BIG;
    auto how = caller_.value<HowArgument>(at(2));
    if (!how) return how.error().value;
    if (at(3) > sizeof(HowArgument)) {
      auto more = caller_.bytes(at(2) + sizeof(HowArgument), at(3) - sizeof(HowArgument));
      if (!more) return more.error().value;
      if (more->find_first_not_of('\0') != std::string::npos) return E2BIG;
    }
    const bool creates = (how->flags & O_CREAT) != 0 || (how->flags & kTmpfile) != 0;
    if ((how->flags & ~kOpenFlags) != 0 || (how->resolve & ~kResolveFlags) != 0) return EINVAL;
    if (creates ? (how->mode & ~std::uint64_t{07777}) != 0 : how->mode != 0) return EINVAL;
    if ((how->flags & O_PATH) != 0 && (how->flags & ~kPathFlags) != 0) return EINVAL;
    if ((how->resolve & kResolveBeneath) != 0 && (how->resolve & kResolveInRoot) != 0) return EINVAL;
    // What the caller's cache holds says nothing about ours.
    if ((how->resolve & kResolveCached) != 0) return EAGAIN;
    if (const int error = open(descriptorOf(at(0)), 1, how->flags, how->mode); error != 0) return error;
    result_.resolve = how->resolve;
    // Absolute paths are relative to the descriptor there.
    if ((how->resolve & kResolveInRoot) == 0 || result_.path.base) return 0;
    auto base = caller_.folder(descriptorOf(at(0)));
    if (!base) return base.error().value;
    result_.path.base = std::move(*base);
    return 0;
  }
  int make(int descriptor, std::size_t argument, std::uint64_t mode) {
    result_.mode = mode & (S_IFMT | 07777);
    if (const int error = umask(); error != 0) return error;
    return path(descriptor, argument);
  }
  int symlink(int descriptor, std::size_t argument) {
    auto text = caller_.path(at(0));
    if (!text) return text.error().value;
    result_.text = std::move(*text);
    return path(descriptor, argument);
  }
  int renameat2() {
    constexpr std::uint64_t kKnown = RENAME_NOREPLACE | RENAME_EXCHANGE;  // a whiteout needs rights that nobody has
    if ((result_.flags & ~kKnown) != 0 || result_.flags == kKnown) return EINVAL;
    return paths(descriptorOf(at(0)), 1, descriptorOf(at(2)), 3);
  }
  int linkat() {
    const std::uint64_t flags = at(4) & 0xffffffff;
    if ((flags & ~std::uint64_t{AT_SYMLINK_FOLLOW | AT_EMPTY_PATH}) != 0) return EINVAL;
    result_.last = (flags & AT_SYMLINK_FOLLOW) != 0 ? LastLink::kFollow : LastLink::kKeep;
    auto from = caller_.text(at(1), PATH_MAX, ENAMETOOLONG);
    if (!from) return from.error().value;
    if (!from->empty()) return paths(descriptorOf(at(0)), 1, descriptorOf(at(2)), 3);
    // A descriptor's own file: for whoever may read everything, and on newer kernels for whoever opened it. We say no.
    return ENOENT;
  }
  void setOwner(std::size_t first) {
    result_.owner = static_cast<uid_t>(at(first));
    result_.group = static_cast<gid_t>(at(first + 1));
  }

  int times() {
    const bool atForm = call_ == GuardedCall::kUtimensat || call_ == GuardedCall::kFutimesat;
    const std::uint64_t address = at(atForm ? 2 : 1);
    if (address != 0) {
      if (const int error = readTimes(address); error != 0) return error;
    }
    if (!atForm) return path(AT_FDCWD, 0);
    // Without a path the descriptor itself is meant.
    if (at(1) == 0) return call_ == GuardedCall::kUtimensat && at(3) != 0 ? EINVAL : object(at(0));
    if (call_ == GuardedCall::kFutimesat) return path(descriptorOf(at(0)), 1);
    return pathWithFlags(descriptorOf(at(0)), 1, at(3));
  }
  int readTimes(std::uint64_t address) {
    std::array<timespec, 2> times{};
    if (call_ == GuardedCall::kUtimensat) {
      auto given = caller_.value<std::array<timespec, 2>>(address);
      if (!given) return given.error().value;
      times = *given;
    } else if (call_ == GuardedCall::kUtime) {
      auto given = caller_.value<utimbuf>(address);
      if (!given) return given.error().value;
      times[0].tv_sec = given->actime;
      times[1].tv_sec = given->modtime;
    } else {
      auto given = caller_.value<std::array<timeval, 2>>(address);
      if (!given) return given.error().value;
      for (std::size_t i = 0; i < 2; ++i) {
        const timeval& from = (*given)[i];
        if (from.tv_usec < 0 || from.tv_usec >= 1'000'000) return EINVAL;
        times[i] = {.tv_sec = from.tv_sec, .tv_nsec = from.tv_usec * 1000};
      }
    }
    result_.times = times;
    return 0;
  }

  int attribute() {
    const bool sets =
        call_ == GuardedCall::kSetxattr || call_ == GuardedCall::kLsetxattr || call_ == GuardedCall::kFsetxattr;
    auto name = caller_.text(at(1), kMaxAttributeName + 1, ERANGE);
    if (!name) return name.error().value;
    if (name->empty()) return ERANGE;
    result_.text = std::move(*name);
    if (sets) {
      result_.flags = static_cast<std::uint32_t>(at(4));
      if ((result_.flags & ~std::uint64_t{XATTR_CREATE | XATTR_REPLACE}) != 0) return EINVAL;
      if (at(3) > kMaxAttributeValue) return E2BIG;
      auto value = caller_.bytes(at(2), at(3));
      if (!value) return value.error().value;
      result_.value = std::move(*value);
    }
    if (call_ == GuardedCall::kFsetxattr || call_ == GuardedCall::kFremovexattr) return object(at(0));
    if (call_ == GuardedCall::kLsetxattr || call_ == GuardedCall::kLremovexattr) result_.last = LastLink::kKeep;
    return path(AT_FDCWD, 0);
  }

  const Caller& caller_;
  const GuardedCall call_;
  PathCall result_;
};

}  // namespace

OrErrno<PathCall> copyPathCall(const Caller& caller) { return Copier(caller).copy(); }

}  // namespace ringfence::sandbox
