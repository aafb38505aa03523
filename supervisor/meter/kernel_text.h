// Text that the kernel writes, as numbers. Pure, and fuzzed: whatever stands there is read without harm. A line counts
// when it is whole, with its end; a number counts when nothing else stands in its place. What does not count is absent.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::supervisor {

// Of a block device.
struct DeviceNumber {
  std::uint32_t major = 0, minor = 0;
  auto operator<=>(const DeviceNumber&) const = default;
};

// Digits alone that fit.
std::optional<std::uint64_t> parseDigits(std::string_view digits);
// "123\n" and nothing else.
std::optional<std::uint64_t> parseNumberLine(std::string_view text);
// Of the first line "KEY 123".
std::optional<std::uint64_t> findNumber(std::string_view text, std::string_view key);
// "some avg10=… total=123": microseconds in which some task waited.
std::optional<std::uint64_t> parseStall(std::string_view text);

enum class GroupVersion { kFirst, kSecond };

// memory.stat, the groups below included.
struct MemoryStat {
  std::optional<std::uint64_t> anonymousBytes, sharedBytes, swapBytes, refaults;
  bool operator==(const MemoryStat&) const = default;
};
MemoryStat parseMemoryStat(std::string_view text, GroupVersion version);

struct ByteCounts {
  std::uint64_t read = 0, written = 0;
  bool operator==(const ByteCounts&) const = default;
};
// io.stat, and blkio.throttle.io_service_bytes_recursive, over all devices but those of `leftOut`, which is sorted. An
// absent line is a device that was not used; anything that is not understood makes the whole absent, as a sum without
// it would look like one with it. Without any device, the file of v1 is absent too: there a kernel
// may count nothing (6.18 does not for disks on which no group has a limit) and writes what it would for a group that
// did nothing.
std::optional<ByteCounts> parseIoStat(std::string_view text, std::span<const DeviceNumber> leftOut);
std::optional<ByteCounts> parseServiceBytes(std::string_view text, std::span<const DeviceNumber> leftOut);

// cgroup.procs. Processes that the reader's pid namespace has no number for are left out.
std::optional<std::vector<int>> parseProcessList(std::string_view text);

// /proc/locks: who waits for a lock of a file, and who has it. Locks of an open file description, whose owner the
// kernel does not tell, are left out. Absent when a line is not understood.
struct LockWait {
  int holder = 0, waiter = 0;
  bool operator==(const LockWait&) const = default;
};
std::optional<std::vector<LockWait>> parseLockWaits(std::string_view text);

// /proc/stat: for how many ticks all processors together were busy. Guests are in the time of their users.
std::optional<std::uint64_t> parseBusyTicks(std::string_view text);

// "0-3,8" of /sys/devices/system/cpu/online: how many.
std::optional<std::uint32_t> countProcessors(std::string_view text);

// /proc/meminfo.
struct MemoryInfo {
  std::optional<std::uint64_t> totalBytes, availableBytes, swapFreeBytes;
  bool operator==(const MemoryInfo&) const = default;
};
MemoryInfo parseMemoryInfo(std::string_view text);

// /proc/diskstats, partitions too.
struct DiskLine {
  DeviceNumber device;
  std::string name;
  ByteCounts bytes;
  bool operator==(const DiskLine&) const = default;
};
// Absent when a line is not understood.
std::optional<std::vector<DiskLine>> parseDiskStats(std::string_view text);

}  // namespace ringfence::supervisor
