#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "sandbox/kernel/root.h"
#include "sandbox/launcher/child.h"
#include "sandbox/launcher/fault.h"
#include "sandbox/launcher/knockout.h"
#include "sandbox/launcher/launcher.h"
#include "sandbox/launcher/report.h"
#include "sandbox/wire/codec.h"

namespace ringfence::sandbox {
namespace {

std::uint64_t birthNamespaceLeftOut() {
  std::uint64_t left = 0;
  if (isLeftOut(Wall::kPid)) left |= CLONE_NEWPID;
  if (isLeftOut(Wall::kNet)) left |= CLONE_NEWNET;
  if (isLeftOut(Wall::kIpc)) left |= CLONE_NEWIPC;
  if (isLeftOut(Wall::kUts)) left |= CLONE_NEWUTS;
  return left;
}

bool needsIdmap(const Plan& plan) {
  for (const auto& step : plan.mounts) {
    if (const auto* path = std::get_if<BindPath>(&step); path != nullptr && path->idmapped) return true;
    if (const auto* given = std::get_if<BindDescriptor>(&step); given != nullptr && given->idmapped) return true;
  }
  return false;
}

constexpr const char* kSomeWorkspace = "/workspace";
// What a launch without guards that it needs failed on: a wall or another word before a colon.
std::string tokenOfGuards(const Error& error) {
  const std::size_t colon = error.message.find(": ");
  const std::string word = error.message.substr(0, colon);
  return word == "seccomp" || word == "net" || word == "uid" ? word : "guard";
}

constexpr int kControlBuffer = 1 << 20;  // a forecast and a Launch that nobody has read yet

// What may be known of the next plan. Of one run or person it has no more than their ids and the files that every run
// gets in /etc and /run: a run of another person takes nothing over that was built from it.
Plan forecastOf(const Plan& last, const RunId& run) {
  Plan forecast;
  forecast.run = run;
  forecast.identity = last.identity;
  forecast.seccomp = last.seccomp;  // The greater part of a plan: who knows it reads the next one in a fraction.
  for (const std::size_t i : stepsAhead(last.mounts)) forecast.mounts.push_back(last.mounts[i]);
  const std::string* workspace = workspaceTarget(last.mounts);
  if (workspace == nullptr) return forecast;
  forecast.mounts.push_back(BindDescriptor{.index = kWorkspaceDescriptor, .target = kSomeWorkspace});
  for (const MountStep& step : last.mounts) {
    const auto* mask = std::get_if<MaskPath>(&step);
    if (mask == nullptr || mask->glob.empty() || mask->target != *workspace) continue;
    forecast.mounts.push_back(*mask);
    std::get<MaskPath>(forecast.mounts.back()).target = kSomeWorkspace;
  }
  return forecast;
}

struct ControlPair {
  UniqueFd ours, childs;
};

// Our end tells the sender's pid in our namespace; both ends survive us as long as somebody holds a copy.
Result<ControlPair> makeControlPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return posixError(errno, "making a control pair");
  ControlPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  (void)::setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kControlBuffer, sizeof kControlBuffer);
  const int on = 1;
  if (::setsockopt(pair.ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return posixError(errno, "making a control pair");
  return pair;
}

}  // namespace

void Launcher::refuse(const RunId& run, std::string token, const Error& error) {
  send(LaunchFailed{run, std::move(token), error.message, error.sysErrno, 125});
}

void Launcher::obeyPrepare(const Prepare& request) {
  if (find(request.run) != nullptr) return;
  Run* run = fork(request.run, request.priority);
  if (run == nullptr || run->state != RunState::kPrepared) return;
  foresee(*run);
  if (!run->joining) send(Prepared{request.run});
}

// What cannot be made now is made, or fails, when the plan comes.
void Launcher::foresee(Run& run) {
  const auto last = lastPlans_.find(run.priority);
  if (last == lastPlans_.end()) return;
  if (needsIdmap(last->second)) {
    if (auto idmap = UserNamespace::make()) run.idmap = std::move(*idmap);
  }
  const auto bytes = encodeBounded(LauncherRequest(Launch{forecastOf(last->second, run.id)}));
  if (bytes)
    (void)sendReport(run.report.get(), static_cast<std::uint32_t>(OrderKind::kForecast), 0, 0, *bytes, {},
                     MSG_DONTWAIT);
}

// Only to a child that waits for its plan: with the plan it looks for itself.
void Launcher::obeyForetell(const Foretell& request, const Packet& packet) {
  Run* run = find(request.run);
  if (run == nullptr || run->state != RunState::kPrepared || run->waiting || packet.fds.size() != 1) return;
  const int fds[] = {packet.fds[0].get()};
  (void)sendReport(run->report.get(), static_cast<std::uint32_t>(OrderKind::kWorkspace), 0, 0, "", fds, MSG_DONTWAIT);
}

Result<BornChild> Launcher::forkChild(const RunId& id, policy::PriorityClass priority, UniqueFd& report, Stem& stem) {
  UniqueFd group;
  if (features_.cloneIntoCgroup && !isLeftOut(Wall::kCgroup)) group = RF_TRY(groups_.unifiedDirectory(id, priority));
  ControlPair pair = RF_TRY(makeControlPair());
  const auto joins = mustJoin() ? groups_.joinFiles(id, priority) : std::vector<std::string>();
  BornChild child;
  if (canary_) {
    child = RF_TRY(forkByStem(
        {.control = pair.childs.get(), .cgroup = group.get(), .leftOut = birthNamespaceLeftOut(), .joinFiles = joins},
        stem));
  } else {
    child = RF_TRY(forkWithout(birthNamespaceLeftOut(), group.get()));
    if (child.pid == 0) runChild(pair.childs.get(), options_.runDirectory.c_str(), {knownTable_, folders_}, joins);
  }
  report = std::move(pair.ours);
  return child;
}

// The unified hierarchy is joined by being born in it. Each other one costs milliseconds, in which the child waits and
// not the launcher.
bool Launcher::mustJoin() const {
  return features_.cloneIntoCgroup && features_.layout != CgroupLayout::kUnified && !isLeftOut(Wall::kCgroup);
}

void Launcher::finishJoining(Run& run) {
  if (!run.joining) return;
  run.joining = false;
  run.since = std::chrono::steady_clock::now();
  if (auto joined = groups_.joinProcessor(run.id, run.priority, run.initPid); !joined)
    failLaunch(run, "cgroup", joined.error().message, joined.error().sysErrno, 125);
  else if (run.state == RunState::kPrepared && run.waiting)
    beginBuilding(run, *std::exchange(run.waiting, std::nullopt));
  else if (run.state == RunState::kPrepared)
    send(Prepared{run.id});
  if (emptying_ > 0) retryEmptying();
}

// No run: its failure was told.
Run* Launcher::fork(const RunId& id, policy::PriorityClass priority) {
  if (runs_.size() >= kMaxKeptRuns) {
    refuse(id, "launcher",
           Error{ErrorCode::kUnavailable, "the launcher keeps " + std::to_string(kMaxKeptRuns) + " runs already"});
    return nullptr;
  }
  if (auto created = groups_.createRun(id, priority); !created) return refuse(id, "cgroup", created.error()), nullptr;
  UniqueFd report;
  Stem stem;
  auto child = forkChild(id, priority, report, stem);
  if (!child) {
    (void)groups_.removeRun(id, priority);  // Nobody was in them.
    return refuse(id, "launcher", child.error()), nullptr;
  }
  auto run = std::make_unique<Run>();
  run->id = id;
  run->priority = priority;
  run->initPid = child->pid;
  run->pidfd = std::move(child->pidfd);
  run->report = std::move(report);
  run->stem = std::move(stem);
  Run* made = run.get();
  const Serial serial = nextSerial_++;
  runs_.emplace(serial, std::move(run));
  byId_.emplace(id, serial);
  if (auto watched = watch(made->pidfd.get(), Watch::kPidfd, serial); !watched) {
    // Its end would go unseen, so it is waited for here.
    failLaunch(*made, "launcher", watched.error().message, watched.error().sysErrno, 125);
    awaitEnd(*made);
    return nullptr;
  }
  auto ready = watch(made->report.get(), Watch::kReport, serial);
  made->joining = mustJoin();
  if (ready && !features_.cloneIntoCgroup && !isLeftOut(Wall::kCgroup))
    ready = groups_.join(id, priority, made->initPid);
  if (!ready) failLaunch(*made, "cgroup", ready.error().message, ready.error().sysErrno, 125);
  return made;
}

void Launcher::obeyLaunch(Launch request, Packet packet) {
  const RunId id = request.plan.run;
  Run* run = find(id);
  if (run == nullptr) run = fork(id, request.plan.priority);
  if (run == nullptr) return;
  if (run->state == RunState::kFailing) return;  // Its LaunchFailed is on the way.
  if (run->state != RunState::kPrepared || run->waiting) {
    return refuse(id, "launcher", Error{ErrorCode::kInvalid, "run " + id.text() + " was launched already"});
  }
  run->plan = std::move(request.plan);
  if (run->plan.priority != run->priority) {
    return failLaunch(*run, "cgroup", "prepared for another priority class than the plan's", 0, 125);
  }
  nameOwner(*run);
  // Its control group namespace shows what it is in when it makes it.
  if (run->joining)
    run->waiting = std::move(packet);
  else
    beginBuilding(*run, std::move(packet));
}

// Only now, as what was forked ahead is nobody's; until it is released nothing of an agent is in it. A run that does
// not say whose it is takes an administrator to be killed by the emergency stop, and is frozen by anybody's like any
// other.
void Launcher::nameOwner(Run& run) {
  if (auto named = groups_.setOwner(run.id, run.priority, run.plan.identity.callerUid); !named)
    run.notes.push_back("'ringfence estop --kill' of its owner freezes it, and does not end it: " +
                        named.error().message);
}

void Launcher::beginBuilding(Run& run, Packet packet) {
  if (auto started = startBuilding(run, std::move(packet)); !started && run.state == RunState::kPrepared) {
    readReports(run);  // A child that is gone may have said why.
    failLaunch(run, "launcher", started.error().message, started.error().sysErrno, 125);
  }
}

Result<void> Launcher::startBuilding(Run& run, Packet packet) {
  // The child takes its plan apart meanwhile, and builds nothing before the order to.
  std::vector<int> given;
  for (const auto& fd : packet.fds) given.push_back(fd.get());
  RF_TRY(sendPacket(run.report.get(), packet.bytes, given, MSG_DONTWAIT));
  if (auto made = makeGuards(run); !made) {
    failLaunch(run, tokenOfGuards(made.error()), made.error().message, made.error().sysErrno, 125);
    return {};
  }
  const auto program = programFor(run.plan.seccomp);
  if (!program) {
    failLaunch(run, "seccomp", program.error().message, program.error().sysErrno, 125);
    return {};
  }
  std::int32_t extras = 0;
  std::vector<int> fds;
  const auto add = [&](Extra extra, int fd) {
    extras |= static_cast<std::int32_t>(extra);
    fds.push_back(fd);
  };
  if (needsIdmap(run.plan)) {
    const Identity& identity = run.plan.identity;
    if (!run.idmap) run.idmap = RF_TRY(UserNamespace::make());
    RF_TRY(run.idmap->map({identity.callerUid, identity.uid}, {identity.callerGid, identity.gid}));
    add(Extra::kIdmap, run.idmap->fd());
  }
  UniqueFd childEnd;
  RF_TRY(connectOutput(run, childEnd));
  if (childEnd) add(Extra::kOutput, childEnd.get());
  if (run.plan.walls.net == policy::WallStrength::kOff) add(Extra::kHostNet, hostNet_.get());
  if (run.plan.walls.ipc == policy::WallStrength::kOff) add(Extra::kHostIpc, hostIpc_.get());
  if (run.plan.walls.uts == policy::WallStrength::kOff) add(Extra::kHostUts, hostUts_.get());
  const std::string_view bytes(reinterpret_cast<const char*>((*program)->data()),
                               (*program)->size() * sizeof(sock_filter));
  RF_TRY(
      sendReport(run.report.get(), static_cast<std::uint32_t>(OrderKind::kBuild), extras, 0, bytes, fds, MSG_DONTWAIT));
  run.idmap.reset();
  run.state = RunState::kBuilding;
  run.since = std::chrono::steady_clock::now();
  // While it builds, which starts nothing of the agent's.
  const Guarded guarded = run.guarded() ? Guarded::kYes : Guarded::kNo;
  if (auto limited = groups_.setLimits(run.id, run.priority, run.plan.limits, guarded); !limited) {
    failLaunch(run, "cgroup", limited.error().message, limited.error().sysErrno, 125);
    return {};
  }
  startGuards(run);
  return {};
}

Result<void> Launcher::connectOutput(Run& run, UniqueFd& childEnd) {
  if (run.plan.stdio == Stdio::kDescriptors) return {};
  run.ring = RF_TRY(OutputRingWriter::create(kOutputRingCapacity));
  if (run.plan.stdio != Stdio::kCaptured) return {};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return posixError(errno, "making a pipe for the output");
  run.outputPipe.reset(ends[0]);
  childEnd.reset(ends[1]);
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return posixError(errno, "making a pipe for the output");
  return watch(ends[0], Watch::kOutputPipe, serialOf(run));
}

Result<const BpfProgram*> Launcher::programFor(const SharedSeccompTable& table) {
  if (!compiled_ || !(compiledTable_ == table)) {
    compiled_.reset();
    compiled_ = RF_TRY(compile(table, nativeArchitecture()));
    compiledTable_ = table;
  }
  return &*compiled_;
}

// Before it was built as well: its admission may be on the disk sooner than its walls are read. Without a plan there is
// nothing that was admitted.
void Launcher::obeyRelease(Run& run) {
  if (run.state == RunState::kPrepared && !run.waiting) return;
  run.released = true;
  if (run.state != RunState::kBuilt || mustWaitForEgress(run)) return;
  if (auto sent =
          sendReport(run.report.get(), static_cast<std::uint32_t>(OrderKind::kRelease), 0, 0, "", {}, MSG_DONTWAIT);
      !sent) {
    return failLaunch(run, "launcher", sent.error().message, sent.error().sysErrno, 125);
  }
  run.state = RunState::kStarting;
}

void Launcher::failLaunch(Run& run, std::string token, std::string message, int sysErrno, int exitCode) {
  if (run.state >= RunState::kRunning) return;  // The first failure is the one to tell.
  run.failure = LaunchFailed{run.id, std::move(token), std::move(message), sysErrno, exitCode};
  run.state = RunState::kFailing;
  (void)signalPidfd(run.pidfd.get(), SIGKILL);  // Gone already: its end is on the way.
  (void)groups_.kill(run.id, run.priority);
}

}  // namespace ringfence::sandbox
