// A run of the state as clients see it. Pure.
#pragma once

#include "supervisor/api/answer.h"
#include "supervisor/core/budgets.h"
#include "supervisor/core/peer.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor::api {

enum class Detail { kShort, kFull };  // kShort leaves out walls and notes: a list of many runs

// `usage` is the reading of a live run; that of an ended one is in the state and `usage` is ignored.
RunDetails detailsOf(const Run& run, const UsageReading& usage, Detail detail);
// What egress counted, as it last told. Where it told nothing, the bytes stay unknown.
void addTraffic(const Run& run, UsageReading& usage);
// What models were used for, of a run that ended too.
void addSpent(const Run& run, UsageReading& usage);
std::vector<BudgetLine> budgetLinesOf(const std::vector<Budget>& budgets);
// Of whoever's runs that peer may see.
std::vector<DaySpendingLine> spendingLinesOf(const std::vector<DaySpending>& spendings, const Peer& peer);
UsageReading usageOf(const Run& run, const UsageReading& live);
ExitReport exitReportOf(const RunEnded& end);
std::vector<Weakening> weakenedOf(const std::vector<sandbox::Weakening>& weakened);

}  // namespace ringfence::supervisor::api
