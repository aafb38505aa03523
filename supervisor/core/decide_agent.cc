// What an agent tells of its own run, and the one thing that it may do to it.
#include <algorithm>
#include <limits>
#include <set>

#include "supervisor/core/deciding.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

// Of the limit: from there on its agent and people know that it comes nearer.
constexpr double kWarnsAt = 0.8;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
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
  if (more.costMicroUsd) known->costMicroUsd = sum(known->costMicroUsd.value_or(0), *more.costMicroUsd);
  add(known->counters, more.counters);
}

// When it was not near its limit before, and is now.
void warn(Deciding& deciding, const Run& run, std::uint64_t more) {
  const std::optional<RunBounds> bounds = termsOf(run).bounds;
  if (!bounds || !bounds->tokens) return;
  const std::uint64_t limit = *bounds->tokens, before = tokensOf(run).value_or(0), now = sum(before, more);
  const double edge = kWarnsAt * static_cast<double>(limit);
  if (static_cast<double>(before) >= edge || static_cast<double>(now) < edge) return;
  const std::string used = std::to_string(now) + " of " + std::to_string(limit) + " tokens";
  tellOfLimit(deciding, run, "tokens", used + " are used. Come to an end before the rest is.");
  deciding.record(run.id, LimitReached{"tokens", "it has used " + used});
}

}  // namespace

Result<void> decideUsage(Deciding& deciding, const ReportUsage& command) {
  const auto found = deciding.state().runs.find(command.run);
  if (found == deciding.state().runs.end() || !isLive(found->second))
    return Error{ErrorCode::kNotFound, "the run is over"};
  const Run& run = found->second;
  std::set<std::string> known;
  if (run.reported) known.insert(run.reported->recentIds.begin(), run.reported->recentIds.end());
  UsageReported reported;
  std::uint64_t tokens = 0;
  for (const UsageReport& report : command.reports) {
    if (!known.insert(report.id).second) continue;
    reported.ids.push_back(report.id);
    add(reported.models, report.usage);
    tokens = sum(tokens, sum(report.usage.inputTokens, report.usage.outputTokens));
  }
  if (reported.ids.empty()) return {};
  deciding.record(run.id, std::move(reported));
  warn(deciding, run, tokens);
  return {};
}

// Waits for no disk. What would let go by itself does not then.
Result<void> decideAgentStop(Deciding& deciding, const AgentStops& command) {
  const auto found = deciding.state().runs.find(command.run);
  if (found == deciding.state().runs.end()) return Error{ErrorCode::kNotFound, "the run is over"};
  const Run& run = found->second;
  const auto* frozen = std::get_if<Frozen>(&run.life);
  const bool held = frozen != nullptr && (frozen->preemption || frozen->itself == SelfHeld::kNoRecords);
  if (!held && !std::holds_alternative<Running>(run.life))
    return Error{ErrorCode::kInvalid, "the run is " + std::string(lifeName(run.life)) + ": it cannot be stopped"};
  holdAgent(deciding, run);
  std::string why = command.why.substr(0, kMaxReasonBytes);
  deciding.record(run.id, RunFrozen{run.what.uid, "its agent asked: " + why, std::nullopt, SelfHeld::kAgent});
  settleOwnQuestionsOf(deciding, run.id, "the run was frozen; ask again");
  return {};
}

}  // namespace ringfence::supervisor
