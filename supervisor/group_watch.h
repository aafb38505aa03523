// Whether the control groups still hold the runs that they were made for. Another program that is root can move a run's
// processes out, thaw what is held or freeze what runs; the kernel tells nobody. So every live run is looked at, three
// times a second, and what is found twice in a row is a command: it ends, is held again, or is shown as held.
//
// Looked at are pid 1 of the run and its command. A single process that root moves elsewhere is not seen; pid 1 ends it
// with the run.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/procfs.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

class GroupWatch {
 public:
  struct World {
    const Clock& clock;
    const Turns& turns;
    const sandbox::KernelFeatures& features;
    sandbox::CgroupTree* cgroups = nullptr;  // absent: no run has groups
    const AgentLauncher& launcher;
    int root = -1;  // of the machine; -1: nothing is looked at
    std::function<void(const Command&)> submit;
  };
  explicit GroupWatch(World world) : world_(std::move(world)) {}

  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

 private:
  struct Finding {
    GroupTrouble trouble{};
    std::string reason;
    bool operator==(const Finding&) const = default;
  };
  std::optional<Finding> look(const Run& run) const;
  std::optional<std::string> whereElse(const Run& run, int pid) const;
  bool belongsInto(const sandbox::CgroupEntry& entry) const;
  bool isEnding(int pid) const;
  bool hasEnded(const RunId& run) const;

  World world_;
  std::map<RunId, Finding> seen_;  // at the last look
  std::optional<Microseconds> next_;
};

}  // namespace ringfence::supervisor
