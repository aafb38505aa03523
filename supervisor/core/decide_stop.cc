// The emergency stop. The kernel holds everything already when it is heard of: here it is made so that nothing goes on
// by itself, and that who waits is told.
#include <algorithm>
#include <cerrno>

#include "supervisor/core/deciding.h"
#include "supervisor/core/latch.h"
#include "supervisor/core/login.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

bool isHeldByStop(const Run& run) {
  const auto* frozen = std::get_if<Frozen>(&run.life);
  return frozen != nullptr && frozen->itself == SelfHeld::kEmergencyStop;
}

std::string reasonOf(const std::string& trigger) { return "emergency stop: " + trigger; }

// Beside the hold of its whole branch, so that it stays held when that ends. With its guards: nobody acts for it.
void hold(Deciding& deciding, const Run& run, const EmergencyStopped& stop) {
  deciding.atOnce(FreezeGroup{run.id, run.what.priority, true});
  deciding.atOnce(CutConnections{run.id, run.what.priority});
  dropLeases(deciding, run);
  settleQuestionsOf(deciding, run.id, Settled::kStopped, "emergency stop");
  if (isHeldByStop(run) || std::holds_alternative<Stopping>(run.life)) return;
  deciding.record(run.id, RunFrozen{stop.uid.value_or(0), boundedReason(reasonOf(stop.trigger)), std::nullopt,
                                    SelfHeld::kEmergencyStop});
}

// Whoever asked for one that has not begun waits for its beginning, and a half-built one is nothing to go on with.
void endOne(Deciding& deciding, const Run& run, std::uint32_t byUid, const std::string& trigger) {
  const StopKind kind = commandPid(run.life) != 0 ? StopKind::kKill : StopKind::kLatched;
  stopRun(deciding, run, kind, byUid, reasonOf(trigger));
}

void stopOne(Deciding& deciding, const Run& run, const EmergencyStopped& stop) {
  const std::uint32_t owner = run.what.callerUid;
  if (isKilledBy(stop, owner)) {
    // Its owner ended it, whoever had stopped everything.
    return endOne(deciding, run, stop.killed.value_or(false) ? stop.uid.value_or(0) : owner, stop.trigger);
  }
  if (commandPid(run.life) == 0) return endOne(deciding, run, stop.uid.value_or(0), stop.trigger);
  hold(deciding, run, stop);
}

}  // namespace

bool isKilledBy(const EmergencyStopped& stop, std::uint32_t owner) {
  return stop.killed.value_or(false) ||
         (stop.killedOf && std::ranges::find(*stop.killedOf, owner) != stop.killedOf->end());
}

std::string describe(const Latch& latch) {
  return "the emergency stop is latched since " + formatRfc3339(latch.at.wall) + " (" + latch.stop.trigger + ")";
}

Error refusedByLatch(const Latch& latch) {
  return {ErrorCode::kUnavailable,
          describe(latch) + (latch.rearmedBy ? " and is being re-armed; try again in a moment"
                                             : ": nothing starts and nothing is resumed until 'ringfence rearm'"),
          ECANCELED};
}

bool isRefusedByLatch(const Error& error) {
  return error.code == ErrorCode::kUnavailable && error.sysErrno == ECANCELED;
}

bool mayRearm(const State& state, const Peer& peer) {
  if (peer.uid == 0 || peer.admin) return true;
  if (!state.latch) return false;
  const Latch& latch = *state.latch;
  const auto isOther = [&](std::uint32_t uid) { return uid != peer.uid; };
  if (std::ranges::any_of(latch.owners, isOther)) return false;
  bool hasRuns = false, othersHave = false;
  for (const auto& [id, run] : state.runs) {
    // A latch that an older version kept does not say whom it met.
    if (isLive(run) && isOther(run.what.callerUid)) return false;
    (isOther(run.what.callerUid) ? othersHave : hasRuns) = true;
  }
  if (!latch.owners.empty() || latch.closedBy == peer.uid) return true;
  if (latch.closedBy || latch.stop.uid) return false;
  return peer.login == Login::kAtSeat || (hasRuns && !othersHave);
}

void decideStopHeard(Deciding& deciding, const StopHeard& command) {
  const auto& latch = deciding.state().latch;
  const bool kills = command.stop.killed.value_or(false) || command.stop.killedOf;
  // Any user may stop, again and again: what changes nothing is not written.
  if (latch && !latch->rearmedBy && !kills) return;
  EmergencyStopped stop = command.stop;
  stop.trigger = boundedReason(stop.trigger);
  deciding.record({}, stop);
  for (const auto& [id, run] : deciding.state().runs) {
    if (isLive(run)) stopOne(deciding, run, stop);
  }
}

// That everything is stopped is said, and recorded, when it was read back.
void decideStopKills(Deciding& deciding, const StopKills& command) {
  const std::string trigger = boundedReason(command.trigger);
  for (const auto& [id, run] : deciding.state().runs) {
    const bool isMeant = !command.of || *command.of == run.what.callerUid;
    if (isLive(run) && isMeant) endOne(deciding, run, command.uid.value_or(0), trigger);
  }
}

Result<void> decideRearm(Deciding& deciding, const RearmStop& command) {
  if (!deciding.state().latch)
    return Error{ErrorCode::kInvalid, "the emergency stop is not latched: there is nothing to re-arm"};
  if (!mayRearm(deciding.state(), command.peer)) {
    return Error{
        ErrorCode::kDenied,
        "this emergency stop met runs of others, or is not of yours alone: root or a member of ringfence-admin "
        "may re-arm it"};
  }
  RF_TRY(requireLogin(command.peer));
  deciding.after(deciding.record({}, Rearmed{command.peer.uid}), ReleaseLatch{});
  return {};
}

void decideLatchOpened(Deciding& deciding) {
  const auto& latch = deciding.state().latch;
  if (latch && latch->rearmedBy) deciding.record({}, LatchReleased{});
}

}  // namespace ringfence::supervisor
