// The log says one thing, the world perhaps another: a new start, a launcher that connects. What is only in the log is
// ended, what is only in the world is killed, and each difference becomes a fact.
#include <csignal>
#include <map>

#include "supervisor/core/deciding.h"
#include "supervisor/core/later.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

using sandbox::KeptRun;
using sandbox::KeptState;

class Reconciling {
 public:
  Reconciling(Deciding& deciding, const LauncherConnected& command) : deciding_(deciding), command_(command) {}

  void run() {
    ready_ = deciding_.record({}, LauncherReady{command_.pid});
    std::map<RunId, const KeptRun*> kept;
    for (const KeptRun& one : command_.kept) kept[one.run] = &one;
    for (const auto& [id, run] : deciding_.state().runs) {
      if (isLive(run) && !kept.contains(id)) endLost(run);
    }
    for (const auto& [id, one] : kept) reconcile(*one);
  }

 private:
  void endLost(const Run& run) {
    deciding_.atOnce(RemoveGroup{run.id, run.what.priority});
    difference(run.id, "the log says " + std::string(lifeName(run.life)) + ", the launcher does not have it",
               "recorded it as ended");
    const std::uint64_t seq = supervisor::recordEnd(deciding_, run,
                                                    RunEnded{.exit = {},
                                                             .outOfMemory = false,
                                                             .note = noteOfEnd(run, "the launcher no longer has it"),
                                                             .usage = {},
                                                             .later = laterOf(run)});
    deciding_.tellLauncher(seq,
                           sandbox::Forget{run.id});  // What the daemon holds of it, like its output, is settled too.
  }

  void reconcile(const KeptRun& kept) {
    const auto found = deciding_.state().runs.find(kept.run);
    const bool isKnown = found != deciding_.state().runs.end();
    if (!isKnown && command_.unknown == UnknownRuns::kHold) return holdUnknown(kept);
    if (!isKnown || !isLive(found->second)) return removeStray(kept, isKnown);
    const Run& run = found->second;
    switch (kept.state) {
      case KeptState::kEnded: return recordEnd(run, kept);
      case KeptState::kBuilt: return endUnreleased(run);
      case KeptState::kRunning: return adopt(run, kept);
    }
  }

  // Whose it is and what it may do stood in a log that cannot be trusted. What it does is not known either, so it does
  // nothing; whether it ends is a person's decision, and its launcher keeps it until then. Only an admin may see it.
  void holdUnknown(const KeptRun& kept) {
    if (kept.state != KeptState::kRunning) return;
    const std::string why = "the log cannot be trusted, and what this run is stood there";
    deciding_.record(kept.run, RunAdmitted{.name = "unknown", .priority = kept.priority, .detached = true});
    deciding_.record(kept.run, RunAdopted{kept.initPid, kept.pid});
    deciding_.atOnce(FreezeGroup{kept.run, kept.priority, true, Extent::kAgent});
    difference(kept.run, why, "held it");
    deciding_.record(kept.run, RunFrozen{0, why, std::nullopt, SelfHeld::kRestart});
  }

  void removeStray(const KeptRun& kept, bool known) {
    // Its end is in the log already and the launcher was not told: no difference, only a message that got lost.
    if (!known || kept.state != KeptState::kEnded) {
      deciding_.tellLauncher(0, sandbox::Abandon{kept.run});
      deciding_.atOnce(KillGroup{kept.run, kept.priority});
      deciding_.atOnce(RemoveGroup{kept.run, kept.priority});
      difference(
          kept.run,
          known ? "the launcher has it alive, the log says ended" : "the launcher has a run that the log does not know",
          "killed it");
    }
    deciding_.tellLauncher(ready_, sandbox::Forget{kept.run});
  }

  void recordEnd(const Run& run, const KeptRun& kept) {
    std::string note = "ended while the daemon was away";
    if (!kept.note.empty()) note += "; " + kept.note;
    if (kept.outOfMemory) note = noteOfMemory(run, finalUsage(kept.usage), std::move(note));
    const std::uint64_t seq = supervisor::recordEnd(deciding_, run,
                                                    RunEnded{.exit = kept.exit,
                                                             .outOfMemory = kept.outOfMemory,
                                                             .note = noteOfEnd(run, std::move(note)),
                                                             .usage = finalUsage(kept.usage),
                                                             .later = laterOf(run)});
    deciding_.tellLauncher(seq, sandbox::Forget{run.id});
  }

