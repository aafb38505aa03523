// The two branches of control groups that every agent, warden and egress lives in: NAME-background and NAME-interactive
// of the unified hierarchy. Everything is open before it is needed; what works here needs no heap. Blocks only on the
// kernel. A branch that somebody removed and made anew is opened again when the old one does not answer.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sdk/base/group_names.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/own_kills.h"

namespace ringfence::supervisor::stop {

class Branches {
 public:
  struct Mounts {
    std::string unified;
    std::string processor;  // where the processor's time is shared out: the unified one, or one of its own (v1)
  };
  // Fails with kUnsupported where there is no unified hierarchy.
  static Result<Mounts> findMounts();
  // Makes the branches where they are absent. `name` is --cgroup-root.
  static Result<Branches> open(const Mounts& mounts, const std::string& name);

  // Each returns errno of the first branch that did not take it, 0: all did; all are tried.
  int freeze();
  int thaw();
  // Every run by itself, so that it stays when its branch is thawed. Whoever is gone meanwhile is passed by.
  int freezeRuns();
  int killRuns();
  // Those of these people alone, as each run's group says whose it is (sandbox/kernel/run_owner.h), where there is
  // somebody in them: in how many of each that was, is noted.
  void killRunsOf(OwnKills& kills);
  // Each process that is stopped or ended takes the last step itself, in the kernel, and for that needs the processor:
  // while a stop is under way both branches get it before everybody else. It cannot be used for anything else, as
  // everybody in them is frozen. yieldAgain() gives them the shares that runs have, whoever had changed them.
  void hurry();
  void yieldAgain();

  enum class Answer { kNo, kYes, kUnknown };
  Answer isFrozen();     // nothing in either branch runs
  Answer isPopulated();  // there is a process in one of them
  // Whether either was told to freeze, also when it has not done so yet.
  Answer isToldToFreeze();

  static constexpr std::size_t kCount = 2;
  // Valid until the next call of freeze().
  int directory(std::size_t index) const { return branches_[index].directory.get(); }
  const std::string& name(std::size_t index) const { return branches_[index].name; }

 private:
  struct Branch {
    std::string name;
    UniqueFd directory, freeze, events;
  };
  Branches(UniqueFd mount, const std::string& processorName)
      : mount_(std::move(mount)),
        idle_(processorName + kBackgroundBranch),
        other_(processorName + kInteractiveBranch) {}
  int openBranch(Branch& branch) const;
  int write(Branch& branch, const char* value) const;
  Answer event(const char* key, Answer any);

  UniqueFd mount_;
  std::string idle_, other_;  // paths of the branches where the processor's time is shared out
  std::array<Branch, kCount> branches_;
};

// Whether the text of a /proc/PID/cgroup says that the process is in one of the branches of `cgroupRoot`, or below.
// Pure.
bool isBelowBranch(std::string_view groups, std::string_view cgroupRoot);

// One write into a file of a group; returns errno.
int writeKnob(int group, const char* file, const char* value);

}  // namespace ringfence::supervisor::stop
