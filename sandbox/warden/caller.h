// Whoever waits in one call: its memory, read once; its descriptors and directories as objects; its status.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sandbox/kernel/notifier.h"
#include "sandbox/kernel/procfs.h"
#include "sandbox/warden/folder.h"
#include "sandbox/warden/or_errno.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class Caller {
 public:
  // `proc`: /proc of the pid namespace that counts `notification.thread`. Borrows all three.
  Caller(int proc, SyscallNotifier& notifier, const Notification& notification)
      : proc_(proc), notifier_(&notifier), notification_(notification) {}

  const Notification& notification() const { return notification_; }
  std::uint64_t argument(std::size_t i) const { return notification_.arguments[i]; }
  SyscallNotifier& notifier() const { return *notifier_; }
  int proc() const { return proc_; }
  int thread() const { return notification_.thread; }

  // Text up to its NUL, which is not part of it. EFAULT; `tooLong` when no NUL comes within `limit` bytes.
  OrErrno<std::string> text(std::uint64_t address, std::size_t limit, int tooLong) const;
  // A path as the kernel would take it: ENOENT when empty, ENAMETOOLONG from PATH_MAX on.
  OrErrno<std::string> path(std::uint64_t address) const;
  OrErrno<std::string> bytes(std::uint64_t address, std::size_t count) const;
  template <typename T>
  OrErrno<T> value(std::uint64_t address) const {
    T result;
    if (notifier_->readMemory(thread(), address, {reinterpret_cast<char*>(&result), sizeof result}) != sizeof result) {
      return Errno{14};
    }
    return result;
  }

  // The directory that AT_FDCWD or one of the caller's descriptors stands for, as an object (O_PATH). EBADF.
  OrErrno<UniqueFd> base(int descriptor) const;
  // The same, perhaps shared with other calls.
  OrErrno<SharedFolder> folder(int descriptor) const;
  // The object of a descriptor of the caller (O_PATH). EBADF also for one that was opened with O_PATH: such a one
  // cannot be changed through.
  OrErrno<UniqueFd> object(int descriptor) const;
  // ESRCH when the caller is gone.
  OrErrno<ThreadStatus> status() const;
  // The device number of its controlling terminal; 0: none.
  OrErrno<dev_t> terminal() const;
  // Whether it has the mount namespace and the root directory that this process has: only then a path means the same
  // for both.
  bool seesWhatWeSee() const;

 private:
  std::string linkOf(int descriptor) const;
  std::string name(const char* file) const { return std::to_string(thread()) + "/" + file; }

  int proc_;
  SyscallNotifier* notifier_;
  Notification notification_;
};

}  // namespace ringfence::sandbox
