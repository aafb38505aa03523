// What an interruption of a run would cost now.
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

std::string wallTextOf(Microseconds boottime, const Now& now) {
  return formatRfc3339(now.wall + (boottime - now.boottime));
}

// The model counts what it was not told as nothing. Who asks is told that it is not known.
api::Price tell(const governor::Price& price, const governor::RunSignals& known, governor::Interruption interruption,
                const Now& now) {
  api::Price told{.seconds = price.seconds,
                  .tokens = {},
                  .workCpuSeconds = {},
                  .forbidden = price.forbidden,
                  .why = price.why,
                  .cheaperAfter = {}};
  const bool loses = interruption == governor::Interruption::kKill;
  if (known.tokens) told.tokens = price.tokens;
  if (!loses || known.cpuUsec) told.workCpuSeconds = price.workCpuSeconds;
  if (price.cheaperAfter) told.cheaperAfter = wallTextOf(*price.cheaperAfter, now);
  return told;
}

std::string activityName(governor::Activity activity) {
  switch (activity) {
    case governor::Activity::kWaitingForPerson: return "waiting-for-person";
    case governor::Activity::kWaitingForModel: return "waiting-for-model";
    case governor::Activity::kStreaming: return "streaming";
    case governor::Activity::kToolRunning: return "tool-running";
    case governor::Activity::kUnknown: break;
  }
  return {};
}

}  // namespace

void Requests::on(Asker asker, const api::AskPrice& request) {
  auto found = findRun(world_.turns.state(), peerOf(asker), request.run);
  if (!found) return refuse(asker, found.error());
  const Run& run = **found;
  if (!isLive(run)) return refuse(asker, {ErrorCode::kInvalid, describe(run) + " has ended: nothing interrupts it"});
  const Now now = world_.clock.now();
  api::PriceAnswer priced{run.id.text(), run.what.name, request.hold, {}, {}, {}, {}, {}};
  const std::pair<governor::Interruption, api::Price*> wanted[] = {
      {governor::Interruption::kFreeze, &priced.freeze},
      {governor::Interruption::kFreezeAndReclaim, &priced.freezeAndReclaim},
      {governor::Interruption::kKill, &priced.kill},
  };
  for (const auto& [interruption, told] : wanted) {
    auto price = world_.steering.priceOf(run.id, interruption, request.hold);
    if (!price) return refuse(asker, price.error());
    *told = tell(*price, *world_.steering.signalsOf(run.id), interruption, now);
  }
  const governor::RunSignals& known = *world_.steering.signalsOf(run.id);
  if (known.safePoint) priced.safePoint = wallTextOf(*known.safePoint, now);
  priced.activity = activityName(known.activity);
  answer(asker, priced);
}

}  // namespace ringfence::supervisor
