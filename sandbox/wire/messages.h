// What ringfenced and ringfence-launcher say to each other over RUN_DIR/launcher.sock (SEQPACKET, root only, one packet
// a message, descriptors by SCM_RIGHTS). Requests go down, events come up; no reply must arrive in step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/plan/plan.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/compiled_once.h"
#include "sdk/base/run_id.h"

namespace ringfence::sandbox {

// Raised with every change of a message's shape. Peers of another version say so and part.
inline constexpr std::uint32_t kWireVersion = 7;

// ---- daemon -> launcher ---------------------------------------------------------------------------------------------

struct WireHello {
  std::uint32_t version = kWireVersion;
};
// Forks ahead: a child in fresh control groups of that class waits for the Launch of the same run.
struct Prepare {
  RunId run;
  policy::PriorityClass priority = policy::PriorityClass::kBackground;
};
// With one descriptor: the workspace that the Launch of a prepared run will bring. Its child looks for what the last
// plan of the class forbids there while this one is being made; what it finds is used if it is what the plan asks. No
// answer.
struct Foretell {
  RunId run;
};
// Builds everything and answers Built or LaunchFailed; the command starts at Release.
struct Launch {
  Plan plan;
};
struct Release {
  RunId run;
};
// Ends a run that was built and not released.
struct Abandon {
  RunId run;
};
// To the foreground process group of the run's terminal, or to the command. Never SIGKILL: the daemon
// has cgroup.kill for that.
struct SignalRun {
  RunId run;
  int signal = 0;
};
// While nobody is attached to the run's terminal, its output goes to the ring.
struct SetDraining {
  RunId run;
  bool draining = false;
};
// The end is recorded: the launcher may drop its copies, once the run is removed.
struct Forget {
  RunId run;
};
// "What do you keep?": answered by a Kept for each run, then AdoptDone.
struct Adopt {};
// Whose connection is that, among the processes of the run? `ends` as sandbox/kernel/socket_owner.h has them. Answered
// by OwnerFound.
struct FindOwner {
  RunId run;
  std::uint64_t ticket = 0;
  std::string ends;
};
// A Kept going down: to a launcher that came after a dead one, with the daemon's copies. From now on it watches
// that run.

// ---- launcher -> daemon ---------------------------------------------------------------------------------------------

struct WallReading {
  Wall wall = Wall::kMount;
  std::string wanted;
  std::string got;
  bool probed = false;  // proved by trying, not by reading
  bool up = false;
  bool operator==(const WallReading&) const = default;
};

// "expanded 256 of 400 matches of …"
struct Note {
  std::string text;
  bool operator==(const Note&) const = default;
};

// Descriptors beside it, in this order and only those named in `held`.
// kOutputPipe: where the captured output comes from; without it a run would lose its output with its launcher.
// Of each guard: the daemon's end of its pair, its own end, and the ring of actions that it allowed. kListener, kCalls:
// of a warden, the seccomp listener and the journal of calls that it has received.
enum class HeldFd : std::uint16_t {
  kPidfd = 1,
  kReport = 2,
  kTerminal = 4,
  kOutputRing = 8,
  kOutputPipe = 16,
  kListener = 32,
  kCalls = 64,
  kWarden = 128,
  kWardenEnd = 256,
  kWardenActions = 512,
  kEgress = 1024,
  kEgressEnd = 2048,
  kEgressActions = 4096,
  kDenials = 8192,       // the file of kDenialsFile, open for appending
  kStem = 16384,         // to the process that the run's wardens are forked from, in a domain above the agent's
  kAgentSocket = 32768,  // the listening end of sandbox/plan/agent_socket.h
};

// The order of their descriptors in a message.
inline constexpr HeldFd kHeldOrder[] = {
    HeldFd::kPidfd,         HeldFd::kReport,        HeldFd::kTerminal, HeldFd::kOutputRing,
    HeldFd::kOutputPipe,    HeldFd::kListener,      HeldFd::kCalls,    HeldFd::kWarden,
    HeldFd::kWardenEnd,     HeldFd::kWardenActions, HeldFd::kEgress,   HeldFd::kEgressEnd,
    HeldFd::kEgressActions, HeldFd::kDenials,       HeldFd::kStem,     HeldFd::kAgentSocket};

struct Built {
  RunId run;
  std::vector<WallReading> posture;
  std::vector<Note> notes;
  std::uint16_t held = 0;
  std::int32_t initPid = 0;
};
// `pid`: of the command, outside.
struct Started {
  RunId run;
  std::int32_t pid = 0;
};
// `token` names a wall ("landlock") or a step ("executable", "workspace", "cgroup"); exitCode is 125, 126 or 127.
struct LaunchFailed {
  RunId run;
  std::string token;
  std::string message;
  int sysErrno = 0;
  int exitCode = 125;
};
struct CommandStopped {
  RunId run;
  int signal = 0;
};
struct CommandContinued {
  RunId run;
};
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool operator==(const ExitStatus&) const = default;
};
// What the run's groups said just before they were removed, and all that went into its ring. An absent number is
// unknown.
struct LastReading {
  std::optional<std::uint64_t> cpuUsec, memoryPeakBytes, ioReadBytes, ioWriteBytes, outputBytes;
  bool operator==(const LastReading&) const = default;
};
// Every process of the run is gone, but for its pid 1 that may be on its way out. Both absent: nobody saw the status.
// `note`: what a person should know of the end, like forbidden names that appeared where no place could be held;
// or empty.
struct Ended {
  RunId run;
  ExitStatus exit;
  bool outOfMemory = false;
  LastReading usage;
  std::string note;
};
// After Ended: its namespaces are gone too, and its placeholders, unless their file system keeps whoever works there
// waiting; its empty control groups go when nobody waits for that.
struct Removed {
  RunId run;
};

