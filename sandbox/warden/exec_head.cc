#include "sandbox/warden/exec_head.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kHeads = 64;
constexpr std::int64_t kSettled = 2;  // seconds: longer than any file system's clock stands still

struct Key {
  std::uint64_t inode = 0, mount = 0, size = 0;
  std::uint32_t deviceMajor = 0, deviceMinor = 0, mode = 0;
  std::int64_t changed = 0;
  std::uint32_t changedNanoseconds = 0;
  bool operator==(const Key&) const = default;
};

struct Known {
  Key key;
  std::optional<KnownProgram> program;
};

struct KnownPath {
  std::string path;
  Known known;
};

std::mutex mutex;
std::array<Known, kHeads> programs;
std::array<KnownPath, kHeads> paths;

// Nothing: without its mount nobody knows whether it may be executed there.
std::optional<Key> keyOf(const struct statx& file) {
  constexpr unsigned kNeeded = STATX_INO | STATX_SIZE | STATX_MODE | STATX_CTIME | STATX_MNT_ID;
  if ((file.stx_mask & kNeeded) != kNeeded) return std::nullopt;
  return Key{.inode = file.stx_ino,
             .mount = file.stx_mnt_id,
             .size = file.stx_size,
             .deviceMajor = file.stx_dev_major,
             .deviceMinor = file.stx_dev_minor,
             .mode = file.stx_mode,
             .changed = file.stx_ctime.tv_sec,
             .changedNanoseconds = file.stx_ctime.tv_nsec};
}

Known& placeOf(const Key& key) { return programs[(key.inode ^ key.inode >> 6 ^ key.deviceMinor) % kHeads]; }

KnownPath& placeOf(const std::string& path) { return paths[std::hash<std::string>()(path) % kHeads]; }

bool isSettled(const Key& key) {
  timespec now{};
  return ::clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 && now.tv_sec - key.changed > kSettled;
}

}  // namespace

std::optional<KnownProgram> knownProgram(const struct statx& file) {
  const auto key = keyOf(file);
  if (!key) return std::nullopt;
  const std::lock_guard lock(mutex);
  const Known& known = placeOf(*key);
  return known.key == *key ? known.program : std::nullopt;
}

void knowProgram(const struct statx& file, KnownProgram program) {
  auto key = keyOf(file);
  if (!key || !isSettled(*key)) return;
  if (file.stx_nlink != 1) program.path.clear();
  const std::lock_guard lock(mutex);
  placeOf(*key) = {.key = *key, .program = std::move(program)};
}

std::optional<KnownProgram> knownAt(const std::string& path, struct statx& file) {
  {
    const std::lock_guard lock(mutex);
    if (path.empty() || placeOf(path).path != path) return std::nullopt;
  }
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_MNT_ID, &file) != 0) return std::nullopt;
  const auto key = keyOf(file);
  const std::lock_guard lock(mutex);
  const KnownPath& place = placeOf(path);
  return key && place.path == path && place.known.key == *key ? place.known.program : std::nullopt;
}

void knowAt(const std::string& path, const struct statx& file, KnownProgram program) {
  const auto key = keyOf(file);
  if (!key || !isSettled(*key)) return;
  const std::lock_guard lock(mutex);
  placeOf(path) = {.path = path, .known = {.key = *key, .program = std::move(program)}};
}

}  // namespace ringfence::sandbox
