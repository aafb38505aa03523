// How long everybody but the agents waited for memory and disks, and how long they had a processor: from the control
// groups beside the agents'.
//
// The machine's own pressure less that of the agents would not be it. The kernel weighs what it counts by how busy each
// processor is, so the difference of two groups may be more or less than what the others waited; and what stands in the
// root also counts the kernel's threads that write the agents' pages. So the groups that hold others are read, and of
// them the one that waited longest: at least that long somebody waited. What lives in the root itself (all of a machine
// without an init that makes groups) is in no group that can be read, and is not known.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.h"
#include "supervisor/meter/kernel_file.h"

namespace ringfence::supervisor {

// Since the meter was made; absent: no group tells it.
struct ForegroundReading {
  std::optional<std::uint64_t> memoryUsec, ioUsec;
  std::optional<std::uint64_t> cpuUsec;  // of all of these groups together
  bool operator==(const ForegroundReading&) const = default;
};

// Which groups beside those of the agents are read: all at the top, and where one holds a group that is left out, those
// below it instead. A tree of another supervisor of ours, which has branches of its own, is no foreground either.
class ForegroundMeter {
 public:
  // `unified`: the directory in which the agents' branches are. `leftOut`: paths below it, of the agents and of who
  // serves them.
  ForegroundMeter(UniqueFd unified, std::vector<std::string> leftOut);

  // Looks which groups there are now. A new one counts from then on.
  void look();
  ForegroundReading read();
  std::size_t groups() const { return groups_.size(); }

 private:
  struct Group {
    KernelFile memory, io, cpu;
    std::optional<std::uint64_t> memoryUsec, ioUsec, cpuUsec;
  };
  void collect(int directory, const std::string& path, std::size_t depth, std::map<std::string, Group>& found);

  UniqueFd unified_;
  std::vector<std::string> leftOut_;
  std::map<std::string, Group> groups_;
  ForegroundReading total_;
};

// The path of the unified hierarchy in the text of /proc/PID/cgroup, without the leading slash; absent: none, the root,
// or one that cannot be reached from here.
std::optional<std::string> unifiedPathIn(const std::string& cgroupText);

}  // namespace ringfence::supervisor
