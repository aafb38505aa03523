// Whether the control groups still hold the runs that they were made for. Another program that is root can move a run's
// processes out, thaw what is held or freeze what runs. The kernel tells of a write to a run's cgroup.freeze, and when
// all of its processes have left: such a run is looked at then. It does not tell of one process that is moved, so each
// live run is looked at now and then as well, as often as is needed for what is found to be found within a second; and
// so often that this holds where nothing is told at all. What is certain (group_signs.h) is a command: the run ends, is
// held again, or is shown as held.
//
// Looked at are pid 1 of the run and its command. A single process that root moves elsewhere is not seen; pid 1 ends it
// with the run. Of each run four files stay open and three are watched.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/procfs.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/file_notices.h"
#include "supervisor/group_signs.h"
#include "supervisor/live_runs.h"
#include "supervisor/meter/kernel_file.h"
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
    std::function<void(const std::string&)> say;
  };
  explicit GroupWatch(World world);

  // Readable when ready() has something; -1: the kernel tells nothing here.
  int fd() const { return notices_ ? notices_->fd() : -1; }
  void ready();
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime
  // Runs began or ended. A new one is looked at for the first time when all are: most launches have ended by then.
  void settle();

 private:
  struct Process {
    int pid = 0;
    KernelFile groups;
    std::string whereItBelongs;  // what the file said when it was found there
  };
  struct Watched {
    std::array<Process, 2> processes;  // pid 1 of the run, its command
    KernelFile ofRun, ofAgent;         // cgroup.freeze
    std::vector<FileNotices::Id> notices;
    GroupSuspicion suspicion;
    Microseconds lookedAt{};
    std::optional<Microseconds> againAt;  // before the next look at all
  };
  bool canLook() const { return world_.cgroups != nullptr && world_.root >= 0; }
  Milliseconds interval() const;
  std::string groupOf(const Run& run) const;  // RUN, below the root
  void begin(const Run& run);
  void forget(Watched& watched);
  // Acts on what is certain.
  void lookAt(const std::vector<RunId>& runs);
  GroupSigns signsOf(const Run& run, Watched& watched);
  bool isBranchHeld(const Run& run);
  bool isElsewhere(const Run& run, Process& process, GroupSigns& signs) const;
  bool belongsInto(const sandbox::CgroupEntry& entry) const;
  bool isEnding(int pid) const;
  bool hasEnded(const RunId& run) const;

  World world_;
  LiveRuns live_;
  std::optional<FileNotices> notices_;
  bool isBlind_ = false;  // some file could not be watched
  std::map<RunId, Watched> watched_;
  std::map<std::string, KernelFile> branches_;  // cgroup.freeze, by path
  std::optional<Microseconds> next_;            // look at all; absent: there is nobody to look at
  std::optional<std::uint64_t> settledAt_;      // the last fact that settle() knew of
};

}  // namespace ringfence::supervisor
