#include "supervisor/api/details.h"

#include "policy/words.h"
#include "sdk/base/money.h"

namespace ringfence::supervisor::api {

namespace {

std::optional<double> dollars(const std::optional<std::uint64_t>& microUsd) {
  if (!microUsd) return std::nullopt;
  return static_cast<double>(*microUsd) / static_cast<double>(kMicroUsd);
}

}  // namespace

ExitReport exitReportOf(const RunEnded& end) {
  return {end.exit.code, end.exit.signal, end.outOfMemory, end.note, end.later};
}

std::vector<Weakening> weakenedOf(const std::vector<sandbox::Weakening>& weakened) {
  std::vector<Weakening> shown;
  for (const sandbox::Weakening& one : weakened) shown.push_back({sandbox::wallName(one.wall), one.reason});
  return shown;
}

void addTraffic(const Run& run, UsageReading& usage) {
  if (run.talk.traffic.empty()) return;
  std::uint64_t sent = 0, received = 0;
  for (const sandbox::HostTraffic& host : run.talk.traffic) {
    sent += host.sentBytes;
    received += host.receivedBytes;
  }
  usage.networkSentBytes = sent;
  usage.networkReceivedBytes = received;
}

UsageReading usageOf(const Run& run, const UsageReading& live) {
  const auto* ended = std::get_if<EndedState>(&run.life);
  if (ended == nullptr) return live;
  const FinalUsage& last = ended->usage;
  UsageReading usage;
  usage.cpuUsec = last.cpuUsec;
  usage.memoryPeakBytes = last.memoryPeakBytes;
  usage.ioReadBytes = last.ioReadBytes;
  usage.ioWriteBytes = last.ioWriteBytes;
  addTraffic(run, usage);
  addSpent(run, usage);
  return usage;
}

void addSpent(const Run& run, UsageReading& usage) {
  const Spent spent = spentOf(run);
  usage.tokens = spent.tokens;
  usage.costUsd = dollars(spent.costMicroUsd);
  usage.costEstimated = spent.estimated && spent.costMicroUsd;
  usage.costIncomplete = spent.incomplete;
}

std::vector<BudgetLine> budgetLinesOf(const std::vector<Budget>& budgets) {
  std::vector<BudgetLine> lines;
  for (const Budget& budget : budgets) {
    const bool isMoney = budget.kind == BudgetKind::kCost || budget.kind == BudgetKind::kCostPerDay;
    const double unit = isMoney ? static_cast<double>(kMicroUsd) : 1;
    BudgetLine& line = lines.emplace_back();
    line.limit = nameOf(budget.kind);
    if (budget.used) line.used = static_cast<double>(*budget.used) / unit;
    line.edge = static_cast<double>(budget.edge) / unit;
    line.warnAt = static_cast<double>(budget.warnAt) / unit;
    line.day = budget.day;
    line.state = isReached(budget) ? "reached" : budget.used.value_or(0) >= budget.warnAt ? "near" : "below";
  }
  return lines;
}

std::vector<DaySpendingLine> spendingLinesOf(const std::vector<DaySpending>& spendings, const Peer& peer) {
  std::vector<DaySpendingLine> lines;
  for (const DaySpending& one : spendings) {
    if (!maySee(peer, one.uid)) continue;
    lines.push_back({.uid = one.uid,
                     .policy = one.policy,
                     .day = one.day,
                     .tokens = one.tokens,
                     .costUsd = dollars(one.costMicroUsd),
                     .costEstimated = one.estimated,
                     .costIncomplete = one.incomplete,
                     .prompts = one.prompts,
                     .wallTimeMs = one.wallTimeMs});
  }
  return lines;
}

namespace {

HeldBy heldOf(const Frozen& frozen) {
  HeldBy held{frozen.preemption.has_value(),    frozen.byUid, frozen.reason.value_or(""),
              formatRfc3339(frozen.since.wall), "person",     ""};
  if (frozen.itself)
    held.by = *frozen.itself == SelfHeld::kEmergencyStop ? "emergency stop" : std::string(nameOf(*frozen.itself));
  if (frozen.preemption) {
    held.by = "governor";
    held.cause = nameOf(frozen.preemption->cause);
  }
  return held;
}

}  // namespace

RunDetails detailsOf(const Run& run, const UsageReading& usage, Detail detail) {
  RunDetails shown;
  shown.id = run.id.text();
  shown.name = run.what.name;
  shown.state = lifeName(run.life);
  shown.priority = policy::wordOf(run.what.priority);
  if (const auto* frozen = std::get_if<Frozen>(&run.life)) shown.held = heldOf(*frozen);
  shown.uid = run.what.uid;
  shown.callerUid = run.what.callerUid;
  shown.pid = commandPid(run.life);
  shown.command = run.what.command;
  shown.workspace = run.what.workspace;
  shown.policyName = run.what.policyName;
  shown.policyHash = run.what.policyHash;
  if (const auto file = termsOf(run).policyFile) {
    shown.policyFile = file->path;
    shown.policyFileSha256 = file->sha256;
  }
  if (const auto adapter = termsOf(run).adapter) shown.adapter = adapter->name;
  shown.started = formatRfc3339(run.admittedAt.wall);
  shown.weakened = weakenedOf(run.what.weakened);
  shown.usage = usageOf(run, usage);
  if (const auto* ended = std::get_if<EndedState>(&run.life)) {
    shown.exit = exitReportOf({.exit = ended->exit,
                               .outOfMemory = ended->outOfMemory,
                               .note = ended->note,
                               .usage = {},
                               .later = ended->later});
    shown.ended = formatRfc3339(ended->at.wall);
    shown.token = ended->token;
  }
  for (const SeenAlarm& seen : run.alarms)
    shown.alarms.push_back({std::string(nameOf(seen.alarm.kind)), seen.alarm.reason, formatRfc3339(seen.at.wall)});
  for (const SeenLimit& seen : run.limits)
    shown.limitsReached.push_back({seen.limit.limit, seen.limit.reason, formatRfc3339(seen.at.wall)});
  if (detail == Detail::kShort) {
    shorten(shown.command);
    return shown;
  }
  for (const sandbox::WallReading& wall : run.posture) {
    shown.walls.push_back(
        {sandbox::wallName(wall.wall), wall.wanted, wall.got, wall.probed ? "probe" : "read", wall.up});
  }
  for (const sandbox::Note& note : run.notes) shown.notes.push_back(note.text);
  return shown;
}

}  // namespace ringfence::supervisor::api
