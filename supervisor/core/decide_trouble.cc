// What goes wrong beneath everybody: nothing can be recorded, or another program lays hands on what holds a run.
#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
// What an agent does is to be in the log, so it does nothing meanwhile. Also said again, for those that began since.
void decideRecordsFailed(Deciding& deciding, const RecordsFailed& command) {
  const std::string reason = boundedReason(command.reason);
  if (!deciding.state().recordsStopped) deciding.record({}, RecordsStopped{command.diskFull, reason});
  for (const auto& [id, run] : deciding.state().runs) {
    if (!std::holds_alternative<Running>(run.life)) continue;
    holdAgent(deciding, run);
    deciding.record(id, RunFrozen{0, boundedReason("nothing can be recorded: " + reason), {}, SelfHeld::kNoRecords});
  }
}

void decideRecordsWork(Deciding& deciding) {
  if (!deciding.state().recordsStopped) return;
  deciding.record({}, RecordsResumed{});
  for (const auto& [id, run] : deciding.state().runs) {
    const auto* frozen = std::get_if<Frozen>(&run.life);
    if (frozen == nullptr || frozen->itself != SelfHeld::kNoRecords) continue;
    letGoOf(deciding, run, deciding.record(id, RunResumed{0, "what it does can be recorded again"}));
  }
}

void decideGroupsTouched(Deciding& deciding, const GroupsTouched& command) {
  const Run* known = findKnown(deciding.state(), command.run);
  if (known == nullptr) return;
  const Run& run = *known;
  const bool runs = std::holds_alternative<Running>(run.life);
  const bool isFrozen = std::holds_alternative<Frozen>(run.life);
  const std::string reason = boundedReason(command.reason);
  const auto raise = [&] { deciding.record(run.id, AlarmRaised{AlarmKind::kControlGroup, reason}); };
  switch (command.trouble) {
    // Its limits and every stop would pass it by. Its own pid 1 still ends all of it.
    case GroupTrouble::kMovedOut:
      if (!runs && !isFrozen) return;
      raise();
      return stopRun(deciding, run, StopKind::kKill, 0, reason);
    case GroupTrouble::kThawed:
      if (!isFrozen) return;
      holdAgent(deciding, run);
      return raise();
    // Whoever did it has a reason that nobody here knows: a person lets it go on.
    case GroupTrouble::kFrozen:
      if (!runs) return;
      holdAgent(deciding, run);
      raise();
      deciding.record(run.id, RunFrozen{0, reason, std::nullopt, SelfHeld::kAnotherProgram});
  }
}

}  // namespace ringfence::supervisor
