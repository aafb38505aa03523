// A notified call with arguments and memory of an attacker's choice: copied, pinned and judged against a kernel of
// ours, never performed. Whatever comes of it, what is judged is an absolute path without dots, a second time over the
// same, and nothing of a call that set-id bits are in.
//
// The first byte chooses the call, the next six the arguments (small numbers, or places in the memory), the rest is the
// memory at kBase; it is followed by nothing.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/warden/deeds.h"
#include "sdk/base/error.h"
#include "tests/sandbox/warden/fake_notifier.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

constexpr std::uint64_t kBase = 0x10000;
constexpr std::size_t kHeader = 7;

std::vector<int> numbers() {
  std::vector<int> result;
  for (int number = 0; number < 600; ++number) {
    const GuardedCall call = guardedCallOf(number);
    if (call != GuardedCall::kUnknown && call != GuardedCall::kExecve && call != GuardedCall::kExecveat) {
      result.push_back(number);
    }
  }
  return result;
}

std::uint64_t argument(std::uint8_t byte, std::size_t memory) {
  static constexpr std::uint64_t kNumbers[] = {0,
                                               1,
                                               2,
                                               static_cast<std::uint32_t>(AT_FDCWD),
                                               3,
                                               O_CREAT | O_WRONLY,
                                               O_CREAT | O_EXCL | O_RDWR,
                                               O_TMPFILE | O_RDWR,
                                               O_PATH,
                                               AT_EMPTY_PATH,
                                               AT_SYMLINK_NOFOLLOW,
                                               24,
                                               0644,
                                               04755,
                                               ~std::uint64_t{0},
                                               1ULL << 40};
  if (byte < std::size(kNumbers)) return kNumbers[byte];
  return kBase + (byte - std::size(kNumbers)) % (memory + 2);
}

void check(const Deed& deed) {
  for (const policy::Action& action : deed.targets()) {
    RF_CHECK(action.target.starts_with('/'));
    const std::string closed = action.target + "/";
    RF_CHECK(closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos);
    RF_CHECK(action.target.find('\0') == std::string::npos && action.target.size() < 4096);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<int> kCalls = numbers();
  static const int proc = ::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  static const int ready = ::chdir("/proc/self/fd");  // as a warden's threads
  RF_CHECK(proc >= 0 && ready == 0);
  if (size < kHeader) return 0;
  test::FakeNotifier notifier;
  notifier.memory[kBase] = std::string(reinterpret_cast<const char*>(data) + kHeader, size - kHeader);
  Notification call{.id = 1, .thread = ::getpid(), .number = kCalls[data[0] % kCalls.size()]};
  for (std::size_t i = 0; i < call.arguments.size(); ++i) { call.arguments[i] = argument(data[i + 1], size - kHeader); }
  const Caller caller(proc, notifier, call);
  auto copied = copyPathCall(caller);
  if (!copied) {
    RF_CHECK(copied.error().value > 0);
    return 0;
  }
  const bool setsId = (copied->mode & kSetIdBits) != 0;
  auto deed = preparePath(caller);
  if (!deed) {
    RF_CHECK(deed.error().value > 0);
    return 0;
  }
  RF_CHECK(!setsId);
  check(**deed);
  auto other = (*deed)->rewritten(caller, 0, {.path = "/tmp/../etc/passwd"});
  if (other) check(**other);
  return 0;
}
