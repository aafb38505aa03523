#include "sandbox/kernel/idle_process.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <string>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kLeastWeight = "19";  // as nice values go

}  // namespace

Result<void> makeIdle(int pid) {
  const std::string process = "process " + std::to_string(pid);
  const sched_param none{};
  if (::sched_setscheduler(pid, SCHED_IDLE, &none) != 0)
    return posixError(errno, "putting " + process + " into the idle class");
  if (::sched_getscheduler(pid) != SCHED_IDLE)
    return Error{ErrorCode::kUnsupported, process + " is not in the idle class, into which it was put"};
  const UniqueFd autogroup(::open(("/proc/" + std::to_string(pid) + "/autogroup").c_str(), O_WRONLY | O_CLOEXEC));
  if (!autogroup && errno == ENOENT) return {};  // This kernel makes no such groups.
  if (!autogroup) return posixError(errno, "opening the scheduler's group of " + process);
  return writeAll(autogroup.get(), kLeastWeight, "giving the scheduler's group of " + process + " the least weight");
}

}  // namespace ringfence::sandbox
