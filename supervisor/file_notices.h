// Files of control groups that the kernel tells of: one inotify instance for all of them. It tells of every write that
// a process makes (cgroup.freeze), and of what the kernel itself notes in cgroup.events and pids.events. It tells
// nothing of what is only counted or listed (cgroup.procs, /proc/PID/cgroup), and nothing when a group is removed.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

class FileNotices {
 public:
  using Id = int;

  // Fails where the user has no instance left, or the kernel none at all.
  static Result<FileNotices> create();

  // Below `directory`. The same file twice is one id. Fails with errno's code; with kBusy where the user may watch no
  // more.
  Result<Id> watch(int directory, const std::string& path);
  void forget(Id id);

  // Readable when take() has something. Does not block.
  int fd() const { return fd_.get(); }
  struct Told {
    std::vector<Id> changed;  // each once; one that was just forgotten may be among them
    bool lost = false;        // there were more than the kernel keeps: anything may have changed
  };
  Told take();

 private:
  explicit FileNotices(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace ringfence::supervisor
