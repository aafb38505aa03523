// One run as the launcher keeps it: what must outlive the daemon, and where the run is in its life.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/posture.h"
#include "sandbox/kernel/seccomp.h"
#include "sandbox/launcher/guard_child.h"
#include "sandbox/launcher/placeholder.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/io.h"
#include "sdk/base/output_ring.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

inline constexpr Bytes kOutputRingCapacity = mebibytes(4);

enum class RunState {
  kPrepared,  // forked, waits for its plan
  kBuilding,
  kReading,   // built; its filter is being read back
  kBuilt,     // judged, waits for its release
  kStarting,  // released
  kRunning,
  kFailing,   // killed because a step failed; its end turns into LaunchFailed
  kEmptying,  // pid 1 is gone, control groups are still to be removed
  kEnded,
};

// One process of a guard; an egress has two.
struct GuardProcess {
  GuardRole role = GuardRole::kWarden;
  int pid = 0;  // 0: it was ordered from a stem and is not born yet
  UniqueFd pidfd;
  UniqueFd control;      // until its program begins
  UniqueFd partner;      // of a half of an egress, until it is ordered: its end of their pair
  bool joined = false;   // it is in its groups
  bool ordered = false;  // it was told what to become
};

// The lives of one guard.
struct GuardLife {
  std::vector<GuardProcess> processes;  // that are not reaped yet
  std::deque<std::chrono::steady_clock::time_point> deaths;
  std::optional<std::chrono::steady_clock::time_point> startAt;  // when the next one is due
  std::string why;                                               // what the last one died of
  bool deathTold = false;                                        // of that one
  bool restarted = false;                                        // the next one takes over
};

// A release that waits for the egress.
struct ReleaseWait {
  std::chrono::steady_clock::time_point until, next;
};

// Of one guard, kept for the next one of its kind and the next daemon.
struct GuardFds {
  UniqueFd daemonEnd, guardEnd, actions;
};

// The process of sandbox/launcher/stem.h. A run has one where the kernel knows the domain that it is in.
struct Stem {
  UniqueFd orders;     // none: there is none any more
  int pid = 0;         // 0: it is not our child
  bool given = false;  // the run began with one: it has no warden from anywhere else
};

struct Run {
  RunId id;
  policy::PriorityClass priority = policy::PriorityClass::kBackground;
  RunState state = RunState::kPrepared;
  int initPid = 0;
  int commandPid = 0;
  bool ourChild = true;  // else only the pidfd and the reports tell of its end
  UniqueFd pidfd, report, terminal, outputPipe;
  UniqueFd listener, calls, denials, agentSocket;
  // O_PATH, of the root that was made for it: so its end need not take that file system apart before it can be told.
  // Small and read-only; none: it does.
  UniqueFd root;
  GuardFds warden, egress;
  Guards guards;
  Identity guardIds;  // a warden takes them
  GuardLife wardenLife, egressLife;
  Stem stem;
  bool guardsEnd = false;   // none is started any more
  bool guardsTold = false;  // the run is over, and they know it or will see it
  std::optional<std::chrono::steady_clock::time_point> guardsKillAt;
  bool networkPrepared = false;  // the first inner egress has begun
  bool egressAwaited = false;    // it listens, or did not in time
  std::optional<ReleaseWait> releaseWaits;
  std::string guardNote;  // that the run was ended because it could not be guarded
  std::optional<OutputRingWriter> ring;
  bool draining = false;       // the terminal's output goes to the ring
  bool terminalWaits = false;  // a client made it wait for us: it is drained no more
  ExitStatus exit;
  bool exitSeen = false;  // reported by run-init itself
  bool endSaid = false;   // Ended was sent
  bool removedSaid = false;
  bool forgotten = false;  // the daemon needs nothing more of it
  bool outOfMemory = false;
  LastReading usage;
  int unheldNames = 0;  // forbidden names that were absent at the start and whose place could not be held
  std::string endNote;  // which of them appeared
  std::chrono::steady_clock::time_point emptyAt;  // before that its groups stay
  std::optional<LaunchFailed> failure;
  std::vector<Placeholder> placeholders;
  bool joining = false;           // the child is not in all of its groups yet
  std::optional<Packet> waiting;  // the message of a Launch that came before that
  bool released = false;          // it begins as soon as its walls were read, unless its daemon goes before that
  // Only until Built.
  Plan plan;
  std::optional<UserNamespace> idmap;  // for its mounts; made ahead
  std::vector<std::string> notes;
  std::chrono::steady_clock::time_point since;  // building, then reading
  bool lifted = false;                          // builds outside the idle branch
  SettledWalls settled;                         // read while the last walls were built
  std::vector<WallState> walls;                 // as read, of the filter only that there is one
  std::optional<FilterReading> reading;

  bool guarded() const { return guards.warden || guards.egress; }
  GuardLife& lifeOf(GuardKind kind) { return kind == GuardKind::kWarden ? wardenLife : egressLife; }
  bool hasGuardProcess() const {
    return !wardenLife.processes.empty() || !egressLife.processes.empty() || (guards.warden && stem.orders);
  }

  // Which of HeldFd there are, and those descriptors in the order of the message.
  std::uint16_t held() const;
  std::vector<int> heldFds() const;
  // Puts descriptors that came with a Kept into their places. Fails with kInvalid when they do not fit `held`.
  Result<void> takeHeld(std::uint16_t held, std::vector<UniqueFd> fds);

  enum class Source { kOutputPipe, kTerminal };
  enum class Pumped { kMore, kDry, kClosed };
  // One read from the source into the ring; neither blocks.
  Pumped pump(Source source);
};

}  // namespace ringfence::sandbox
