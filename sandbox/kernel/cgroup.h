// Control groups of runs, in both layouts: NAME-background/RUN/agent and NAME-interactive/RUN/agent in every hierarchy
// that is in use, beside it RUN/warden and RUN/egress for who acts for the agent. Freeze and kill are always v2. One
// table maps each knob to its v1 or v2 file. All calls block only on the kernel.
//
// Where the processor has a hierarchy of its own (v1), guards of background runs have theirs in NAME-guards/RUN: not
// idle, so that a question comes up on a busy machine too, and all of them together of so little weight that an agent
// which keeps its guards at work takes next to nothing from the foreground. In the unified layout one write could then
// not freeze a run with its guards, so there they share its idle branch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct GroupUsage {
  std::optional<std::uint64_t> cpuUsec, memoryBytes, memoryPeakBytes, pids, ioReadBytes, ioWriteBytes, outOfMemoryKills;
};

// Below RUN, where processes are.
enum class Leaf { kAgent, kWarden, kEgress };

// kReservable: runs that join the background branch can be kept off processors.
enum class Processors { kShared, kReservable };

// Whether a run has guards, whose groups stand beside the agent's. Its memory and processes are then limited in its own
// leaf, so that an agent at its limit does not take its guards' share; else all of RUN is.
enum class Guarded { kNo, kYes };

class CgroupTree {
 public:
  // `name` is --cgroup-root. Makes and configures the two branches (the background one idle, else of the least weight,
  // where the kernel has either). `root` is an O_PATH descriptor of the directory that mount points in `features` are
  // relative to ("/" for real).
  static Result<CgroupTree> open(const KernelFeatures& features, std::string name, UniqueFd root,
                                 Processors processors = Processors::kShared);

  // What keeps background runs off the processors that others want, as the kernel shows it now. kIdleThreads: there is
  // no cpu controller, so that their processes must be idle by themselves (idle_process.h).
  enum class Placement { kIdle, kLeastWeight, kIdleThreads, kUnprotected };
  Placement placement() const;

  // Makes RUN and RUN/agent in every hierarchy. Fails when RUN exists: a run gets fresh groups every time.
  Result<void> createRun(const RunId& run, policy::PriorityClass priority);
  // Whose it is from now on, which its group in the unified hierarchy says (run_owner.h). Before an agent is in it.
  Result<void> setOwner(const RunId& run, policy::PriorityClass priority, std::uint32_t uid);
  // Makes the leaf of a guard with limits of its own in every hierarchy; of those that the kernel can set. There
  // already is success. Before setLimits of a guarded run.
  Result<void> createGuard(const RunId& run, policy::PriorityClass priority, Leaf leaf, const ResourceLimits& limits);
  Result<void> setLimits(const RunId& run, policy::PriorityClass priority, const ResourceLimits& limits,
                         Guarded guarded = Guarded::kNo);
  // Joins `pid` (0: the caller) to the leaf in every hierarchy. Async-signal-safe it is not.
  Result<void> join(const RunId& run, policy::PriorityClass priority, int pid, Leaf leaf = Leaf::kAgent);
  // The same in two steps, for a process that was born in the unified hierarchy: the files that it writes "0" to
  // itself, of which the first holds up every change of groups on the machine for a grace period, some ten
  // milliseconds; then what gives it its processor time. It must not do that itself: an idle process would hold what
  // others wait for.
  std::vector<std::string> joinFiles(const RunId& run, policy::PriorityClass priority, Leaf leaf = Leaf::kAgent) const;
  Result<void> joinProcessor(const RunId& run, policy::PriorityClass priority, int pid, Leaf leaf = Leaf::kAgent);
  // A process of a background run gets the processor like any other for a while: its launch must not wait for an idle
  // machine. Its limits hold meanwhile; where the processor is a v2 controller it cannot be frozen or killed with its
  // run. lower() puts it back and must be called, with pid 0 when the process is gone.
  Result<void> lift(const RunId& run, int pid, const ResourceLimits& limits, std::uint32_t owner);
  Result<void> lower(const RunId& run, int pid);
  // Directory of the leaf in the v2 hierarchy, for CLONE_INTO_CGROUP.
  Result<UniqueFd> unifiedDirectory(const RunId& run, policy::PriorityClass priority, Leaf leaf = Leaf::kAgent);
  // kRun: with all who act for it. kAgent: its guards go on, so that its connections live. One does not undo the other.
  enum class Held { kRun, kAgent };
  Result<void> freeze(const RunId& run, policy::PriorityClass priority, Held held = Held::kRun);
  // Undoes both.
  Result<void> thaw(const RunId& run, policy::PriorityClass priority);
  // Whether nothing of the agent runs, by either.
  Result<bool> isFrozen(const RunId& run, policy::PriorityClass priority);
  // Whether nobody in that leaf runs, by whatever freezes it or what is above it. Of an empty one: nobody would.
  Result<bool> isFrozen(const RunId& run, policy::PriorityClass priority, Leaf leaf) const;
  // What was last written to freeze it, whoever did; no word about the branch above.
  struct FreezeSetting {
    bool run = false, agent = false;
  };
  Result<FreezeSetting> freezeSetting(const RunId& run, policy::PriorityClass priority) const;
  Result<void> kill(const RunId& run, policy::PriorityClass priority);
  Result<bool> isPopulated(const RunId& run, policy::PriorityClass priority);
  // Removes RUN with everything below it, in every hierarchy; kBusy while processes are in it. Absent is success.
  Result<void> removeRun(const RunId& run, policy::PriorityClass priority);
  // Unknown numbers stay absent; never a plausible zero.
  // kLast: what still counts when no process is left; no memory in use and no processes.
  enum class Reading { kAll, kLast };
  GroupUsage usage(const RunId& run, policy::PriorityClass priority, Reading reading = Reading::kAll) const;
  // How often the kernel held the agent at a limit: processes that it did not make, periods of processor time and those
  // in which it had to wait for the next one, processes that it ended for memory. Unknown numbers stay absent.
  struct LimitEvents {
    std::optional<std::uint64_t> pidsRefused, cpuPeriods, cpuPeriodsHeld, outOfMemoryKills;
  };
  LimitEvents limitEvents(const RunId& run, policy::PriorityClass priority) const;
  // A number written to this file takes back as many bytes of the agent's memory; the write blocks as long as that
  // takes. kUnsupported where the kernel has no such file (v1).
  Result<UniqueFd> reclaimFile(const RunId& run, policy::PriorityClass priority) const;
  // Whether runs have such a file.
  bool canReclaim() const;
  // The directory of the unified hierarchy that the branches are in, and the names of what of ours stands there.
  Result<UniqueFd> unifiedTop() const;
  std::vector<std::string> ownGroups() const;
  // Writing of the agent to each device that it has used, bytes a second; absent: no limit. On v1 only what goes around
  // the page cache is held.
  Result<void> limitWrites(const RunId& run, policy::PriorityClass priority, std::optional<std::uint64_t> bytesPerSec);
  // How many processors the runs of the background branch leave to everybody else, those that run included; one at
  // least is left to them. kUnsupported where the kernel cannot say so, but for 0.
  Result<void> reserveProcessors(std::size_t count);
  // Where a controller counts the agent (on v2 that may be the run, guards and all), or its leaf in the unified
  // hierarchy ("").
  struct Place {
    UniqueFd directory;
    int version = 0;
  };
  std::optional<Place> agentPlace(const RunId& run, policy::PriorityClass priority, std::string_view controller) const;
  Result<std::vector<int>> processes(const RunId& run, policy::PriorityClass priority, Leaf leaf = Leaf::kAgent) const;
  // Every run that has groups in some hierarchy.
  struct Found {
    RunId run;
    policy::PriorityClass priority;
  };
  Result<std::vector<Found>> list() const;

