// The guards of a run: made with it, started again when they die, gone before it is removed. What they need outlives
// them, because the launcher keeps both ends of every pair.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "sandbox/kernel/procfs.h"
#include "sandbox/kernel/redirect.h"
#include "sandbox/launcher/launcher.h"
#include "sandbox/launcher/report.h"
#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/call_journal.h"

namespace ringfence::sandbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPairBuffer = 4 << 20;
constexpr ResourceLimits kWardenLimits{.cpu = std::nullopt, .memory = mebibytes(64), .pids = 32};
constexpr ResourceLimits kEgressLimits{.cpu = std::nullopt, .memory = mebibytes(256), .pids = 64};

// A guard that dies more often than this within that time ends its run.
constexpr std::size_t kMaxDeaths = 5;
constexpr std::chrono::seconds kDeathWindow{10};
constexpr milliseconds kFirstPause{5};
constexpr milliseconds kRecheck{20};
constexpr milliseconds kHeldRecheck{100};
// How long a release waits for an egress that does not come; the network of its run is closed meanwhile, and stays so.
constexpr milliseconds kEgressPatience{2000};
// How long guards of an ended run may take to tell the last they know.
constexpr milliseconds kLastWords{300};

struct Pair {
  UniqueFd one, other;
};
Result<Pair> makePair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return posixError(errno, "making a pair for a guard");
  Pair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  for (const int end : ends) {
    if (::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &kPairBuffer, sizeof kPairBuffer) != 0)
      return posixError(errno, "making room in the pair of a guard");
  }
  return pair;
}

