// Which block devices are disks, and what went to and from all of them. Loop, dm, md and the like pass on to others
// what they are given, so that it would be counted twice; partitions are counted in their disks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "supervisor/meter/kernel_text.h"
#include "supervisor/meter/roots.h"
#include "supervisor/meter/running_total.h"

namespace ringfence::supervisor {

class Disks {
 public:
  // Since the machine started; never goes backwards, also when a disk is taken away. Absent when the kernel does not
  // say it, or not so that it is understood: nothing is counted then.
  std::optional<ByteCounts> read(const MeterRoots& roots);
  // The devices that are no disks, partitions aside, as of the last reading. Sorted.
  std::span<const DeviceNumber> notDisks() const { return notDisks_; }

 private:
  enum class Kind { kDisk, kPartition, kPassesOn };
  struct Known {
    DeviceNumber device;
    std::string name;
    Kind kind{};
    RunningTotal read, written;
    static Known of(const DiskLine& line, Kind kind);
    void take(const ByteCounts& bytes);
  };
  static Kind kindOf(const MeterRoots& roots, const std::string& name);
  static bool hasSlaves(int sys, const std::string& directory);

  void note(const MeterRoots& roots, const DiskLine& line, std::vector<Known>& before);

  std::vector<Known> known_;  // also some that are gone: they may come back
  std::vector<DeviceNumber> notDisks_;
  ByteCounts forgotten_;  // of disks that are gone for good
};

}  // namespace ringfence::supervisor
