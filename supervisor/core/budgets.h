// Budgets of a run: what of each is used, where it ends now, and how a person makes one longer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/core/state.h"
#include "supervisor/core/today.h"

namespace ringfence::supervisor {

enum class BudgetKind {
  kTokens,
  kTokensPerDay,
  kCost,
  kCostPerDay,
  kPrompts,
  kPromptsPerDay,
  kWallTime,
  kWallTimePerDay
};
// The key of the policy below "limits.": "tokens_per_day".
std::string_view nameOf(BudgetKind kind);

// In its own unit: tokens, millionths of a dollar, questions, seconds.
struct Budget {
  BudgetKind kind{};
  std::optional<std::uint64_t> used;  // absent: nothing is known
  std::uint64_t slice = 0;            // as the policy has it
  std::uint64_t edge = 0;             // where it ends now
  std::uint64_t warnAt = 0;
  std::string day;         // of a budget of a day; else empty
  bool estimated = false;  // of a cost: some of it
};
// Those that its policy has. While it is not known which day it is, budgets of a day have nothing used.
std::vector<Budget> budgetsOf(const State& state, const Run& run, const Now& now, const Today& today);
bool isReached(const Budget& budget);

// What models were used for: as the agent reports or as its egress saw it, whichever is more of the two sums. The same
// call may be in both and carries no name that would tell, so adding them up would count it twice.
struct Spent {
  std::optional<std::uint64_t> tokens;
  std::optional<std::uint64_t> costMicroUsd;  // told and estimated; absent: nothing of it is known
  bool estimated = false;                     // some of that
  bool incomplete = false;                    // of some tokens no cost is known
};
Spent spentOf(const std::optional<ReportedUsage>& reported, const std::optional<ReportedUsage>& seen);
Spent spentOf(const Run& run);
// Null: nothing was spent by that user under that policy on that day, as far as it is remembered.
const DaySpending* findSpending(const State& state, std::uint32_t uid, std::string_view policy, std::string_view day);
// Of a live run, on that day: since it was admitted, and since the day began at the earliest. Never less than nothing,
// whatever was done to the clock. Absent: the day is not known, or the policy.
std::optional<DayTime> timeOfDay(const Run& run, const Now& now, const Today& today);
// What was spent on that day by everybody, with the time of live runs. By no order.
std::vector<DaySpending> spendingsOfDay(const State& state, const Now& now, const Today& today);

void addUsage(std::optional<ReportedUsage>& all, const std::vector<ModelUsage>& models);
// Of a run whose sums went from `before` to `after` on that day.
void addSpending(State& state, const Run& run, const std::string& day, const Spent& before, const Spent& after);
// One question that was put to a person.
void addPrompt(State& state, Run& run, const std::optional<std::string>& day);
// Of a run that ends.
void addTime(State& state, const Run& run, const DayTime& ofDay);
void evolveBudget(State& state, Run& run, const BudgetExtended& body);

// Why it may ask a person nothing more, in words to its agent; absent: it may.
struct PromptsSpent {
  BudgetKind kind{};
  std::string why;
};
std::optional<PromptsSpent> whyNoMorePrompts(const State& state, const Run& run, const Today& today);
// Of the budget, to whoever reads the log: "it has used 800 of 1000 tokens".
std::string wordsOf(const Budget& budget, std::uint64_t used);

}  // namespace ringfence::supervisor
