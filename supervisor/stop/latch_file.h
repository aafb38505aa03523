// The file STATE_DIR/latch: made once with all its bytes, then rewritten in place, so that a full disk does not stop it
// (on a file system that never writes in place, such as btrfs, it needs room for one block). One writer,
// ringfence-stop; whoever starts agents reads it as well.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/latch.h"

namespace ringfence::supervisor::stop {

// What the file says now. Absent is released: the first start makes it. One that cannot be read is damaged, so latched.
LatchReading readLatch(const std::string& stateDirectory);

class LatchFile {
 public:
  // Makes the directory and the file where they are absent. A file that is there and cannot be opened is no failure: it
  // counts as damaged, and each write fails.
  static Result<LatchFile> open(const std::string& stateDirectory);

  LatchReading read() const;
  // No heap. kSoon: the file has it, a kill of ours loses nothing, and it is on its way to the disk. kNow: it is on the
  // disk, which is waited for. Returns errno, 0: done.
  enum class Durable { kSoon, kNow };
  int write(const LatchSector& sector, Durable durable) const;

 private:
  LatchFile(UniqueFd file, int problem) : file_(std::move(file)), problem_(problem) {}

  UniqueFd file_;
  int problem_ = 0;  // errno of opening it
};

}  // namespace ringfence::supervisor::stop