  // Removes the two branches; kBusy while a run has groups in them.
  Result<void> removeBranches();

  // Path of RUN/agent below each hierarchy's mount, as /proc/PID/cgroup shows it.
  std::string agentPath(const RunId& run, policy::PriorityClass priority) const;

 private:
  struct Hierarchy {
    std::string mountPoint;
    int version = 0;
    std::vector<std::string> controllers;
  };
  CgroupTree(KernelFeatures features, std::string name, UniqueFd root, std::vector<Hierarchy> hierarchies);

  // Of the cpuset controller: the background branch, the file of all processors beside it, and whether that is v1,
  // where the branch is one group without those of runs. Absent: there is no such controller.
  struct ProcessorGroup {
    std::string path, all;
    bool isFirst = false;
  };
  std::optional<ProcessorGroup> processorGroup() const;
  // What joins later has to be put into it; empty: nothing has.
  std::string processorsToJoin(policy::PriorityClass priority, Leaf leaf) const;
  Result<void> makeReservable();
  std::string branchPath(const std::string& mountPoint, policy::PriorityClass priority) const;
  Result<void> makeBranches(const Hierarchy& hierarchy) const;
  Result<void> placeBackground(const Hierarchy& hierarchy, const std::string& branch) const;
  std::string runPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority) const;
  std::string leafPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority, Leaf leaf) const;
  // The group in which a controller counts the agent. On v2 only guards give the leaf a controller of its own, memory
  // and pids, so as to be counted apart; all else is counted for the run as a whole.
  std::string countedPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority,
                          std::string_view controller) const;
  // Where the guards of such runs have their processor time; none: in their runs' groups.
  std::optional<std::string> guardsBranch(const Hierarchy& hierarchy) const;
  std::vector<std::string> branchesOf(const Hierarchy& hierarchy) const;
  const Hierarchy* hierarchyOf(std::string_view controller) const;
  // A file of a controller in the group at `path` below its branch's directory; one name for each version.
  struct Knob {
    std::string_view controller;
    std::string version1, version2, value;
  };
  Result<void> setKnob(const std::string& branchAndGroup, const Knob& knob) const;
  Result<void> limitMemory(const std::string& branchAndGroup, Bytes limit) const;
  Result<void> limitWritesOf(const RunId& run, policy::PriorityClass priority, Bytes perSecond) const;
  Result<bool> readEvent(const std::string& group, std::string_view key) const;

  KernelFeatures features_;
  std::string name_;
  UniqueFd root_;
  std::vector<Hierarchy> hierarchies_;  // v2 first
  bool isReservable_ = false;           // there is a group of v1 to join
};

}  // namespace ringfence::sandbox
