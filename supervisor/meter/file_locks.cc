#include "supervisor/meter/file_locks.h"

#include <array>

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kMostText = 65536;

}  // namespace

FileLocks::FileLocks(const MeterRoots& roots) : file_(KernelFile::open(roots.proc.get(), "locks")) {}

std::optional<std::vector<LockWait>> FileLocks::waits() const {
  std::array<char, kMostText> buffer;
  const auto text = file_.readList(buffer);
  return text ? parseLockWaits(*text) : std::nullopt;
}

}  // namespace ringfence::supervisor
