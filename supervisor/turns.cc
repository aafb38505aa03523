#include "supervisor/turns.h"

#include <algorithm>

#include "supervisor/calendar.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

// Nothing begins whose end was ordered while its admission was on the way to the disk.
bool mayBegin(const State& state, const RunId& run) {
  const Run* live = findLive(state, run);
  return !state.latch && live != nullptr && !std::holds_alternative<Stopping>(live->life);
}

}  // namespace

// Whatever was decided before the emergency stop and waited for the disk: nothing goes on while it is latched.
Result<void> Turns::perform(const EffectBody& effect) {
  const auto* message = std::get_if<SendToLauncher>(&effect);
  const auto* release = message != nullptr ? std::get_if<sandbox::Release>(&message->request) : nullptr;
  if (release != nullptr && !supervisor::mayBegin(state_, release->run)) return {};
  const auto* group = std::get_if<FreezeGroup>(&effect);
  if (group != nullptr && !group->frozen && state_.latch) return {};
  return performer_.perform(effect);
}

// What would begin, go on or be allowed, and could not be recorded. (What the governor lets go it proposes again.)
Result<void> Turns::mayBegin(const Command& command) const {
  if (!storeFailure()) return {};
  const auto refused = [&](const std::string& consequence) {
    return Error{ErrorCode::kUnavailable,
                 "the log cannot be written (" + storeFailure()->message + "): " + consequence + " until it can"};
  };
  if (std::holds_alternative<AdmitRun>(command)) return refused("nothing is started");
  if (const auto* resume = std::get_if<ResumeRun>(&command)) return refused(resume->run.text() + " stays frozen");
  if (std::holds_alternative<ReportUsage>(command)) return refused("nothing that is reported is counted");
  const auto* governed = std::get_if<PreemptRun>(&command);
  if (governed != nullptr && governed->step == PreemptStep::kResume)
    return refused(governed->run.text() + " stays frozen");
  const auto* answer = std::get_if<AnswerCard>(&command);
  if (answer != nullptr && answer->verdict != CardVerdict::kDeny)
    return refused("nothing is allowed, and question " + std::to_string(answer->id) + " stays open");
  return {};
}

bool Turns::isLettingGo(const RunId& run) const {
  return std::ranges::any_of(held_, [&](const HeldEffect& effect) {
    const auto* freeze = std::get_if<FreezeGroup>(&effect.body);
    return freeze != nullptr && !freeze->frozen && freeze->run == run;
  });
}

Context Turns::context() const {
  const Now now = clock_.now();
  return {now, bootId_, localToday(now.wall)};
}

Result<Outcome> Turns::submit(const Command& command) {
  RF_TRY(mayBegin(command));
  Decision decision = RF_TRY(decide(state_, command, context()));
  auto queued = store_.queue(decision.facts);
  Outcome outcome;
  for (Effect& effect : decision.effects) {
    const bool isLauncherMessage = std::holds_alternative<SendToLauncher>(effect.body);
    if (effect.afterSeq > durableSeq_) {
      if (queued) held_.push_back({effect.afterSeq, std::move(effect.body)});
      continue;
    }
    if (!queued && isLauncherMessage) continue;  // A launch that cannot be recorded does not happen.
    auto performed = perform(effect.body);
    if (!performed) outcome.failures.push_back(std::move(performed).error());
  }
  if (!queued) return std::move(queued).error().with("recording it");
  for (Fact& fact : decision.facts) {
    outcome.lastSeq = fact.seq;
    state_ = evolve(std::move(state_), fact);
    unpublished_.push_back(std::move(fact));
  }
  if (!decision.facts.empty()) store_.begin();  // After the launcher has its message: both may want one processor.
  return outcome;
}

Turns::Released Turns::release() {
  Released released;
  const Progress progress = store_.progress();
  progress_ = progress;
  durableSeq_ = std::max(durableSeq_, progress.durableSeq);
  if (progress.failure && !storeFailure_) released.storeFailed = progress.failure;
  storeFailure_ = progress.failure;
  while (!unpublished_.empty() && unpublished_.front().seq <= durableSeq_) {
    released.facts.push_back(std::move(unpublished_.front()));
    unpublished_.pop_front();
  }
  // Effects of one fact keep their order; one that waits for a later fact does not hold back those of an earlier one.
  std::deque<HeldEffect> waiting;
  for (HeldEffect& effect : held_) {
    if (effect.afterSeq > durableSeq_) {
      waiting.push_back(std::move(effect));
      continue;
    }
    auto performed = perform(effect.body);
    if (!performed) released.failures.push_back(std::move(performed).error());
  }
  held_ = std::move(waiting);
  return released;
}

Result<void> Turns::tend() {
  if (storeFailure_) return {};
  RF_TRY(tendLog(store_, state_, progress_, Context{clock_.now(), bootId_}));
  progress_.retirable.reset();
  return {};
}

}  // namespace ringfence::supervisor