  // Built and not released: whoever asked for it had no answer and may be gone, so it must not begin now.
  void endUnreleased(const Run& run) {
    deciding_.tellLauncher(0, sandbox::Abandon{run.id});
    deciding_.atOnce(KillGroup{run.id, run.what.priority});
    deciding_.atOnce(RemoveGroup{run.id, run.what.priority});
    difference(run.id, "it was built and never released before the restart", "ended it before it began");
    const std::uint64_t seq = deciding_.record(
        run.id, RunRefused{.token = "restart",
                           .message = "the daemon or the launcher restarted while it was being started",
                           .exitCode = 125});
    deciding_.tellLauncher(seq, sandbox::Forget{run.id});
  }

  void adopt(const Run& run, const KeptRun& kept) {
    if (std::holds_alternative<Requested>(run.life)) {
      difference(run.id, "it runs, and the reading of its walls was lost in the restart", "adopted it");
    }
    if (commandPid(run.life) == 0) deciding_.record(run.id, RunStarted{kept.pid});
    const std::uint64_t seq = deciding_.record(run.id, RunAdopted{kept.initPid, kept.pid});
    if (std::holds_alternative<Frozen>(run.life)) return keepFrozen(run);
    if (const auto* stopping = std::get_if<Stopping>(&run.life)) return goOnStopping(run, *stopping, seq);
    if (command_.frozenGroups && command_.frozenGroups->contains(run.id)) {
      // Somebody froze it and the record was lost. It stays held until a person says otherwise.
      difference(run.id, "the kernel holds it frozen, the log says running", "left it frozen");
      deciding_.record(run.id, RunFrozen{0, "found frozen after a restart", std::nullopt, SelfHeld::kRestart});
    }
  }

  void keepFrozen(const Run& run) {
    const bool isStopped = std::get<Frozen>(run.life).itself == SelfHeld::kEmergencyStop;
    if (isStopped)
      deciding_.atOnce(FreezeGroup{run.id, run.what.priority, true});
    else
      holdAgent(deciding_, run);
    if (command_.frozenGroups && !command_.frozenGroups->contains(run.id)) {
      difference(run.id, "the log says frozen, the kernel had it running", "froze it again");
    }
  }

  // The timer died with the daemon.
  void goOnStopping(const Run& run, const Stopping& stopping, std::uint64_t seq) {
    if (stopping.killed)
      deciding_.atOnce(KillGroup{run.id, run.what.priority});
    else
      deciding_.tellLauncher(0, sandbox::SignalRun{run.id, static_cast<int>(stopMethodOf(run).signal)});
    if (stopping.wasFrozen && !stopping.killed) letGoOf(deciding_, run, seq);
    deciding_.atOnce(ArmTimer{run.id, kStopGrace});  // Some of its time went by.
  }

  void difference(const RunId& run, std::string what, std::string action) {
    deciding_.record(run, DifferenceFound{std::move(what), std::move(action)});
  }

  Deciding& deciding_;
  const LauncherConnected& command_;
  std::uint64_t ready_ = 0;
};

}  // namespace

void decideLauncherConnected(Deciding& deciding, const LauncherConnected& command) {
  Reconciling(deciding, command).run();
}

void decideDaemonBegan(Deciding& deciding, const DaemonBegan& command, const Context& context) {
  deciding.record({}, DaemonStarted{command.version, command.kernel});
  if (deciding.state().bootId.empty() || deciding.state().bootId == context.bootId) return;
  for (const auto& [id, run] : deciding.state().runs) {
    if (!isLive(run)) continue;
    deciding.record(id, DifferenceFound{"it was " + std::string(lifeName(run.life)) + " when the machine went down",
                                        "recorded it as ended"});
    // How long it lived on its last day was told by a clock that is no more.
    deciding.record(id, RunEnded{.exit = {},
                                 .outOfMemory = false,
                                 .note = noteOfEnd(run, "the machine was restarted"),
                                 .usage = {},
                                 .later = laterOf(run)});
  }
}

}  // namespace ringfence::supervisor
