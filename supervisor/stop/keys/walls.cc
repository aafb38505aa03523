#include "supervisor/stop/keys/walls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/input_devices.h"
#include "supervisor/stop/keys/channel.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr rlim_t kDescriptors = kMaxKeyDevices + 32;
#if !defined(__SANITIZE_ADDRESS__)
constexpr rlim_t kMemory = rlim_t{256} << 20;
#endif

Result<void> limit(int resource, rlim_t most, const char* what) {
  const rlimit value{most, most};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &value) != 0)
    return posixError(errno, std::string("limiting ") + what);
  return {};
}

}  // namespace

Result<UniqueFd> silence() {
  UniqueFd kept(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kKeyChannel + 1));
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!kept || !nowhere) return posixError(errno, "opening /dev/null");
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::dup2(nowhere.get(), fd) < 0) return posixError(errno, "closing what was inherited");
  return kept;
}

Result<void> raiseWalls(const std::string& directory, std::span<const int> outputs) {
  RF_TRY(limit(RLIMIT_CORE, 0, "core files"));
  RF_TRY(limit(RLIMIT_NOFILE, kDescriptors, "descriptors"));
#if !defined(__SANITIZE_ADDRESS__)
  RF_TRY(limit(RLIMIT_AS, kMemory, "memory"));
  // Both only make it faster on a machine that is short of memory or of time; ringfence-stop says where it has neither.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) (void)::mlockall(MCL_CURRENT | MCL_FUTURE);
  const sched_param lowest{.sched_priority = 1};
  (void)::sched_setscheduler(0, SCHED_FIFO, &lowest);
#endif
  return sandbox::confineKeyWatcher({directory, outputs});
}

}  // namespace ringfence::supervisor::stop
