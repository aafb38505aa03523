// Control groups of a test's or a measurement's own, in every hierarchy of this machine that meters something; removed
// at the end. Not for programs: it makes groups at the top, and enables v2 controllers there.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/meter/group_meter.h"

namespace ringfence::test {

class OwnGroups {
 public:
  // Group `name` at the top with a leaf "agent" below it, where processes go.
  static Result<OwnGroups> make(const std::string& name);
  OwnGroups(OwnGroups&&) = default;
  OwnGroups& operator=(OwnGroups&&) = delete;
  // Waits until the processes in it, which have ended, are gone.
  ~OwnGroups();

  // Moves the caller, in a child after fork.
  bool joinAsChild() const;
  // Meter of the group at the top.
  supervisor::GroupMeter meter() const;
  // Of cpuacct (v1) alone, where this machine has it.
  bool hasCpuacct() const { return mounts_.contains("cpuacct"); }
  supervisor::GroupMeter cpuacctMeter() const;
  // Whether the kernel counts bytes of disks for every group.
  bool countsBytes() const { return mounts_.contains("io") && mounts_.at("io").version == 2; }

 private:
  struct Mount {
    std::string path;
    int version = 0;
  };
  explicit OwnGroups(std::string name) : name_(std::move(name)) {}
  Result<void> findMounts();
  std::string top(const std::string& controller) const { return mounts_.at(controller).path + "/" + name_; }

  std::string name_;
  std::map<std::string, Mount> mounts_;  // "cpu", "cpuacct", "memory", "pids", "io", "unified"
  std::vector<std::string> made_;
};

}  // namespace ringfence::test
