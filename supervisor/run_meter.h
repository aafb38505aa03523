// What one run uses, as the governor reads it, and no more of it than can have changed: of a run in which nothing ran
// since the last look, what only its own processes change is as it was. So an agent that waits for somebody costs three
// short reads a look.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sandbox/kernel/cgroup.h"
#include "supervisor/core/state.h"
#include "supervisor/meter/group_meter.h"
#include "supervisor/meter/process_io.h"
#include "supervisor/meter/process_starts.h"

namespace ringfence::supervisor {

// Whether a run did anything since something else was read of it: it took no processor time and has as many processes
// and as much memory as then. What the kernel does for it later (writing what is in the page cache) is no doing of its
// own, so that after half a minute nothing is taken for known. Pure.
class Stillness {
 public:
  void begin(const GroupReading& reading, Microseconds now);
  bool lasts(const GroupReading& reading, Microseconds now) const;

 private:
  std::optional<Microseconds> since_;
  std::optional<std::uint64_t> cpuUsec_, memoryBytes_, pids_;
};

class RunMeter {
 public:
  // Absent when nothing of it can be read, as its groups are not there. `before`: what it wrote to files that does not
  // count; absent: whatever it had written when that is read first.
  static std::optional<RunMeter> open(const sandbox::CgroupTree& cgroups, const Run& run,
                                      std::optional<std::uint64_t> before);

  struct Look {
    Depth depth = Depth::kQuick;
    std::span<const DeviceNumber> notDisks;
    Microseconds now{};  // boottime
  };
  void read(const Look& look);
  // What its processes wrote, how often a limit held it, and with `adapter` which programs its command started.
  // `proc`: the directory. After read().
  enum class Extent { kAll, kWrites };
  void readProcesses(const sandbox::CgroupTree& cgroups, int proc, const Run& run, Extent extent, Microseconds now);
  // Everything, anew, for somebody who looks. What the governor has of it stays as it is.
  GroupReading readAll(std::span<const DeviceNumber> notDisks);
  Result<std::vector<int>> processes() const { return meter_.processes(); }

  const GroupReading& last() const { return last_; }
  // Of processor time, at the reading before the last.
  std::optional<std::uint64_t> cpuBefore() const { return cpuBefore_; }
  const std::optional<ProcessIo>& io() const { return io_; }
  std::uint64_t written() const { return written_.total(); }
  const sandbox::CgroupTree::LimitEvents& events() const { return events_; }
  std::uint64_t started() const { return starts_.total(); }

 private:
  RunMeter(GroupMeter meter, std::optional<std::uint64_t> before) : meter_(std::move(meter)), written_(before) {}

  GroupMeter meter_;
  GroupReading last_, full_;  // full_: the last of all numbers
  std::optional<std::uint64_t> cpuBefore_;
  std::optional<ProcessIo> io_;
  WrittenTotal written_;
  sandbox::CgroupTree::LimitEvents events_;
  ProcessStarts starts_;
  Stillness sinceFull_, sinceProcesses_, sinceWrites_;
};

}  // namespace ringfence::supervisor
