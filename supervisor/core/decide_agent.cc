// What an agent tells of its own run, and the one thing that it may do to it.
#include <algorithm>
#include <limits>
#include <set>

#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/reason.h"

namespace ringfence::supervisor {
namespace {

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

void add(std::optional<std::uint64_t>& to, const std::optional<std::uint64_t>& more) {
  if (more) to = sum(to.value_or(0), *more);
}

void add(std::vector<NamedCount>& counters, const std::vector<NamedCount>& more) {
  for (const NamedCount& one : more) {
    const auto known = std::ranges::find(counters, one.name, &NamedCount::name);
    if (known == counters.end())
      counters.push_back(one);
    else
      known->count = sum(known->count, one.count);
  }
}

void add(std::vector<ModelUsage>& models, const ModelUsage& more) {
  const auto known = std::ranges::find(models, more.model, &ModelUsage::model);
  if (known == models.end()) {
    models.push_back(more);
    return;
  }
  known->reports += more.reports;
  known->inputTokens = sum(known->inputTokens, more.inputTokens);
  known->outputTokens = sum(known->outputTokens, more.outputTokens);
  add(known->costMicroUsd, more.costMicroUsd);
  add(known->estimatedMicroUsd, more.estimatedMicroUsd);
  add(known->unpriced, more.unpriced);
  add(known->counters, more.counters);
}

}  // namespace

Result<void> decideUsage(Deciding& deciding, const ReportUsage& command, const Context& context) {
  const Run* live = findLive(deciding.state(), command.run);
  if (live == nullptr) return Error{ErrorCode::kNotFound, "the run is over"};
  const Run& run = *live;
  std::set<std::string> known;
  if (run.reported) known.insert(run.reported->recentIds.begin(), run.reported->recentIds.end());
  UsageReported reported{.ids = {}, .models = {}, .day = context.today.known()};
  for (const UsageReport& report : command.reports) {
    if (!known.insert(report.id).second) continue;
    reported.ids.push_back(report.id);
    add(reported.models, report.usage);
  }
  if (reported.ids.empty()) return {};
  std::optional<ReportedUsage> all = run.reported;
  addUsage(all, reported.models);
  deciding.record(run.id, std::move(reported));
  warnOfBudgets(deciding, run, spentOf(all, run.seen), context);
  return {};
}

void decideAnswers(Deciding& deciding, const CountAnswers& command, const Context& context) {
  const Run* known = findKnown(deciding.state(), command.run);
  if (known == nullptr) return;
  const Run& run = *known;
  UsageSeen seen{.models = {command.usage}, .day = context.today.known()};
  std::optional<ReportedUsage> all = run.seen;
  addUsage(all, seen.models);
  deciding.record(run.id, std::move(seen));
  // What it saw last it tells when its run is over.
  if (isLive(run)) warnOfBudgets(deciding, run, spentOf(run.reported, all), context);
}

// What would let go by itself; not what only a person lets go of, for a reason that must not be lost.
bool isHeldForNow(const Frozen* frozen) {
  if (frozen == nullptr) return false;
  if (!frozen->preemption) return frozen->itself == SelfHeld::kNoRecords;
  return frozen->preemption->cause != PreemptCause::kAlarm && frozen->preemption->cause != PreemptCause::kLimit;
}

// Waits for no disk. What would let go by itself does not then.
Result<void> decideAgentStop(Deciding& deciding, const AgentStops& command) {
  const Run* known = findKnown(deciding.state(), command.run);
  if (known == nullptr) return Error{ErrorCode::kNotFound, "the run is over"};
  const Run& run = *known;
  if (!isHeldForNow(std::get_if<Frozen>(&run.life)) && !std::holds_alternative<Running>(run.life))
    return Error{ErrorCode::kInvalid, "the run is " + std::string(lifeName(run.life)) + ": it cannot be stopped"};
  holdAgent(deciding, run);
  std::string why = boundedReason(command.why);
  deciding.record(run.id, RunFrozen{run.what.uid, "its agent asked: " + why, std::nullopt, SelfHeld::kAgent});
  settleOwnQuestionsOf(deciding, run.id, "the run was frozen; ask again");
  return {};
}

}  // namespace ringfence::supervisor