enum class KeptState : std::uint8_t { kBuilt, kRunning, kEnded };
struct KeptRun {
  RunId run;
  KeptState state = KeptState::kRunning;
  policy::PriorityClass priority = policy::PriorityClass::kBackground;
  std::int32_t initPid = 0;
  std::int32_t pid = 0;
  ExitStatus exit;
  bool outOfMemory = false;
  std::uint16_t held = 0;
  LastReading usage;            // of a run that ended
  std::string note;             // as in Ended
  std::uint32_t egressUid = 0;  // as in Guards
};
struct Welcome {
  std::uint32_t version = kWireVersion;
  std::int32_t pid = 0;
};
struct Prepared {
  RunId run;
};
struct Kept {
  KeptRun kept;
};
struct AdoptDone {
  std::uint32_t count = 0;
};
// A guard of the run was started; it says hello itself when it is ready. `pid` as the launcher counts, of an egress
// that of its outer half.
struct GuardStarted {
  RunId run;
  GuardKind kind = GuardKind::kWarden;
  std::int32_t pid = 0;
};
// A guard ended while its run lives: calls and connections wait or end, none is allowed by that, and another one is
// started. One that dies again and again ends its run, which Ended then says.
struct GuardDied {
  RunId run;
  GuardKind kind = GuardKind::kWarden;
  std::string why;
};
// `note`: why the chain is empty, or what a person should know of it.
struct OwnerFound {
  RunId run;
  std::uint64_t ticket = 0;
  std::vector<ProcessLink> chain;
  std::string note;
};

using LauncherRequest = CompiledOnce<std::variant<WireHello, Prepare, Launch, Release, Abandon, SignalRun, SetDraining,
                                                  Forget, Adopt, Kept, Foretell, FindOwner>>;
using LauncherEvent =
    CompiledOnce<std::variant<Welcome, Prepared, Built, Started, LaunchFailed, CommandStopped, CommandContinued, Ended,
                              Kept, AdoptDone, Removed, GuardStarted, GuardDied, OwnerFound>>;

}  // namespace ringfence::sandbox
