// From what the child says it built to what the kernel says stands. Nothing here waits for the child: its stop comes as
// SIGCHLD.
#include "sandbox/kernel/idle_process.h"
#include "sandbox/kernel/posture.h"
#include "sandbox/launcher/fault.h"
#include "sandbox/launcher/knockout.h"
#include "sandbox/launcher/launcher.h"
#include "sandbox/plan/agent_socket.h"

namespace ringfence::sandbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStopPatience{10'000};
// A launch of the background class takes a few milliseconds where a processor is free.
constexpr milliseconds kLiftAfter{10};

}  // namespace

void Launcher::beginJudging(Run& run, CanaryErrnos before, CanaryErrnos after) {
  run.state = RunState::kReading;
  run.since = steady_clock::now();
  std::optional<Result<BpfProgram>> filter;
  if (!features_.seccompGetFilter) {
    filter = BpfProgram{};
  } else if (auto reading = FilterReading::begin(run.initPid)) {
    run.reading.emplace(std::move(*reading));
  } else {
    filter = std::move(reading).error();
  }
  // While the child is on its way to its stop.
  readWalls(run, before, after);
  if (run.state != RunState::kReading) return;
  if (!filter) filter = run.reading->tryRead(ownView_, faultFilters(run.initPid));
  if (filter) judge(run, *filter);
}

void Launcher::readWalls(Run& run, CanaryErrnos before, CanaryErrnos after) {
  if (run.lifted) {
    if (auto lowered = groups_.lower(run.id, run.initPid); !lowered)
      return failLaunch(run, "cgroup", lowered.error().message, lowered.error().sysErrno, 125);
    run.lifted = false;
    run.settled = {};  // It was read in other groups.
  }
  PostureQuestion question = questionOf(run);
  question.canaryBefore = before;
  question.canaryAfter = after;
  run.walls = readPosture(question, std::exchange(run.settled, {}));
}

PostureQuestion Launcher::questionOf(const Run& run) const {
  return {.pid = run.initPid,
          .plan = run.plan,
          .features = features_,
          .own = ownView_,
          .agentPath = groups_.agentPath(run.id, run.priority),
          .canaryBefore = {},
          .canaryAfter = {},
          .hasStem = run.stem.given,
          .otherFilters = faultFilters(run.initPid)};
}

void Launcher::readFilters() {
  for (const auto& [serial, run] : runs_) {
    if (run->state != RunState::kReading || !run->reading) continue;
    if (auto filter = run->reading->tryRead(ownView_, faultFilters(run->initPid))) judge(*run, *filter);
  }
}

void Launcher::judge(Run& run, const Result<BpfProgram>& filter) {
  run.reading.reset();
  const auto program = programFor(run.plan.seccomp);
  if (!program) return failLaunch(run, "seccomp", program.error().message, program.error().sysErrno, 125);
  Built built{run.id, {}, {}, run.held(), run.initPid};
  for (WallState& state : run.walls) {
    if (state.wall == Wall::kSeccomp) addFilter(state, features_, filter, **program);
    const auto strength = wantedStrength(run.plan, state.wall);
    if (!state.up && strength == policy::WallStrength::kRequired) {
      readReports(run);  // A child that is gone has no walls to read, and may have said why it went.
      return failLaunch(run, wallName(state.wall),
                        std::string(wallName(state.wall)) + ": wanted " + state.wanted + ", but got " + state.got, 0,
                        125);
    }
    built.posture.push_back(
        {state.wall, strength == policy::WallStrength::kOff ? "off" : state.wanted, state.got, state.probed, state.up});
  }
  if (run.guards.warden && !run.listener)
    return failLaunch(run, "seccomp", "seccomp: no listener came, so nothing that is asked could be answered", 0, 125);
  if ((run.plan.hasDenials || run.guarded()) && !run.denials)
    return failLaunch(run, "mount", std::string("mount: the file ") + kDenialsFile + " was not made", 0, 125);
  if (run.priority != policy::PriorityClass::kInteractive &&
      groups_.placement() == CgroupTree::Placement::kIdleThreads) {
    // Only now: built by an idle process, a launch on a busy machine would not come to its end.
    if (auto idle = makeIdle(run.initPid); !idle)
      return failLaunch(run, "cgroup", idle.error().message, idle.error().sysErrno, 125);
  }
  // It comes with the request for the maps of a user namespace.
  if (hasAgentSocket(run.plan) && !run.agentSocket && !isLeftOut(Wall::kPrivileges))
    return failLaunch(run, "mount", std::string("mount: the socket ") + kAgentSocket + " was not made", 0, 125);
  for (auto& note : run.notes) built.notes.push_back({std::move(note)});
  run.notes.clear();
  run.walls.clear();
  lastPlans_[run.priority] = std::exchange(run.plan, {});
  run.state = RunState::kBuilt;
  built.held = run.held();
  send(built, run.heldFds());  // Before it begins: whoever comes after us must have what is held of it.
  orderGuards(run);
  if (run.released) obeyRelease(run);
}

bool Launcher::mayBeLifted(const Run& run) const {
  return run.state == RunState::kBuilding && !run.joining && !run.lifted && features_.cpuIdle &&
         run.priority == policy::PriorityClass::kBackground;
}

int Launcher::untilDue() const {
  int due = emptying_ > 0 ? retryMs_ : -1;
  const auto consider = [&due](int ms) { due = due < 0 ? ms : std::min(due, ms); };
  for (const auto& [serial, run] : runs_) {
    const auto considerAt = [&consider](steady_clock::time_point at) {
      const auto left = std::chrono::ceil<milliseconds>(at - steady_clock::now());
      consider(static_cast<int>(std::max<milliseconds::rep>(left.count(), 0)));
    };
    if (run->reading) considerAt(run->since + kStopPatience);
    if (mayBeLifted(*run)) considerAt(run->since + kLiftAfter);
    for (const auto& wake : {run->wardenLife.startAt, run->egressLife.startAt, run->guardsKillAt}) {
      if (wake) considerAt(*wake);
    }
    if (run->releaseWaits) considerAt(run->releaseWaits->next);
  }
  return due;
}

void Launcher::doWhatIsDue() {
  const auto now = steady_clock::now();
  for (const auto& [serial, run] : runs_) {
    if (run->state == RunState::kReading && run->reading && now - run->since >= kStopPatience)
      failLaunch(*run, "seccomp", "the child did not stop within ten seconds to be read; is this machine overloaded?",
                 0, 125);
    if (mayBeLifted(*run) && now - run->since >= kLiftAfter) {
      run->lifted = true;  // Once, whatever comes of it: without it the launch is only slow.
      (void)groups_.lift(run->id, run->initPid, run->plan.limits, run->plan.identity.callerUid);
    }
    for (const GuardKind kind : {GuardKind::kWarden, GuardKind::kEgress}) {
      if (const auto due = run->lifeOf(kind).startAt; due && now >= *due) restartGuard(*run, kind);
    }
    if (run->releaseWaits && now >= run->releaseWaits->next) obeyRelease(*run);
    if (run->guardsKillAt && now >= *run->guardsKillAt) killGuards(*run);
  }
  if (emptying_ > 0) retryEmptying();
}

}  // namespace ringfence::sandbox
