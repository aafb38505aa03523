// Reads who waits for a lock of a file that somebody else has: /proc/locks.
#pragma once

#include <optional>
#include <vector>

#include "supervisor/meter/kernel_file.h"
#include "supervisor/meter/kernel_text.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

class FileLocks {
 public:
  explicit FileLocks(const MeterRoots& roots);
  // Absent: it cannot be read, or there are more locks than are looked at (about a thousand), which any program can
  // take. Blocks on the kernel alone.
  std::optional<std::vector<LockWait>> waits() const;

 private:
  KernelFile file_;
};

}  // namespace ringfence::supervisor
