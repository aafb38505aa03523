// Control groups of runs, in both layouts: NAME-background/RUN/agent and NAME-interactive/RUN/agent in every hierarchy
// that is in use. Freeze and kill are always v2. One table maps each knob to its v1 or v2 file. All calls block only on
// the kernel.
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

class CgroupTree {
 public:
  // `name` is --cgroup-root. Makes and configures the two branches (cpu.idle on the background one where the kernel has
  // it). `root` is an O_PATH descriptor of the directory that mount points in `features` are relative to ("/" for
  // real).
  static Result<CgroupTree> open(const KernelFeatures& features, std::string name, UniqueFd root);

  // Makes RUN and RUN/agent in every hierarchy. Fails when RUN exists: a run gets fresh groups every time.
  Result<void> createRun(const RunId& run, policy::PriorityClass priority);
  Result<void> setLimits(const RunId& run, policy::PriorityClass priority, const ResourceLimits& limits);
  // Joins `pid` (0: the caller) to RUN/agent of every hierarchy. Async-signal-safe it is not.
  Result<void> join(const RunId& run, policy::PriorityClass priority, int pid);
  // The same in two steps, for a process that was born in the unified hierarchy: the files that it writes "0" to
  // itself, of which the first holds up every change of groups on the machine for a grace period, some ten
  // milliseconds; then what gives it its processor time. It must not do that itself: an idle process would hold what
  // others wait for.
  std::vector<std::string> joinFiles(const RunId& run, policy::PriorityClass priority) const;
  Result<void> joinProcessor(const RunId& run, policy::PriorityClass priority, int pid);
  // A process of a background run gets the processor like any other for a while: its launch must not wait for an idle
  // machine. Its limits hold meanwhile; where the processor is a v2 controller it cannot be frozen or killed with its
  // run. lower() puts it back and must be called, with pid 0 when the process is gone.
  Result<void> lift(const RunId& run, int pid, const ResourceLimits& limits);
  Result<void> lower(const RunId& run, int pid);
  // Directory of RUN/agent in the v2 hierarchy, for CLONE_INTO_CGROUP.
  Result<UniqueFd> unifiedDirectory(const RunId& run, policy::PriorityClass priority);
  Result<void> freeze(const RunId& run, policy::PriorityClass priority, bool frozen);
  Result<bool> isFrozen(const RunId& run, policy::PriorityClass priority);
  Result<void> kill(const RunId& run, policy::PriorityClass priority);
  Result<bool> isPopulated(const RunId& run, policy::PriorityClass priority);
  // Removes RUN with everything below it, in every hierarchy; kBusy while processes are in it. Absent is success.
  Result<void> removeRun(const RunId& run, policy::PriorityClass priority);
  // Unknown numbers stay absent; never a plausible zero.
  // kLast: what still counts when no process is left; no memory in use and no processes.
  enum class Reading { kAll, kLast };
  GroupUsage usage(const RunId& run, policy::PriorityClass priority, Reading reading = Reading::kAll) const;
  Result<std::vector<int>> processes(const RunId& run, policy::PriorityClass priority) const;
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

  Result<void> makeBranches(const Hierarchy& hierarchy) const;
  std::string runPath(const Hierarchy& hierarchy, const RunId& run, policy::PriorityClass priority) const;
  const Hierarchy* hierarchyOf(std::string_view controller) const;
  Result<void> setKnob(const RunId& run, policy::PriorityClass priority, std::string_view controller,
                       const std::string& version1, const std::string& version2, const std::string& value) const;
  Result<bool> readEvent(const RunId& run, policy::PriorityClass priority, std::string_view key) const;

  KernelFeatures features_;
  std::string name_;
  UniqueFd root_;
  std::vector<Hierarchy> hierarchies_;  // v2 first
};

}  // namespace ringfence::sandbox
