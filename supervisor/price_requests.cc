// What an interruption of a run would cost now.
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"
#include "supervisor/told_prices.h"

namespace ringfence::supervisor {
namespace {

std::string wallTextOf(Microseconds boottime, const Now& now) {
  return formatRfc3339(now.wall + (boottime - now.boottime));
}

api::Price tell(const ToldPrice& told, const Now& now) {
  api::Price price{.seconds = told.price.seconds,
                   .tokens = told.tokens,
                   .workCpuSeconds = told.workCpuSeconds,
                   .forbidden = told.price.forbidden,
                   .why = told.price.why,
                   .cheaperAfter = {}};
  if (told.price.cheaperAfter) price.cheaperAfter = wallTextOf(*told.price.cheaperAfter, now);
  return price;
}

}  // namespace

void Requests::on(Asker asker, const api::AskPrice& request) {
  auto found = findRun(world_.turns.state(), peerOf(asker), request.run);
  if (!found) return refuse(asker, found.error());
  const Run& run = **found;
  if (!isLive(run)) return refuse(asker, {ErrorCode::kInvalid, describe(run) + " has ended: nothing interrupts it"});
  const auto prices = pricesOf(world_.steering, run.id, request.hold);
  if (!prices) return refuse(asker, prices.error());
  const Now now = prices->at;
  api::PriceAnswer priced{run.id.text(), run.what.name, request.hold, {}, {}, {}, {}, {}};
  priced.freeze = tell(prices->freeze, now);
  priced.freezeAndReclaim = tell(prices->freezeAndReclaim, now);
  priced.kill = tell(prices->kill, now);
  if (prices->known.safePoint) priced.safePoint = wallTextOf(*prices->known.safePoint, now);
  priced.activity = activityName(prices->known.activity);
  answer(asker, priced);
}

}  // namespace ringfence::supervisor
