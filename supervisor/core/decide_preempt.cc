// What the governor proposes becomes facts. It only ever lets go what it holds itself.
#include <algorithm>

#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

bool hasEgress(const Run& run) { return run.talk.egress.pid != 0; }

std::string placeOf(const Run& run, std::string_view limit) {
  const std::optional<RunBounds> bounds = termsOf(run).bounds;
  if (!bounds || !bounds->origins) return {};
  const auto found = std::ranges::find(*bounds->origins, limit, &BoundOrigin::limit);
  return found == bounds->origins->end() ? std::string() : found->place;
}

void hold(Deciding& deciding, const Run& run, const PreemptRun& command) {
  if (!std::holds_alternative<Running>(run.life)) return;
  holdAgent(deciding, run);
  tellOfLimit(deciding, run, command.limit, command.tellAgent);  // Read when it goes on, not in its last moments.
  deciding.record(run.id, RunFrozen{0, boundedReason(command.reason), Preemption{command.cause, command.predicted}});
}

void letGo(Deciding& deciding, const Run& run, const PreemptRun& command) {
  const auto* frozen = std::get_if<Frozen>(&run.life);
  if (frozen == nullptr || !frozen->preemption || frozen->preemption->cause == PreemptCause::kAlarm) return;
  letGoOf(deciding, run, deciding.record(run.id, RunResumed{0, boundedReason(command.reason)}));
}

void restrain(Deciding& deciding, const Run& run, const PreemptRun& command, MilderStep step) {
  deciding.record(run.id, RunRestrained{step, command.cause, boundedReason(command.reason), command.bytes});
  // Neither waits for the disk: like holding, they take and give nothing away.
  if (step == MilderStep::kReclaim)
    deciding.atOnce(ReclaimMemory{run.id, run.what.priority, command.bytes.value_or(0)});
  if (step != MilderStep::kLimitWrites) return;
  const std::optional<RunBounds> bounds = termsOf(run).bounds;
  const std::optional<std::uint64_t> own = bounds ? bounds->fileWriteBytesPerSec : std::nullopt;
  deciding.atOnce(LimitWrites{run.id, run.what.priority,
                              own && command.bytes ? std::min(*own, *command.bytes)
                              : own                ? own
                                                   : command.bytes});
}

// Deferring takes and gives nothing away; that it is over waits for the disk.
void deferCalls(Deciding& deciding, const Run& run, const PreemptRun& command) {
  if (!hasEgress(run)) return;  // Nobody is there to do it, so nothing is claimed.
  const bool relieved = command.cause == PreemptCause::kRelieved;
  const std::uint64_t seq = deciding.record(
      run.id, RunRestrained{MilderStep::kDeferModelCall, command.cause, boundedReason(command.reason), {}});
  deciding.after(relieved ? seq : 0, TellGuard{run.id, sandbox::GuardKind::kEgress, sandbox::DeferCalls{!relieved}});
}

}  // namespace

// As the hold that it explains does not wait: the agent finds it when it goes on.
void tellOfLimit(Deciding& deciding, const Run& run, const std::string& limit, const std::string& say) {
  if (limit.empty() || say.empty()) return;
  deciding.atOnce(TellAgent{run.id, limit, placeOf(run, limit), boundedReason(say)});
}

void holdAgent(Deciding& deciding, const Run& run) {
  deciding.atOnce(FreezeGroup{run.id, run.what.priority, true, Extent::kAgent});
  if (hasEgress(run)) deciding.atOnce(TellGuard{run.id, sandbox::GuardKind::kEgress, sandbox::RunHeld{true}});
}

void letGoOf(Deciding& deciding, const Run& run, std::uint64_t seq) {
  if (deciding.state().latch) return;
  deciding.after(seq, FreezeGroup{run.id, run.what.priority, false});
  if (hasEgress(run)) deciding.after(seq, TellGuard{run.id, sandbox::GuardKind::kEgress, sandbox::RunHeld{false}});
}

void decidePreempt(Deciding& deciding, const PreemptRun& command) {
  const Run* run = findLive(deciding.state(), command.run);
  if (run == nullptr) return;  // It ended meanwhile.
  switch (command.step) {
    case PreemptStep::kFreeze: return hold(deciding, *run, command);
    case PreemptStep::kResume: return letGo(deciding, *run, command);
    case PreemptStep::kKill: return stopRun(deciding, *run, StopKind::kKill, 0, boundedReason(command.reason));
    case PreemptStep::kReclaim: return restrain(deciding, *run, command, MilderStep::kReclaim);
    case PreemptStep::kLimitWrites: return restrain(deciding, *run, command, MilderStep::kLimitWrites);
    case PreemptStep::kDeferModelCall: return deferCalls(deciding, *run, command);
  }
}

void decideAlarm(Deciding& deciding, const AlarmFound& command) {
  const Run* run = findLive(deciding.state(), command.run);
  if (run == nullptr && command.kind != AlarmKind::kRestartLoop) return;
  deciding.record(command.run, AlarmRaised{command.kind, boundedReason(command.reason)});
  if (run == nullptr || !command.mayHold || !std::holds_alternative<Running>(run->life)) return;
  const std::optional<RunBounds> bounds = termsOf(*run).bounds;
  if (!bounds || !bounds->holdOnAlarm.value_or(false)) return;
  const std::string why = "alarm (" + std::string(nameOf(command.kind)) + "): " + command.reason;
  deciding.atOnce(FreezeGroup{run->id, run->what.priority, true, Extent::kAgent});
  tellOfLimit(deciding, *run, "on_alarm", "Paused: " + command.reason + ". Look at what does that before you go on.");
  deciding.record(run->id, RunFrozen{0, boundedReason(why), Preemption{PreemptCause::kAlarm, std::nullopt}});
}

void decideProcessors(Deciding& deciding, const ReserveProcessors& command) {
  deciding.atOnce(KeepProcessors{command.processors});
  deciding.record({}, ProcessorsReserved{command.processors, boundedReason(command.reason)});
}

void decideLimit(Deciding& deciding, const LimitFound& command) {
  const Run* run = findLive(deciding.state(), command.run);
  if (run == nullptr) return;
  tellOfLimit(deciding, *run, command.limit, command.tellAgent);
  deciding.record(run->id, LimitReached{command.limit, boundedReason(command.reason), command.edge});
}

void decideMeasured(Deciding& deciding, const InterruptionCost& command) {
  if (deciding.state().runs.contains(command.run)) deciding.record(command.run, command.measured);
}

}  // namespace ringfence::supervisor