Result<UniqueFd> makeJournal() {
  UniqueFd file(::memfd_create("ringfence-calls", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return posixError(errno, "making a journal of calls");
  if (::ftruncate(file.get(), static_cast<off_t>(kCallsJournalBytes.count)) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return posixError(errno, "making a journal of calls");
  return file;
}

Result<GuardFds> makeFds() {
  Pair pair = RF_TRY(makePair());
  const ActionRing ring = RF_TRY(ActionRing::create(kActionRingCapacity));
  UniqueFd actions(::fcntl(ring.fd(), F_DUPFD_CLOEXEC, 3));
  if (!actions) return posixError(errno, "keeping the ring of a guard");
  return GuardFds{std::move(pair.one), std::move(pair.other), std::move(actions)};
}

const char* nameOf(GuardKind kind) { return kind == GuardKind::kWarden ? "ringfence-warden" : "ringfence-egress"; }
Leaf leafOf(GuardKind kind) { return kind == GuardKind::kWarden ? Leaf::kWarden : Leaf::kEgress; }

std::string wordsOf(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return "it ended with status " + std::to_string(info.si_status);
  return "it was ended by signal " + std::to_string(info.si_status);
}

Error inPlan(const char* text) { return Error{ErrorCode::kInvalid, text}; }

// On 127.0.0.1 of that process's network.
bool listensInside(int pid, std::uint16_t port) {
  const auto text = readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/net/tcp", mebibytes(1));
  char wanted[48];
  std::snprintf(wanted, sizeof wanted, " 0100007F:%04X 00000000:0000 0A ", unsigned{port});
  return text && text->find(wanted) != std::string::npos;
}

bool isRoots(int pid) {
  const auto text = readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status", mebibytes(1));
  const auto status = text ? parseStatus(*text) : Result<ProcStatus>(text.error());
  return status && std::ranges::all_of(status->uid, [](std::uint32_t uid) { return uid == 0; });
}

// SIGKILL is on its way, or it is gone.
bool isDying(int pid) {
  const auto text = readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status", mebibytes(1));
  const auto status = text ? parseThreadStatus(*text) : Result<ThreadStatus>(text.error());
  if (!status || text->find("\nState:\tZ") != std::string::npos) return true;
  return ((status->pending | status->sharedPending) >> (SIGKILL - 1) & 1) != 0;
}

}  // namespace

Result<void> Launcher::checkGuards(const Plan& plan) const {
  if (notifies(plan.seccomp) != plan.guards.warden)
    return inPlan("seccomp: calls are handed to a warden exactly where there is one; this plan says otherwise");
  if (plan.guards.warden && features_.listenerTaken) return Error{ErrorCode::kBusy, kListenerTaken, EBUSY};
  if (plan.guards.warden && !features_.seccompWaitKillable) {
    return Error{ErrorCode::kUnsupported,
                 "seccomp: this kernel does not hold a call that was handed over until it is answered (5.19 does); use "
                 "a policy that asks nothing"};
  }
  if (plan.guards.warden && wantedStrength(plan, Wall::kSeccomp) == policy::WallStrength::kOff)
    return inPlan("seccomp: nothing can be asked where this wall is off");
  if (plan.guards.egress && wantedStrength(plan, Wall::kNet) == policy::WallStrength::kOff)
    return inPlan("net: an egress needs this wall, which is off");
  if (plan.guards.egress && plan.guards.egressUid == 0)
    return Error{ErrorCode::kUnavailable, "uid: no id of --uid-range is free for the egress of this run"};
  for (const GuardKind kind : {GuardKind::kWarden, GuardKind::kEgress}) {
    const bool wanted = kind == GuardKind::kWarden ? plan.guards.warden : plan.guards.egress;
    if (wanted && !programOf(kind)) {
      return Error{ErrorCode::kNotFound,
                   std::string(nameOf(kind)) + " was not found beside ringfence-launcher when that started"};
    }
  }
  return {};
}

// Before the limits of the run, whose place depends on whether it has guards.
Result<void> Launcher::makeGuards(Run& run) {
  RF_TRY(checkGuards(run.plan));
  run.guards = run.plan.guards;
  if (!run.guarded()) return {};
  run.guardIds = run.plan.identity;
  if (run.guards.warden) {
    RF_TRY(watchStem(run));
    run.warden = RF_TRY(makeFds());
    run.calls = RF_TRY(makeJournal());
    RF_TRY(groups_.createGuard(run.id, run.priority, Leaf::kWarden, kWardenLimits));
  }
  if (run.guards.egress) {
    run.egress = RF_TRY(makeFds());
    RF_TRY(groups_.createGuard(run.id, run.priority, Leaf::kEgress, kEgressLimits));
  }
  return {};
}

// Forked while the run builds itself; they wait for it.
void Launcher::startGuards(Run& run) {
  if (run.guards.warden) startGuard(run, GuardKind::kWarden);
  if (run.guards.egress) startGuard(run, GuardKind::kEgress);
}

void Launcher::startGuard(Run& run, GuardKind kind) {
  GuardLife& life = run.lifeOf(kind);
  life.startAt.reset();
  Result<void> forked;
  if (kind == GuardKind::kWarden) {
    forked = forkGuard(run, GuardRole::kWarden, {});
  } else if (auto pair = makePair()) {
    forked = forkGuard(run, GuardRole::kEgressOuter, std::move(pair->one));
    if (forked) forked = forkGuard(run, GuardRole::kEgressInner, std::move(pair->other));
  } else {
    forked = std::move(pair).error();
  }
  if (forked) return orderGuards(run);
  life.why = forked.error().message;
  for (const GuardProcess& process : life.processes) (void)signalPidfd(process.pidfd.get(), SIGKILL);
  if (life.processes.empty()) guardIsGone(run, kind);
}

Result<void> Launcher::forkGuard(Run& run, GuardRole role, UniqueFd partner) {
  const GuardKind kind = role == GuardRole::kWarden ? GuardKind::kWarden : GuardKind::kEgress;
  const Leaf leaf = leafOf(kind);
  GuardLife& life = run.lifeOf(kind);
  GuardSpec spec{.role = role, .run = run.id, .identity = run.guardIds, .restarted = life.restarted};
  if (kind == GuardKind::kEgress) {
    spec.identity = Identity{.uid = run.guards.egressUid, .gid = run.guards.egressUid};
    spec.preparesNetwork = !run.networkPrepared;
    spec.attachPoint = options_.runDirectory.c_str();
    if (role == GuardRole::kEgressOuter && names_->fd() < 0) names_->refresh();
  }
  UniqueFd group;
  if (features_.cloneIntoCgroup) group = RF_TRY(groups_.unifiedDirectory(run.id, run.priority, leaf));
  if (mustJoin()) spec.joins = groups_.joinFiles(run.id, run.priority, leaf);
  Pair control = RF_TRY(makePair());
  if (role == GuardRole::kWarden && run.stem.given) {
    RF_TRY(orderWarden(run, spec, group.get(), control.other.get()));
    GuardProcess& ordered = life.processes.emplace_back();
    ordered.role = role;
    ordered.control = std::move(control.one);
    return watch(ordered.control.get(), Watch::kGuards, serialOf(run));
  }
  // An egress sees no process but its own: its id may be that of others.
  const std::uint64_t namespaces = role == GuardRole::kWarden ? 0 : CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  BornChild child = RF_TRY(forkInto(namespaces, group.get()));
  if (child.pid == 0) runGuard(control.other.get(), self_.get(), spec);
  GuardProcess& made = life.processes.emplace_back();
  made.role = role;
  made.pid = child.pid;
  made.pidfd = std::move(child.pidfd);
  made.control = std::move(control.one);
  made.partner = std::move(partner);
  RF_TRY(watch(made.pidfd.get(), Watch::kGuards, serialOf(run)));
  RF_TRY(watch(made.control.get(), Watch::kGuards, serialOf(run)));
  return features_.cloneIntoCgroup ? Result<void>{} : groups_.join(run.id, run.priority, made.pid, leaf);
}

// Each goes on as soon as it is in its groups and its run is built.
void Launcher::orderGuards(Run& run) {
  if (run.state < RunState::kBuilt || run.state == RunState::kFailing) return;
  for (const GuardKind kind : {GuardKind::kWarden, GuardKind::kEgress}) {
    GuardLife& life = run.lifeOf(kind);
    for (GuardProcess& process : life.processes) {
      if (!process.joined || process.ordered) continue;
      process.ordered = true;
      const GuardFds& own = kind == GuardKind::kWarden ? run.warden : run.egress;
      std::vector<int> fds{programOf(kind).get()};
      if (process.role == GuardRole::kWarden)
        fds.insert(fds.end(), {run.pidfd.get(), own.guardEnd.get(), run.listener.get(), run.calls.get(),
                               own.actions.get(), run.denials.get(), wardenProc_.get()});
      else if (process.role == GuardRole::kEgressInner)
        fds.insert(fds.end(), {run.pidfd.get(), process.partner.get()});
      else
        fds.insert(fds.end(), {process.partner.get(), own.guardEnd.get(), own.actions.get(), run.denials.get()});
      auto sent = sendReport(process.control.get(), static_cast<std::uint32_t>(OrderKind::kGuard), process.pid, 0, "",
                             fds, MSG_DONTWAIT);
      process.partner.reset();
      if (!sent) {
        life.why = sent.error().message;
        (void)signalPidfd(process.pidfd.get(), SIGKILL);
      } else if (process.role != GuardRole::kEgressInner) {
        send(GuardStarted{run.id, kind, process.pid});
      }
    }
  }
}

// A command that is there before its network is would be refused what it may have.
bool Launcher::mustWaitForEgress(Run& run) {
  if (!run.guards.egress || run.egressAwaited) return false;
  const auto now = steady_clock::now();
  if (!run.releaseWaits) run.releaseWaits = ReleaseWait{now + kEgressPatience, now};
  const bool isReady = run.networkPrepared && listensInside(run.initPid, kRedirectTcpPort);
  run.egressAwaited = isReady || now >= run.releaseWaits->until;
  if (run.egressAwaited)
    run.releaseWaits.reset();
  else
    run.releaseWaits->next = now + kFirstPause;
  return !run.egressAwaited;
}

void Launcher::tendGuards(Run& run) {
  for (const GuardKind kind : {GuardKind::kWarden, GuardKind::kEgress}) {
    GuardLife& life = run.lifeOf(kind);
    if (life.processes.empty()) continue;
    for (GuardProcess& process : life.processes) readGuard(run, kind, process);
    const std::size_t before = life.processes.size();
    std::erase_if(life.processes, [&](const GuardProcess& process) { return reapGuard(life, process); });
    if (life.processes.empty())
      guardIsGone(run, kind);
    else if (life.processes.size() != before && !run.guardsTold)  // One half is nothing without the other.
      for (const GuardProcess& process : life.processes) (void)signalPidfd(process.pidfd.get(), SIGKILL);
  }
  if (run.state != RunState::kEmptying) return orderGuards(run);
  if (!run.hasGuardProcess()) concludeEnd(run);
}

void Launcher::readGuard(Run& run, GuardKind kind, GuardProcess& process) {
  while (process.control) {
    auto report = receiveReport(process.control.get(), MSG_DONTWAIT);
    if (!report && (report.error().sysErrno == EAGAIN || report.error().sysErrno == EINTR)) return;
    if (report && report->kind == static_cast<std::uint32_t>(ReportKind::kBorn)) {
      takeBirth(run, process, std::move(*report));
      continue;
    }
    if (report && report->kind == static_cast<std::uint32_t>(ReportKind::kJoined)) {
      auto joined =
          mustJoin() ? groups_.joinProcessor(run.id, run.priority, process.pid, leafOf(kind)) : Result<void>{};
      process.joined = joined.has_value();
      if (joined) continue;
      run.lifeOf(kind).why = joined.error().message;
      (void)signalPidfd(process.pidfd.get(), SIGKILL);
    }
    const bool hasBegun = report && report->kind == 0 && process.ordered;
    if (hasBegun && process.role == GuardRole::kEgressInner) run.networkPrepared = true;
    if (report && report->kind == static_cast<std::uint32_t>(ReportKind::kFailed)) run.lifeOf(kind).why = report->text;
    // Its program has begun, or it is over with it.
    unwatch(process.control.get());
    process.control.reset();
  }
}

// Of a warden that a stem forked.
void Launcher::takeBirth(Run& run, GuardProcess& process, Report report) {
  if (process.pidfd || report.fds.size() != 1) return;
  process.pid = report.value;
  process.pidfd = std::move(report.fds[0]);
  auto watched = watch(process.pidfd.get(), Watch::kGuards, serialOf(run));
  if (!watched) run.wardenLife.why = watched.error().message;
  if (!watched || run.guardsEnd) (void)signalPidfd(process.pidfd.get(), SIGKILL);
}

bool Launcher::reapGuard(GuardLife& life, const GuardProcess& process) {
  if (!process.pidfd) {  // Whoever was to fork it is gone, or could not.
    if (!process.control && life.why.empty()) life.why = "it was not born";
    return !process.control;
  }
  siginfo_t info{};
  const int waited = ::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, WEXITED | WNOHANG);
  if (waited == 0 && info.si_pid == 0) return false;
  if (waited != 0 && errno != ECHILD) return false;
  pollfd ended{process.pidfd.get(), POLLIN, 0};  // One that is not our child is reaped by another.
  if (waited != 0 && ::poll(&ended, 1, 0) != 1) return false;
  unwatch(process.pidfd.get());
  unwatch(process.control.get());
  if (life.why.empty()) life.why = waited == 0 ? wordsOf(info) : "it is gone";
  return true;
}

// All processes of one guard are.
void Launcher::guardIsGone(Run& run, GuardKind kind) {
  GuardLife& life = run.lifeOf(kind);
  if (run.guardsEnd || run.state == RunState::kFailing || run.state >= RunState::kEmptying) return;
  const auto now = steady_clock::now();
  life.deaths.push_back(now);
  while (now - life.deaths.front() > kDeathWindow) life.deaths.pop_front();
  // Soon, not at once: a kill of the whole run meets its guards too, and then nothing is to be said.
  life.startAt = now + kFirstPause * (1 << std::min<std::size_t>(life.deaths.size() - 1, kMaxDeaths));
}

void Launcher::restartGuard(Run& run, GuardKind kind) {
  GuardLife& life = run.lifeOf(kind);
  if (isDying(run.initPid) || !clearLeaf(run, leafOf(kind))) {
    life.startAt = steady_clock::now() + kRecheck;
    return;
  }
  if (!std::exchange(life.deathTold, true)) send(GuardDied{run.id, kind, life.why});
  // One that is born held would keep open what we have open at that moment, the output of other runs' clients too.
  if (const auto held = groups_.isFrozen(run.id, run.priority, leafOf(kind)); held && *held) {
    life.startAt = steady_clock::now() + kHeldRecheck;
    return;
  }
  const std::string why = std::exchange(life.why, {});
  life.deathTold = false;
  life.startAt.reset();
  life.restarted = true;
  if (life.deaths.size() <= kMaxDeaths) return startGuard(run, kind);
  const std::string note = std::string(nameOf(kind)) + " died " + std::to_string(life.deaths.size()) +
                           " times within ten seconds (" + why +
                           "), and nobody was left to judge what the run asks for";
  if (run.state < RunState::kRunning)
    return failLaunch(run, kind == GuardKind::kWarden ? "warden" : "egress", note, 0, 125);
  run.guardNote = note + ": it was ended";
  run.guardsEnd = true;
  (void)groups_.kill(run.id, run.priority);
}

// Nobody of the guard before is at work any more, also where that was started by another launcher: two of one kind
// would do the same call twice. No warden is root: the stem is, and a child of it that was never told what to become.
bool Launcher::clearLeaf(const Run& run, Leaf leaf) const {
  auto pids = groups_.processes(run.id, run.priority, leaf);
  if (!pids) return pids.error().sysErrno == ENOENT;
  if (leaf == Leaf::kWarden) std::erase_if(*pids, isRoots);
  for (const int pid : *pids) {
    const auto process = openPidfd(pid);
    const auto again = groups_.processes(run.id, run.priority, leaf);
    if (process && again && std::ranges::find(*again, pid) != again->end()) (void)signalPidfd(process->get(), SIGKILL);
  }
  return pids->empty();
}

// They may say what they still know, and are asked by SIGTERM to end then.
void Launcher::endGuards(Run& run) {
  if (std::exchange(run.guardsTold, true)) return;
  run.guardsEnd = true;
  retireStem(run);
  run.releaseWaits.reset();
  run.wardenLife.startAt.reset();
  run.egressLife.startAt.reset();
  if (!run.hasGuardProcess()) return;
  run.guardsKillAt = steady_clock::now() + kLastWords;
  for (const GuardLife* life : {&run.wardenLife, &run.egressLife}) {
    for (const GuardProcess& process : life->processes) {
      const bool knowsSomething = process.ordered && !run.failure;
      (void)signalPidfd(process.pidfd.get(), knowsSomething ? SIGTERM : SIGKILL);
    }
  }
}

void Launcher::killGuards(Run& run) {
  run.guardsKillAt.reset();
  for (const GuardLife* life : {&run.wardenLife, &run.egressLife}) {
    for (const GuardProcess& process : life->processes) (void)signalPidfd(process.pidfd.get(), SIGKILL);
  }
  (void)groups_.kill(run.id, run.priority);  // Also a stem that a freeze met.
}

// Nobody of the run is left, neither its own processes nor its guards. `run` may be gone afterwards.
void Launcher::concludeEnd(Run& run) {
  if (!run.failure) sayRemoved(run);
  empty(run);
}

// Of a run that another launcher built: who it is stands with its pid 1, which nobody inside can change.
Result<void> Launcher::adoptGuards(Run& run, const KeptRun& kept) {
  run.guards = {.warden = static_cast<bool>(run.warden.guardEnd),
                .egress = static_cast<bool>(run.egress.guardEnd),
                .egressUid = kept.egressUid};
  if (!run.guarded()) return {};
  const std::string text =
      RF_TRY(readFileAt(AT_FDCWD, "/proc/" + std::to_string(run.initPid) + "/status", mebibytes(1)));
  const ProcStatus status = RF_TRY(parseStatus(text));
  run.stem.given = static_cast<bool>(run.stem.orders);
  RF_TRY(watchStem(run));
  run.guardIds = Identity{.uid = status.uid[0], .gid = status.gid[0], .groups = status.groups};
  if (run.guardIds.uid == 0) return Error{ErrorCode::kInvalid, "the run's first process is root's"};
  for (const GuardKind kind : {GuardKind::kWarden, GuardKind::kEgress}) {
    GuardLife& life = run.lifeOf(kind);
    life.restarted = true;
    life.why = "the launcher that had started it ended";
    run.networkPrepared = true;
    if (kind == GuardKind::kWarden ? run.guards.warden : run.guards.egress) life.startAt = steady_clock::now();
  }
  return {};
}

}  // namespace ringfence::sandbox
