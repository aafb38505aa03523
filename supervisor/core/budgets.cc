#include "supervisor/core/budgets.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "sdk/base/money.h"

namespace ringfence::supervisor {
namespace {

constexpr std::array<std::string_view, 8> kNames{"tokens",  "tokens_per_day",  "cost",      "cost_per_day",
                                                 "prompts", "prompts_per_day", "wall_time", "wall_time_per_day"};
constexpr std::uint64_t kWarnsAtPercent = 80;
constexpr std::uint64_t kMicroseconds = 1'000'000;
constexpr std::uint64_t kMilliseconds = 1000;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

std::uint64_t difference(std::uint64_t after, std::uint64_t before) { return after > before ? after - before : 0; }

void add(std::optional<std::uint64_t>& to, const std::optional<std::uint64_t>& more) {
  if (more) to = sum(to.value_or(0), *more);
}

std::optional<std::uint64_t> costOf(const ReportedUsage& usage) {
  std::optional<std::uint64_t> cost = usage.costMicroUsd;
  add(cost, usage.estimatedMicroUsd);
  return cost;
}

Spent spentOf(const ReportedUsage& usage) {
  return {.tokens = sum(usage.inputTokens, usage.outputTokens),
          .costMicroUsd = costOf(usage),
          .estimated = usage.estimatedMicroUsd.has_value(),
          .incomplete = usage.unpriced.value_or(0) > 0};
}

std::optional<std::uint64_t> longerOf(const std::vector<LongerBudget>& longer, std::string_view limit) {
  const auto found = std::ranges::find(longer, limit, &LongerBudget::limit);
  return found == longer.end() ? std::nullopt : std::optional(found->upTo);
}

// Whoever warns at 80 % of a limit warns as far before its end when a person moved that.
void place(Budget& budget, std::uint64_t warnAtPercent, const std::vector<LongerBudget>* longer) {
  budget.edge = budget.slice;
  if (longer != nullptr) budget.edge = longerOf(*longer, nameOf(budget.kind)).value_or(budget.slice);
  const std::uint64_t rest = 100 - std::min<std::uint64_t>(warnAtPercent, 100);
  budget.warnAt = difference(budget.edge, budget.slice / 100 * rest + budget.slice % 100 * rest / 100);
}

DaySpending& spendingOf(State& state, std::uint32_t uid, const std::string& policy, const std::string& day) {
  std::vector<DaySpending>& all = state.spendings;
  const auto isIt = [&](const DaySpending& one) { return one.uid == uid && one.policy == policy && one.day == day; };
  const auto found = std::ranges::find_if(all, isIt);
  if (found != all.end()) {
    std::rotate(found, found + 1, all.end());
    return all.back();
  }
  // Whoever has many policies loses what is oldest of their own.
  const auto isOwn = [&](const DaySpending& one) { return one.uid == uid; };
  const auto own = static_cast<std::size_t>(std::ranges::count_if(all, isOwn));
  if (own >= kMaxSpendingsPerUser)
    all.erase(std::ranges::find_if(all, isOwn));
  else if (all.size() >= kMaxSpendings)
    all.erase(all.begin());
  DaySpending& added = all.emplace_back();
  added.uid = uid;
  added.policy = policy;
  added.day = day;
  return added;
}

std::uint64_t lived(const Run& run, const Now& now) {
  return static_cast<std::uint64_t>(std::max<Microseconds::rep>((now.boottime - run.admittedAt.boottime).count(), 0));
}

// Of all live ones that share that budget.
std::uint64_t liveMilliseconds(const State& state, const Run& like, const Now& now, const Today& today) {
  std::uint64_t all = 0;
  for (const auto& [id, run] : state.runs) {
    if (run.what.callerUid != like.what.callerUid || run.what.policyName != like.what.policyName) continue;
    if (const auto time = timeOfDay(run, now, today)) all = sum(all, time->ms);
  }
  return all;
}

void setLonger(std::vector<LongerBudget>& all, const BudgetExtended& body) {
  const auto known = std::ranges::find(all, body.limit, &LongerBudget::limit);
  if (known != all.end())
    known->upTo = body.upTo;
  else if (std::ranges::find(kNames, body.limit) != kNames.end())
    all.push_back({body.limit, body.upTo});
}

class Budgets {
 public:
  Budgets(const Run& run, const RunBounds& bounds, const DaySpending* day, const Today& today)
      : run_(run), warnAt_(bounds.warnAtPercent.value_or(kWarnsAtPercent)), day_(day), today_(today) {}

