// What the control groups of a run show, and what is made of it: whether another program moved the run out of them,
// thawed what is held or froze what runs, and when that is certain. Pure.
#pragma once

#include <optional>
#include <string>

#include "sdk/base/clock.h"
#include "supervisor/core/command.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

struct GroupSigns {
  struct Elsewhere {
    int pid = 0;
    std::string group;
  };
  std::optional<Elsewhere> elsewhere;  // pid 1 of the run or its command, where it does not belong
  std::optional<bool> isHeld;          // by what was written to the run's own groups; absent: they cannot be read
  bool isBranchHeld = false;           // with every run of its class
  bool isLettingGo = false;            // its thaw is decided and waits for the disk
};

struct GroupFinding {
  GroupTrouble trouble{};
  std::string reason;
  bool operator==(const GroupFinding&) const = default;
};

// Nothing: the groups hold the run as they should, or it is none that runs or is held.
std::optional<GroupFinding> judgeGroups(const LifeState& life, const GroupSigns& signs);

// What was found of one run, over several looks. That it runs and must not is certain at once: nothing of ours lets go
// what is to be held. Else it may be a moment: a launch moves processes, and programs that copy or move a machine
// freeze groups for a blink; so it must be there at two looks that are 300 ms apart.
class GroupSuspicion {
 public:
  // What a look found. True: it is certain, and to be acted on; it is forgotten then.
  bool note(const std::optional<GroupFinding>& found, Microseconds now);
  // When to look again, however long the next look would be away otherwise; absent: there is no suspicion.
  std::optional<Microseconds> lookAgainAt() const;

 private:
  std::optional<GroupFinding> seen_;
  Microseconds since_{};
};

}  // namespace ringfence::supervisor
