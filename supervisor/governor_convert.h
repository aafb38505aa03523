// What the governor and the core call the same things. Pure.
#pragma once

#include "policy/document.h"
#include "supervisor/core/command.h"
#include "supervisor/core/state.h"
#include "supervisor/governor/alarms.h"
#include "supervisor/governor/govern.h"
#include "supervisor/governor/signals.h"

namespace ringfence::supervisor {

governor::RunClass classOf(policy::PriorityClass priority);
// Budgets are not among them: where they end changes (core/budgets.h).
governor::RunLimits limitsOf(const Run& run);
// kAnnounce and kWithdraw, which are words alone, have none.
PreemptStep stepOf(governor::Step step);
PreemptCause causeOf(governor::Cause cause);
AlarmKind kindOf(governor::AlarmKind kind);

}  // namespace ringfence::supervisor
