#include "supervisor/stop/readiness.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/branches.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr std::size_t kStack = 512 * 1024;  // far more than the deepest stop needs

// Touched, so that no page of it has to be found later.
[[gnu::noinline]] void touchStack() {
  std::array<volatile char, kStack> pages;
  for (std::size_t i = 0; i < pages.size(); i += 1024) pages[i] = 0;
}

}  // namespace

Readiness makeReady() {
  Readiness readiness;
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) readiness.memoryProblem = posixError(errno, "locking memory").message;
  touchStack();
  (void)writeFileAt(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");  // Not allowed in some containers.
  const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_FIFO)};
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) != 0) {
    readiness.realtimeProblem = posixError(errno, "taking a real-time priority").message;
    (void)::setpriority(PRIO_PROCESS, 0, -20);  // The next best.
  }
  return readiness;
}

void tellServiceManager(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = path == nullptr ? 0 : std::strlen(path);
  if (length < 2 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                 size);
}

Result<void> refuseOwnGroup(const std::string& cgroupRoot) {
  const std::string groups = RF_TRY(readFileAt(AT_FDCWD, "/proc/self/cgroup", kibibytes(64)));
  if (!isBelowBranch(groups, cgroupRoot)) return {};
  return Error{ErrorCode::kInvalid, "started inside a control group of " + cgroupRoot + ", which it would freeze"};
}

}  // namespace ringfence::supervisor::stop
