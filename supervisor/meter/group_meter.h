// Reads what one control group uses, from the hierarchies that have the controllers (v1 or v2). The files are opened
// once and kept open (up to twelve descriptors): a reading is one pread() each. Readings block only on the kernel; a
// number that the kernel does not give is absent, never zero, and so is every number of a group that is gone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/meter/kernel_file.h"
#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {

// Time in which some task of the group waited, since the group was made (PSI "some total").
struct PressureTotals {
  std::optional<std::uint64_t> cpuUsec, memoryUsec, ioUsec;
  bool operator==(const PressureTotals&) const = default;
};

// Of the group and all below it.
struct GroupReading {
  std::optional<std::uint64_t> cpuUsec;
  std::optional<std::uint64_t> memoryBytes, memoryPeakBytes;
  std::optional<std::uint64_t> anonymousBytes;  // of processes; only swap can take it back
  std::optional<std::uint64_t> sharedBytes;     // of files in memory (tmpfs, memfd) and shared memory; likewise
  bool anonymousRepeated = false;               // a quick reading: both are those of an earlier one
  std::optional<std::uint64_t> swapBytes;
  std::optional<std::uint64_t> refaults;  // pages read back in since the group was made
  std::optional<std::uint64_t> pids;
  // v1: without what the kernel writes later; absent where it counts only disks that some group has a limit for.
  std::optional<std::uint64_t> ioReadBytes, ioWriteBytes;
  PressureTotals pressure;
  bool operator==(const GroupReading&) const = default;
};

// One hierarchy that a group lies in. `version` 1 or 2; 0: no hierarchy has that controller.
struct GroupPlace {
  int directory = -1;  // borrowed while the meter is made
  int version = 0;
};
struct GroupPlaces {
  // Of cpu, v1, only the processor's time is read (cpuacct.usage), and only where the unified one does not tell it.
  GroupPlace cpu, memory, pids, io;
  GroupPlace unified;  // pressure and cgroup.procs; cpu.stat too, which it has without the controller
};

// What of a reading is wanted. A governor's tick needs kQuick; a person who looks sees everything. kQuick of a group:
// cpu, memory, anonymous and shared memory, pids. These two come from memory.stat, which costs as much as all others
// together: a quick reading looks into it when memory in use has changed by 1/64 and a mebibyte since it last did, and
// at the latest each tenth time; between these it repeats them, and says so.
enum class Depth { kQuick, kFull };

class GroupMeter {
 public:
  explicit GroupMeter(const GroupPlaces& places);
  // The bytes of devices in `notDisks` (sorted; DeviceMeter knows them) are left out, as they are counted where they
  // go.
  GroupReading read(Depth depth, std::span<const DeviceNumber> notDisks = {});
  // The next reading looks into memory.stat, whatever its depth.
  void forgetMemoryStat() { lastStatAt_.reset(); }
  // Alone: a governor asks for it of the foreground.
  PressureTotals readPressure() const;
  // Of all processes in the group itself and in the groups below it, sorted. Fails with kNotFound when the group is
  // gone, and with kUnavailable when there are more groups or processes than are looked at.
  Result<std::vector<int>> processes() const;
  // That of the unified hierarchy, as long as this lives; -1: it is in none.
  int directory() const { return unified_.get(); }

 private:
  enum File : std::size_t {
    kCpu,
    kMemory,
    kMemoryStat,
    kPids,
    kCpuPressure,
    kMemoryPressure,
    kIoPressure,
    kMemoryPeak,
    kSwap,
    kIo,
    kFiles
  };
  void openCpu(const GroupPlaces& places);
  std::optional<std::uint64_t> readCpu(std::span<char> buffer) const;
  bool isMemoryStatDue(std::optional<std::uint64_t> memoryBytes);
  void readMemory(Depth depth, std::span<char> buffer, GroupReading& reading);
  void readIo(std::span<char> buffer, std::span<const DeviceNumber> notDisks, GroupReading& reading) const;

  std::array<KernelFile, kFiles> files_;
  GroupVersion cpu_, memory_, io_;
  UniqueFd unified_;
  // What memory.stat said when it was last read, how much memory was in use then, and how often it was left out since.
  MemoryStat lastStat_;
  std::optional<std::uint64_t> lastStatAt_;
  unsigned leftOut_ = 0;
};

}  // namespace ringfence::supervisor