  void add(BudgetKind kind, const std::optional<std::uint64_t>& slice, std::optional<std::uint64_t> used) {
    if (slice)
      place(all_.emplace_back(Budget{.kind = kind, .used = used, .slice = *slice, .day = {}}), warnAt_, &run_.longer);
  }
  void addDaily(BudgetKind kind, const std::optional<std::uint64_t>& slice, std::optional<std::uint64_t> used) {
    if (!slice) return;
    Budget& budget = all_.emplace_back(Budget{.kind = kind, .used = used, .slice = *slice, .day = today_.day});
    place(budget, warnAt_, day_ == nullptr ? nullptr : &day_->longer);
  }
  void markEstimated() { all_.back().estimated = true; }
  std::vector<Budget> take() && { return std::move(all_); }

 private:
  const Run& run_;
  std::uint64_t warnAt_;
  const DaySpending* day_;
  const Today& today_;
  std::vector<Budget> all_;
};

}  // namespace

std::string_view nameOf(BudgetKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

bool isReached(const Budget& budget) { return budget.used && *budget.used >= budget.edge; }

Spent spentOf(const std::optional<ReportedUsage>& reported, const std::optional<ReportedUsage>& seen) {
  if (!reported && !seen) return {};
  if (!seen) return spentOf(*reported);
  if (!reported) return spentOf(*seen);
  const Spent told = spentOf(*reported), read = spentOf(*seen);
  const Spent& dearer =
      read.costMicroUsd.value_or(0) > told.costMicroUsd.value_or(0) || !told.costMicroUsd ? read : told;
  const Spent& larger = *read.tokens > *told.tokens ? read : told;
  return {.tokens = larger.tokens,
          .costMicroUsd = dearer.costMicroUsd,
          .estimated = dearer.estimated,
          .incomplete = dearer.incomplete || larger.incomplete};
}

Spent spentOf(const Run& run) { return spentOf(run.reported, run.seen); }

const DaySpending* findSpending(const State& state, std::uint32_t uid, std::string_view policy, std::string_view day) {
  const auto found = std::ranges::find_if(state.spendings, [&](const DaySpending& one) {
    return one.uid == uid && one.policy == policy && one.day == day;
  });
  return found == state.spendings.end() ? nullptr : &*found;
}

std::optional<DayTime> timeOfDay(const Run& run, const Now& now, const Today& today) {
  if (!isLive(run) || today.day.empty() || run.what.policyName.empty()) return std::nullopt;
  const auto ofDay = static_cast<std::uint64_t>(std::max<Microseconds::rep>(today.passed.count(), 0));
  return DayTime{today.day, std::min(lived(run, now), ofDay) / kMilliseconds};
}

std::vector<DaySpending> spendingsOfDay(const State& state, const Now& now, const Today& today) {
  std::vector<DaySpending> all;
  std::ranges::copy_if(state.spendings, std::back_inserter(all),
                       [&](const DaySpending& one) { return one.day == today.day; });
  for (const auto& entry : state.runs) {
    const Run& run = entry.second;  // Clang before 16 captures no structured binding.
    const auto time = timeOfDay(run, now, today);
    if (!time) continue;
    auto found = std::ranges::find_if(all, [&](const DaySpending& one) {
      return one.uid == run.what.callerUid && one.policy == run.what.policyName;
    });
    if (found == all.end()) {
      found = all.emplace(all.end());
      found->uid = run.what.callerUid;
      found->policy = run.what.policyName;
      found->day = today.day;
    }
    add(found->wallTimeMs, time->ms);
  }
  return all;
}

std::vector<Budget> budgetsOf(const State& state, const Run& run, const Now& now, const Today& today) {
  if (!run.what.terms || !run.what.terms->bounds) return {};
  const RunBounds* bounds = &*run.what.terms->bounds;  // Asked for at every look of the governor.
  const DaySpending* day =
      today.day.empty() ? nullptr : findSpending(state, run.what.callerUid, run.what.policyName, today.day);
  const Spent spent = spentOf(run);
  Budgets all(run, *bounds, day, today);
  all.add(BudgetKind::kTokens, bounds->tokens, spent.tokens);
  all.addDaily(BudgetKind::kTokensPerDay, bounds->tokensPerDay, day == nullptr ? std::nullopt : day->tokens);
  all.add(BudgetKind::kCost, bounds->costMicroUsd, spent.costMicroUsd);
  if (bounds->costMicroUsd && spent.estimated) all.markEstimated();
  all.addDaily(BudgetKind::kCostPerDay, bounds->costPerDayMicroUsd, day == nullptr ? std::nullopt : day->costMicroUsd);
  if (bounds->costPerDayMicroUsd && day != nullptr && day->estimated) all.markEstimated();
  all.add(BudgetKind::kPrompts, bounds->prompts, run.asked.value_or(0));
  // Each question and each end is counted here, so that none is none.
  const auto counted = [&](const std::optional<std::uint64_t> DaySpending::*of) {
    return day == nullptr ? 0 : (day->*of).value_or(0);
  };
  const auto ifKnown = [&](std::uint64_t used) { return today.day.empty() ? std::nullopt : std::optional(used); };
  all.addDaily(BudgetKind::kPromptsPerDay, bounds->promptsPerDay, ifKnown(counted(&DaySpending::prompts)));
  all.add(BudgetKind::kWallTime, bounds->wallTimeSec, lived(run, now) / kMicroseconds);
  if (bounds->wallTimePerDaySec) {
    const std::uint64_t ms = sum(counted(&DaySpending::wallTimeMs), liveMilliseconds(state, run, now, today));
    all.addDaily(BudgetKind::kWallTimePerDay, bounds->wallTimePerDaySec, ifKnown(ms / kMilliseconds));
  }
  return std::move(all).take();
}

void addUsage(std::optional<ReportedUsage>& all, const std::vector<ModelUsage>& models) {
  if (!all) all.emplace();
  for (const ModelUsage& one : models) {
    all->reports = sum(all->reports, one.reports);
    all->inputTokens = sum(all->inputTokens, one.inputTokens);
    all->outputTokens = sum(all->outputTokens, one.outputTokens);
    add(all->costMicroUsd, one.costMicroUsd);
    add(all->estimatedMicroUsd, one.estimatedMicroUsd);
    add(all->unpriced, one.unpriced);
  }
}

void addSpending(State& state, const Run& run, const std::string& day, const Spent& before, const Spent& after) {
  DaySpending& spending = spendingOf(state, run.what.callerUid, run.what.policyName, day);
  add(spending.tokens, difference(after.tokens.value_or(0), before.tokens.value_or(0)));
  if (after.costMicroUsd) add(spending.costMicroUsd, difference(*after.costMicroUsd, before.costMicroUsd.value_or(0)));
  spending.estimated = spending.estimated || after.estimated;
  spending.incomplete = spending.incomplete || after.incomplete;
}

void addPrompt(State& state, Run& run, const std::optional<std::string>& day) {
  if (termsOf(run).unattended) return;
  add(run.asked, 1);
  if (day) add(spendingOf(state, run.what.callerUid, run.what.policyName, *day).prompts, 1);
}

void addTime(State& state, const Run& run, const DayTime& ofDay) {
  add(spendingOf(state, run.what.callerUid, run.what.policyName, ofDay.day).wallTimeMs, ofDay.ms);
}

void evolveBudget(State& state, Run& run, const BudgetExtended& body) {
  if (!body.day) return setLonger(run.longer, body);
  setLonger(spendingOf(state, run.what.callerUid, run.what.policyName, *body.day).longer, body);
}

std::optional<PromptsSpent> whyNoMorePrompts(const State& state, const Run& run, const Today& today) {
  if (!run.what.terms || !run.what.terms->bounds || run.what.terms->unattended) return std::nullopt;
  const RunBounds& bounds = *run.what.terms->bounds;
  if (bounds.prompts) {
    const std::uint64_t most = longerOf(run.longer, nameOf(BudgetKind::kPrompts)).value_or(*bounds.prompts);
    if (run.asked.value_or(0) >= most)
      return PromptsSpent{BudgetKind::kPrompts,
                          "the run has asked " + std::to_string(*run.asked) + " times, as often as it may"};
  }
  if (!bounds.promptsPerDay || today.day.empty()) return std::nullopt;
  const DaySpending* day = findSpending(state, run.what.callerUid, run.what.policyName, today.day);
  if (day == nullptr) return std::nullopt;
  const std::uint64_t most = longerOf(day->longer, nameOf(BudgetKind::kPromptsPerDay)).value_or(*bounds.promptsPerDay);
  if (day->prompts.value_or(0) < most) return std::nullopt;
  return PromptsSpent{BudgetKind::kPromptsPerDay, "runs of its policy have asked " + std::to_string(*day->prompts) +
                                                      " times today, as often as they may"};
}

std::string wordsOf(const Budget& budget, std::uint64_t used) {
  const std::string part = std::to_string(used) + " of " + std::to_string(budget.edge);
  const std::string dollars =
      dollarsText(used) + " of " + dollarsText(budget.edge) + (budget.estimated ? " (an estimate by list prices)" : "");
  switch (budget.kind) {
    case BudgetKind::kTokens: return "it has used " + part + " tokens";
    case BudgetKind::kTokensPerDay: return "runs of its policy have used " + part + " tokens today";
    case BudgetKind::kCost: return "it has cost " + dollars;
    case BudgetKind::kCostPerDay: return "runs of its policy have cost " + dollars + " today";
    case BudgetKind::kPrompts: return "it has asked " + part + " questions";
    case BudgetKind::kPromptsPerDay: return "runs of its policy have asked " + part + " questions today";
    case BudgetKind::kWallTime: return "it has run for " + part + " seconds";
    case BudgetKind::kWallTimePerDay: return "runs of its policy have run for " + part + " seconds today";
  }
  return part;
}

}  // namespace ringfence::supervisor
