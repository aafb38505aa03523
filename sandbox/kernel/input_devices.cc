#include "sandbox/kernel/input_devices.h"

#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/own_filter.h"

namespace ringfence::sandbox {
namespace {

// The kernel takes whole words.
using KeyBits = std::array<unsigned char, KEY_CNT / CHAR_BIT>;
static_assert(sizeof(KeyBits) % sizeof(unsigned long) == 0);

Result<void> setMask(int device, unsigned type, std::span<unsigned char> bits) {
  const input_mask mask{type, static_cast<__u32>(bits.size()), reinterpret_cast<__u64>(bits.data())};
  if (::ioctl(device, EVIOCSMASK, &mask) != 0) return posixError(errno, "choosing the keys to be told of");
  return {};
}

Result<void> enterDirectory(const std::string& directory) {
  const long abiVersion = ::syscall(abi::kLandlockCreateRuleset, nullptr, 0, 1U);
  if (abiVersion <= 0) return posixError(errno, "Landlock, which confines the key watcher,");
  Landlock walls;
  walls.enabled = true;
  walls.abi = static_cast<std::uint32_t>(abiVersion);
  walls.handledFs = landlockRightsOf(walls.abi);
  walls.handledNet = walls.abi >= 4 ? 3 : 0;  // to bind and to connect
  walls.scoped = landlockScopesOf(walls.abi);
  walls.inner = {{directory, kLandlockReadFile | kLandlockReadDir | kLandlockIoctlDev}};
  walls.outer = walls.inner;
  return restrictByLandlock(walls);
}

// What asks an event device; of what changes it only the clock and the mask of this descriptor. No grab, no LED.
void addDeviceCalls(std::vector<OwnCall>& calls) {
  constexpr unsigned kDirectionAndType = 0xc000ff00;
  constexpr unsigned kAsks = static_cast<unsigned>(_IOC_READ) << _IOC_DIRSHIFT | 'E' << _IOC_TYPESHIFT;
  calls.push_back({SYS_ioctl, 1, kDirectionAndType, kAsks});
  calls.push_back({SYS_ioctl, 1, 0xffffffff, static_cast<unsigned>(EVIOCSCLOCKID)});
  calls.push_back({SYS_ioctl, 1, 0xffffffff, static_cast<unsigned>(EVIOCSMASK)});
}

void addReading(std::vector<OwnCall>& calls) {
  constexpr unsigned kHarmless = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_DIRECTORY | O_LARGEFILE;
  calls.push_back({SYS_openat, 2, ~kHarmless, O_RDONLY});
  for (const int number : {SYS_read, SYS_close, SYS_fstat, SYS_newfstatat, SYS_getdents64, SYS_lseek, SYS_ppoll})
    calls.push_back({number});
#ifdef SYS_poll
  calls.push_back({SYS_poll});
#endif
  for (const unsigned asked : {F_GETFL, F_SETFD}) calls.push_back({SYS_fcntl, 1, 0xffffffff, asked});
}

void addItself(std::vector<OwnCall>& calls) {
  calls.push_back({SYS_mmap, 2, PROT_EXEC, 0});
  calls.push_back({SYS_mprotect, 2, PROT_EXEC, 0});
  for (const int number :
       {SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_clock_gettime, SYS_clock_nanosleep, SYS_getrandom,
        SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit, SYS_exit_group})
    calls.push_back({number});
  calls.push_back({SYS_tgkill, 0, 0xffffffff, static_cast<unsigned>(::getpid())});  // abort
}

}  // namespace

Result<void> showOnlyKeys(int device, std::span<const int> codes) {
  KeyBits keys{};
  for (const int code : codes) {
    if (code < 0 || code >= KEY_CNT) return Error{ErrorCode::kInvalid, "no key has the code " + std::to_string(code)};
    const auto at = static_cast<unsigned>(code);
    keys[at / CHAR_BIT] = static_cast<unsigned char>(keys[at / CHAR_BIT] | 1U << at % CHAR_BIT);
  }
  // The mask of type 0 is that of the types. Keys first: between the two calls less is told than wanted, never more.
  RF_TRY(setMask(device, EV_KEY, keys));
  std::array<unsigned char, sizeof(unsigned long)> types{};
  types[0] = 1U << EV_SYN | 1U << EV_KEY;
  return setMask(device, EV_SYN, types);
}

Result<void> confineKeyWatcher(const KeyWatcherWalls& walls) {
  RF_TRY(keepOnlyTheId());
  RF_TRY(enterDirectory(walls.directory));
  std::vector<OwnCall> calls;
  addReading(calls);
  addDeviceCalls(calls);
  addItself(calls);
  for (const int output : walls.outputs) calls.push_back({SYS_write, 0, 0xffffffff, static_cast<unsigned>(output)});
  return confineTo(calls);
}

}  // namespace ringfence::sandbox
