// What happens where a budget comes near its end, and where a person lets a run go on there. That it is held at the end
// of tokens, costs and time is the governor's.
#include "supervisor/core/deciding.h"

namespace ringfence::supervisor {
namespace {

void warn(Deciding& deciding, const Run& run, const Budget& budget, std::uint64_t used) {
  std::string words = wordsOf(budget, used);
  const std::string limit(nameOf(budget.kind));
  tellOfLimit(deciding, run, limit, words + ". Come to an end before the rest is used.");
  deciding.record(run.id, LimitReached{limit, std::move(words), LimitEdge::kSoft});
}

bool isCrossed(std::uint64_t edge, std::uint64_t before, std::uint64_t after) { return before < edge && after >= edge; }

bool isOfPrompts(const Budget& budget) {
  return budget.kind == BudgetKind::kPrompts || budget.kind == BudgetKind::kPromptsPerDay;
}

std::uint64_t grown(std::uint64_t before, std::uint64_t from, std::uint64_t to) {
  return to > from ? before + (to - from) : before;
}

}  // namespace

void warnOfBudgets(Deciding& deciding, const Run& run, const Spent& after, const Context& context) {
  const Spent before = spentOf(run);
  for (Budget& budget : budgetsOf(deciding.state(), run, context.now, context.today)) {
    const bool isOfTokens = budget.kind == BudgetKind::kTokens || budget.kind == BudgetKind::kTokensPerDay;
    const bool isOfCost = budget.kind == BudgetKind::kCost || budget.kind == BudgetKind::kCostPerDay;
    if (!isOfTokens && !isOfCost) continue;
    const std::uint64_t was = budget.used.value_or(0);
    const std::uint64_t is = isOfTokens ? grown(was, before.tokens.value_or(0), after.tokens.value_or(0))
                                        : grown(was, before.costMicroUsd.value_or(0), after.costMicroUsd.value_or(0));
    budget.estimated = budget.estimated || after.estimated;
    if (isCrossed(budget.warnAt, was, is)) warn(deciding, run, budget, is);
  }
}

void warnOfPrompts(Deciding& deciding, const Run& run, const Context& context) {
  for (const Budget& budget : budgetsOf(deciding.state(), run, context.now, context.today)) {
    const std::uint64_t asked = budget.used.value_or(0);
    if (isOfPrompts(budget) && isCrossed(budget.warnAt, asked, asked + 1)) warn(deciding, run, budget, asked + 1);
  }
}

// Where it was held for a budget: whoever lets it go on after another hold was not told that one is spent. From what is
// used, so that whoever overshot the end far is not at it again at once.
void extendBudgets(Deciding& deciding, const Run& run, std::uint32_t byUid, const Context& context) {
  const auto* frozen = std::get_if<Frozen>(&run.life);
  if (frozen == nullptr) return;
  const bool isHeldForPrompts = frozen->itself == SelfHeld::kPrompts;
  if (!isHeldForPrompts && (!frozen->preemption || frozen->preemption->cause != PreemptCause::kLimit)) return;
  for (const Budget& budget : budgetsOf(deciding.state(), run, context.now, context.today)) {
    if (!isReached(budget) || (isOfPrompts(budget) && !isHeldForPrompts)) continue;
    BudgetExtended extended{.limit = std::string(nameOf(budget.kind)),
                            .byUid = byUid,
                            .more = budget.slice,
                            .upTo = *budget.used + budget.slice};
    if (!budget.day.empty()) extended.day = budget.day;
    deciding.record(run.id, std::move(extended));
  }
}

bool holdForPrompts(Deciding& deciding, const Run& run, const PromptsSpent& spent) {
  const RunBounds bounds = termsOf(run).bounds.value_or(RunBounds{});
  if (bounds.denyPrompts.value_or(false) || !std::holds_alternative<Running>(run.life)) return false;
  if (bounds.kill) {
    stopRun(deciding, run, StopKind::kKill, 0, spent.why);
    return true;
  }
  holdAgent(deciding, run);
  tellOfLimit(deciding, run, std::string(nameOf(spent.kind)),
              spent.why + ". It was paused until a person let it go on.");
  deciding.record(run.id, RunFrozen{0, spent.why, std::nullopt, SelfHeld::kPrompts});
  settleOwnQuestionsOf(deciding, run.id, "the run was paused; ask again");
  return true;
}

}  // namespace ringfence::supervisor
