#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <utility>
#include <variant>

#include "sandbox/launcher/launcher.h"
#include "sandbox/launcher/report.h"

namespace ringfence::sandbox {
namespace {

constexpr int kMaxRetryMs = 250;
constexpr std::size_t kMaxEmptying = 32;
// Whoever waited for an end goes on when it is told; it would wait for a processor while groups are removed.
constexpr std::chrono::milliseconds kPauseBeforeEmptying{1};

std::vector<std::string> splitNotes(std::string_view text) {
  std::vector<std::string> notes;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    notes.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return notes;
}

}  // namespace

void Launcher::readReports(Run& run) {
  for (;;) {
    if (run.state >= RunState::kStarting) {
      auto last = receiveReport(run.report.get(), MSG_DONTWAIT | MSG_PEEK);
      if (last && last->kind == static_cast<std::uint32_t>(ReportKind::kExited)) {
        unwatch(run.report.get());
        return takeReport(run, std::move(*last));
      }
    }
    auto report = receiveReport(run.report.get(), MSG_DONTWAIT);
    if (!report && report.error().sysErrno == EAGAIN) return;
    if (!report && report.error().code != ErrorCode::kInvalid && run.state >= RunState::kRunning)
      return;  // Out of memory: again later.
    if (!report) failLaunch(run, "launcher", report.error().message, report.error().sysErrno, 125);
    if (!report || report->kind == 0) {
      // Pid 1 closed its end, or speaks nonsense: its pidfd says when it is over.
      unwatch(run.report.get());
      return;
    }
    takeReport(run, std::move(*report));
  }
}

void Launcher::takeReport(Run& run, Report report) {
  switch (static_cast<ReportKind>(report.kind)) {
    case ReportKind::kJoined: return finishJoining(run);
    case ReportKind::kNeedMaps:
      if (run.state == RunState::kBuilding && report.fds.size() == 1) run.agentSocket = std::move(report.fds[0]);
      return writeMaps(run);
    case ReportKind::kTerminal:
      if (run.state == RunState::kBuilding && report.fds.size() == 1) run.terminal = std::move(report.fds[0]);
      return;
    case ReportKind::kPlaceholder:
      if ((run.state == RunState::kBuilding || run.state == RunState::kFailing) && report.fds.size() == 1) {
        auto made = Placeholder::of(std::move(report.fds[0]), report.text, run.plan.identity);
        if (made && run.placeholders.size() + made->size() <= kMaxPlaceholders)
          std::ranges::move(*made, std::back_inserter(run.placeholders));
      }
      return;
    case ReportKind::kFolders:
      // Said by what builds the run, never by anybody who comes after it.
      if (run.state != RunState::kBuilding) return;
      folders_.absorb(report.text);
      if (nursery_) nursery_->teach(report.text);
      return;
    case ReportKind::kDenials:
      if (run.state == RunState::kBuilding && report.fds.size() == 1) run.denials = std::move(report.fds[0]);
      return;
    case ReportKind::kListener:
      if (run.state != RunState::kBuilding || report.fds.size() != 1) return;
      run.listener = std::move(report.fds[0]);
      return preferSynchronousWakeUp(run.listener.get());
    case ReportKind::kBuilt:
      if (run.state != RunState::kBuilding) return;
      for (auto& note : splitNotes(report.text)) run.notes.push_back(std::move(note));
      return beginJudging(run, unpackCanaries(report.value), unpackCanaries(report.extra));
    case ReportKind::kFailed: {
      const std::size_t end = std::min(report.text.find('\0'), report.text.size());
      return failLaunch(run, report.text.substr(0, end), report.text.substr(std::min(end + 1, report.text.size())),
                        report.value, report.extra);
    }
    case ReportKind::kBorn:
    case ReportKind::kStemMoved: return;  // Not of a run's first process.
    case ReportKind::kForked: run.commandPid = report.senderPid; return;
    case ReportKind::kStarted:
      if (run.state != RunState::kStarting) return;
      run.state = RunState::kRunning;
      if (!run.guards.warden) retireStem(run);
      run.unheldNames = report.value;
      return send(Started{run.id, run.commandPid});
    case ReportKind::kStopped: return send(CommandStopped{run.id, report.value});
    case ReportKind::kContinued: return send(CommandContinued{run.id});
    case ReportKind::kExited:
      run.exitSeen = true;
      run.endNote = report.text;
      if (report.extra == 1)
        run.exit.signal = report.value;
      else
        run.exit.code = report.value;
      // It reaped every other process of its namespace; what is left is to take down the namespaces. Killed, because
      // one that a freeze met on its last step would stay: an ended run is thawed by nobody.
      (void)signalPidfd(run.pidfd.get(), SIGKILL);
      if (run.state == RunState::kRunning && !run.endSaid) sayEnd(run);
      return;
  }
}

void Launcher::writeMaps(Run& run) {
  if (run.state != RunState::kBuilding) return;
  auto written = writeIdentityMaps(run.initPid);
  if (written)
    written = sendReport(run.report.get(), static_cast<std::uint32_t>(OrderKind::kMapped), 0, 0, "", {}, MSG_DONTWAIT);
  if (!written) return failLaunch(run, "privileges", written.error().message, written.error().sysErrno, 125);
  // While the child goes on.
  run.settled = readSettled(questionOf(run));
  if (auto root = openAt(AT_FDCWD, "/proc/" + std::to_string(run.initPid) + "/root", O_PATH | O_DIRECTORY))
    run.root = std::move(*root);
}

void Launcher::onPidfd(Run& run) {
  if (run.state == RunState::kRunning && run.endSaid) {
    endGuards(run);
    if (!run.hasGuardProcess()) sayRemoved(run);  // Whoever waits need not until it is reaped.
  }
  siginfo_t info{};
  if (run.ourChild) {
    const int waited = ::waitid(P_PIDFD, static_cast<id_t>(run.pidfd.get()), &info, WEXITED | WNOHANG);
    if (waited == 0 && info.si_pid == 0) return;  // Not yet.
    if (waited != 0 && errno != ECHILD) return;   // Asked again by the loop.
  }
  finish(run, info.si_code == CLD_KILLED ? info.si_status : 0);
}

void Launcher::awaitEnd(Run& run) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(run.pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {}
  finish(run, SIGKILL);
}

void Launcher::finish(Run& run, int killedBy) {
  run.reading.reset();
  unwatch(run.pidfd.get());
  readReports(run);
  // Pid 1 was killed before it could report: the run died of the same signal.
  if (!run.exitSeen && killedBy != 0) run.exit.signal = killedBy;
  if (!run.exitSeen && run.unheldNames > 0) {
    run.endNote = std::to_string(run.unheldNames) +
                  " forbidden names that did not exist at the start were not looked for, as the run was killed; see "
                  "the notes of its start";
  }
  unwatch(run.report.get());
  if (!run.endSaid) drainLast(run);
  if (run.state < RunState::kRunning) {
    failLaunch(run, "launcher", "the child of the launch died before the command ran", 0, 125);
  }
  run.joining = false;
  retireStem(run);
  run.state = RunState::kEmptying;
  run.emptyAt = std::chrono::steady_clock::now() + kPauseBeforeEmptying;
  ++emptying_;
  retryMs_ = 1;
  if (!run.failure && !run.endSaid) sayEnd(run);
  endGuards(run);
  if (!run.hasGuardProcess()) concludeEnd(run);
}

// Every process is gone, so what is in the pipe is all there will be.
void Launcher::drainLast(Run& run) {
  unwatch(run.outputPipe.get());
  unwatch(run.terminal.get());
  if (run.outputPipe)
    while (run.pump(Run::Source::kOutputPipe) == Run::Pumped::kMore) {}
  if (run.terminal && run.draining && !run.terminalWaits)
    while (run.pump(Run::Source::kTerminal) == Run::Pumped::kMore) {}
  if (!run.ring) return;
  run.ring->end();
  run.usage.outputBytes = run.ring->written();
}

void Launcher::empty(Run& run) {
  if (run.hasGuardProcess()) return;
  // A failure is told when its groups are gone.
  if (!run.failure && emptying_ <= kMaxEmptying && std::chrono::steady_clock::now() < run.emptyAt) return;
  if (run.lifted && !groups_.lower(run.id, 0)) return;
  run.lifted = false;
  // The kernel would let nobody change groups until the join is done: the launcher would wait with its next launch.
  // Where launches follow each other without a pause, somebody always joins.
  const bool isJoining = std::ranges::any_of(runs_, [](const auto& one) { return one.second->joining; });
  if (isJoining && emptying_ <= kMaxEmptying) return;
  run.root.reset();
  if (!groups_.removeRun(run.id, run.priority)) return;  // A dying task is still counted: retried by the loop.
  --emptying_;
  run.state = RunState::kEnded;
  const RunId id = run.id;
  if (auto failure = std::exchange(run.failure, std::nullopt)) {
    removePlaceholders(run);
    run.endSaid = true;
    forget(id);
    return send(*failure);
  }
  if (run.forgotten) forget(id);
}

// What the groups count of it from here on is its own end.
void Launcher::sayEnd(Run& run) {
  run.endSaid = true;
  if (run.state == RunState::kRunning) drainLast(run);
  readUsage(run);
  // Memory is something that an agent can use up on purpose, and pid 1 may be killed with all others for it.
  if (run.outOfMemory && !run.exitSeen && !run.guards.warden) {
    run.endNote += std::string(run.endNote.empty() ? "" : "; ") +
                   "what it changed was not looked through for what runs or is obeyed later, as all of it was killed";
  }
  if (!run.guardNote.empty()) run.endNote = run.guardNote + (run.endNote.empty() ? "" : "; ") + run.endNote;
  send(Ended{run.id, run.exit, run.outOfMemory, run.usage, run.endNote});
}

// Its mounts are gone with its pid 1: the kernel need not look for them when the held places are removed, each of which
// had one.
void Launcher::sayRemoved(Run& run) {
  if (std::exchange(run.removedSaid, true)) return;
  removePlaceholders(run);
  send(Removed{run.id});
}

void Launcher::readUsage(Run& run) {
  const GroupUsage usage = groups_.usage(run.id, run.priority, CgroupTree::Reading::kLast);
  if (usage.cpuUsec) run.usage.cpuUsec = usage.cpuUsec;
  if (usage.memoryPeakBytes) run.usage.memoryPeakBytes = usage.memoryPeakBytes;
  if (usage.ioReadBytes) run.usage.ioReadBytes = usage.ioReadBytes;
  if (usage.ioWriteBytes) run.usage.ioWriteBytes = usage.ioWriteBytes;
  run.outOfMemory = run.outOfMemory || usage.outOfMemoryKills.value_or(0) > 0;
}

// Another run of the same workspace may have found the file and be covered by it: all go when nothing runs any more (a
// slot that waits for its plan has no mounts yet, and whose pid 1 is gone has none any more).
void Launcher::removePlaceholders(Run& ended) {
  for (auto& each : ended.placeholders) {
    if (placeholders_.size() < kMaxPlaceholders) placeholders_.push_back(std::move(each));
  }
  ended.placeholders.clear();
  for (const auto& [serial, run] : runs_) {
    if (!run->endSaid && run->state < RunState::kEmptying && run->state != RunState::kPrepared) return;
  }
  remover_.remove(std::exchange(placeholders_, {}));
}

// Without the pause: somebody wants to see that nothing is left.
void Launcher::emptyNow() {
  for (const auto& [serial, run] : runs_) run->emptyAt = {};
  retryEmptying();
}

void Launcher::retryEmptying() {
  retryMs_ = std::min(retryMs_ * 2, kMaxRetryMs);
  std::vector<Run*> waiting;
  for (const auto& [serial, run] : runs_) {
    if (run->state == RunState::kEmptying) waiting.push_back(run.get());
  }
  for (Run* run : waiting) empty(*run);
}

void Launcher::onOutput(Run& run, Run::Source source) {
  if (run.pump(source) != Run::Pumped::kClosed) return;
  unwatch(source == Run::Source::kTerminal ? run.terminal.get() : run.outputPipe.get());
}

void Launcher::setDraining(Run& run, bool draining) {
  if (!run.terminal || run.terminalWaits || run.draining == draining || run.state >= RunState::kEmptying) return;
  run.draining = draining;
  if (!draining)
    unwatch(run.terminal.get());
  else if (!watch(run.terminal.get(), Watch::kTerminal, serialOf(run)))
    run.draining = false;
}

void Launcher::listKept() {
  emptyNow();
  std::uint32_t count = 0;
  for (const auto& [serial, run] : runs_) {
    if (run->state < RunState::kBuilt || run->state == RunState::kFailing || run->forgotten) continue;
    const KeptState state = run->state == RunState::kBuilt ? KeptState::kBuilt
                            : run->endSaid                 ? KeptState::kEnded
                                                           : KeptState::kRunning;
    ++count;
    send(Kept{{run->id, state, run->priority, run->initPid, run->commandPid, run->exit, run->outOfMemory, run->held(),
               run->usage, run->endNote, run->guards.egressUid}},
         run->heldFds());
  }
  send(AdoptDone{count});
}

// From a daemon whose launcher died: this run is not our child, so its end shows on its pidfd and its status on the
// pair.
void Launcher::adopt(const KeptRun& kept, std::vector<UniqueFd> fds) {
  if (find(kept.run) != nullptr || kept.state == KeptState::kEnded || runs_.size() >= kMaxKeptRuns) return;
  auto run = std::make_unique<Run>();
  run->id = kept.run;
  run->priority = kept.priority;
  run->state = kept.state == KeptState::kBuilt ? RunState::kBuilt : RunState::kRunning;
  run->initPid = kept.initPid;
  run->commandPid = kept.pid;
  run->ourChild = false;
  if (!run->takeHeld(kept.held, std::move(fds)))
    return refuse(kept.run, "launcher", Error{ErrorCode::kInvalid, "its descriptors do not fit"});
  Run* made = run.get();
  const Serial serial = nextSerial_++;
  byId_.emplace(kept.run, serial);
  runs_.emplace(serial, std::move(run));
  auto watched = watch(made->report.get(), Watch::kReport, serial);
  if (watched) watched = watch(made->pidfd.get(), Watch::kPidfd, serial);
  if (watched && made->outputPipe) watched = watch(made->outputPipe.get(), Watch::kOutputPipe, serial);
  if (watched) {
    const auto adopted = adoptGuards(*made, kept);
    if (adopted) return;
    made->guardNote = "it could not be guarded any more (" + adopted.error().message + "): it was ended";
    (void)groups_.kill(made->id, made->priority);
    return;
  }
  byId_.erase(kept.run);
  runs_.erase(serial);
  refuse(kept.run, "launcher", watched.error());
}

}  // namespace ringfence::sandbox
