#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "supervisor/core/budgets.h"
#include "supervisor/core/evolve_actions.h"
#include "supervisor/core/lookup.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kLongestGrace = std::chrono::hours(24 * 366);

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
// Clang before 17 does not deduce this by itself.
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

struct Pids {
  std::int32_t init = 0;
  std::int32_t command = 0;
};

Pids pidsOf(const LifeState& life) {
  return std::visit(Overloaded{
                        [](const Requested&) { return Pids{}; },
                        [](const Starting& s) {
                          return Pids{s.initPid, 0};
                        },
                        [](const Running& s) {
                          return Pids{s.initPid, s.pid};
                        },
                        [](const Frozen& s) {
                          return Pids{s.initPid, s.pid};
                        },
                        [](const Stopping& s) {
                          return Pids{s.initPid, s.pid};
                        },
                        [](const EndedState&) { return Pids{}; },
                    },
                    life);
}

// What a shell would report; a status that nobody saw counts as a failure.
int exitCodeOf(const sandbox::ExitStatus& exit) {
  if (exit.code) return *exit.code;
  if (exit.signal) return 128 + *exit.signal;
  return 1;
}

void addReported(State& state, Run& run, const UsageReported& body) {
  const Spent before = spentOf(run);
  addUsage(run.reported, body.models);
  if (body.day) addSpending(state, run, *body.day, before, spentOf(run));
  ReportedUsage& all = *run.reported;
  all.recentIds.insert(all.recentIds.end(), body.ids.begin(), body.ids.end());
  if (all.recentIds.size() > kMaxReportIds)
    all.recentIds.erase(all.recentIds.begin(), all.recentIds.end() - static_cast<std::ptrdiff_t>(kMaxReportIds));
}

void addSeen(State& state, Run& run, const UsageSeen& body) {
  const Spent before = spentOf(run);
  addUsage(run.seen, body.models);
  if (body.day) addSpending(state, run, *body.day, before, spentOf(run));
}

void forgetPause(State& state, const RunId& run) {
  std::erase_if(state.pausing, [&](const Pausing& pausing) { return pausing.run == run; });
}

void end(State& state, Run& run, EndedState ended) {
  forgetPause(state, run.id);
  shorten(run.what.command);  // A thousand ended runs must not hold a thousand long commands in memory.
  endConversation(state, run, ended.at);
  run.alarms.clear();
  if (run.reported) run.reported->recentIds.clear();
  run.life = std::move(ended);
  state.ended.push_back(run.id);
  if (state.ended.size() <= kMaxEndedRuns) return;
  state.runs.erase(state.ended.front());
  state.ended.erase(state.ended.begin());
}

void adopt(Run& run, const RunAdopted& body) {
  const auto begin = [&] {
    if (body.pid != 0)
      run.life = Running{body.initPid, body.pid};
    else
      run.life = Starting{body.initPid};
  };
  std::visit(Overloaded{
                 [&](const Requested&) { begin(); },
                 [&](const Starting&) { begin(); },
                 [](const EndedState&) {},
                 [&](auto other) {
                   other.initPid = body.initPid;
                   if (body.pid != 0) other.pid = body.pid;
                   run.life = std::move(other);
                 },
             },
             LifeState(run.life));
}

void stop(Run& run, const RunStopping& body, const Now& at) {
  if (auto* stopping = std::get_if<Stopping>(&run.life)) {
    stopping->killed = stopping->killed || body.kill;
    if (body.latched) stopping->latched = body.latched;
    return;
  }
  const Pids pids = pidsOf(run.life);
  run.life = Stopping{pids.init, pids.command, at, body.kill, std::holds_alternative<Frozen>(run.life), body.latched};
}

void start(Run& run, const RunStarted& body) {
  if (auto* stopping = std::get_if<Stopping>(&run.life)) {
    stopping->pid = body.pid;
  } else if (std::holds_alternative<Requested>(run.life) || std::holds_alternative<Starting>(run.life)) {
    run.life = Running{pidsOf(run.life).init, body.pid};
  }
}

void freeze(State& state, Run& run, const RunFrozen& body, const Now& at) {
  // Who lets go by itself does not stand in for the person who freezes it.
  if (!body.preemption && body.itself != SelfHeld::kNoRecords) forgetPause(state, run.id);
  if (const auto* running = std::get_if<Running>(&run.life)) {
    run.life = Frozen{running->initPid, running->pid, at, body.byUid, {}, {}, {}};
  }
  if (auto* frozen = std::get_if<Frozen>(&run.life)) {
    frozen->byUid = body.byUid;
    frozen->preemption = body.preemption;
    frozen->reason = body.reason;
    frozen->itself = body.itself;
  }
}

void resume(State& state, Run& run, const RunResumed& body) {
  if (!body.reason) forgetPause(state, run.id);
  run.talk.refused = 0;
  if (const auto* frozen = std::get_if<Frozen>(&run.life)) run.life = Running{frozen->initPid, frozen->pid};
}

// A fact about a live run. Facts of other kinds change nothing.
void evolveRun(State& state, Run& run, const Fact& fact) {
  std::visit(Overloaded{
                 [&](const RunBuilt& body) {
                   run.posture = body.posture;
                   run.notes = body.notes;
                   if (std::holds_alternative<Requested>(run.life)) run.life = Starting{body.initPid};
                   if (auto* stopping = std::get_if<Stopping>(&run.life)) stopping->initPid = body.initPid;
                 },
                 [&](const RunStarted& body) { start(run, body); },
                 [&](const RunAdopted& body) { adopt(run, body); },
                 [&](const RunPausing& body) {
                   forgetPause(state, run.id);
                   if (std::holds_alternative<Running>(run.life)) state.pausing.push_back({run.id, body, fact.at});
                 },
                 [&](const RunFrozen& body) { freeze(state, run, body, fact.at); },
                 [&](const RunResumed& body) { resume(state, run, body); },
                 [&](const UsageReported& body) { addReported(state, run, body); },
                 [&](const BudgetExtended& body) { evolveBudget(state, run, body); },
                 [&](const RunRestrained& body) {
                   if (body.step == MilderStep::kLimitWrites) run.writeLimit = body.bytes;
                 },
                 [&](const LeaseEnded&) { run.leasesDropped = true; },
                 [&](const LeaseGiven&) { run.leasesDropped.reset(); },
                 [&](const LimitReached& body) {
                   std::erase_if(run.limits, [&](const SeenLimit& seen) { return seen.limit.limit == body.limit; });
                   if (run.limits.size() < kMaxLimitsKept) run.limits.push_back({body, fact.at});
                 },
                 [&](const AlarmRaised& body) {
                   if (run.alarms.size() == kMaxAlarmsKept) run.alarms.erase(run.alarms.begin());
                   run.alarms.push_back({body, fact.at});
                 },
                 [&](const RunStopping& body) {
                   forgetPause(state, run.id);
                   stop(run, body, fact.at);
                 },
                 [&](const RunRefused& body) {
                   end(state, run,
                       {.exit = {},
                        .at = fact.at,
                        .refused = true,
                        .token = body.token,
                        .note = body.message,
                        .outOfMemory = false,
                        .usage = {},
                        .exitCode = body.exitCode});
                 },
                 [&](const RunEnded& body) {
                   if (body.ofDay) addTime(state, run, *body.ofDay);
                   end(state, run,
                       {.exit = body.exit,
                        .at = fact.at,
                        .refused = false,
                        .token = {},
                        .note = body.note,
                        .outOfMemory = body.outOfMemory,
                        .usage = body.usage,
                        .exitCode = exitCodeOf(body.exit),
                        .later = body.later});
                 },
                 [](const auto&) {},
             },
             fact.body);
}

void admit(State& state, const Fact& fact, const RunAdmitted& body) {
  if (fact.run.empty() || state.runs.contains(fact.run)) return;
  Run run;
  run.id = fact.run;
  run.admittedSeq = fact.seq;
  run.admittedAt = fact.at;
  run.what = body;
  state.runs.emplace(fact.run, std::move(run));
}

}  // namespace

FinalUsage finalUsage(const sandbox::LastReading& reading) {
  return {reading.cpuUsec, reading.memoryPeakBytes, reading.ioReadBytes, reading.ioWriteBytes, reading.outputBytes};
}

std::optional<std::uint64_t> tokensOf(const Run& run) { return spentOf(run).tokens; }

bool isLive(const Run& run) { return !std::holds_alternative<EndedState>(run.life); }

RunTerms termsOf(const Run& run) { return run.what.terms.value_or(RunTerms{}); }

const Pausing* findPausing(const State& state, const RunId& run) {
  const auto found = std::ranges::find(state.pausing, run, &Pausing::run);
  return found == state.pausing.end() ? nullptr : &*found;
}

Microseconds latestOf(const Pausing& pausing) {
  return pausing.at.boottime +
         std::min(Milliseconds(static_cast<Milliseconds::rep>(pausing.what.graceMs & INT64_MAX)), kLongestGrace);
}

std::string_view lifeName(const LifeState& life) {
  return std::visit(Overloaded{
                        [](const Requested&) { return "starting"; },
                        [](const Starting&) { return "starting"; },
                        [](const Running&) { return "running"; },
                        [](const Frozen&) { return "frozen"; },
                        [](const Stopping&) { return "stopping"; },
                        [](const EndedState&) { return "ended"; },
                    },
                    life);
}

std::int32_t commandPid(const LifeState& life) { return pidsOf(life).command; }

void shorten(std::vector<std::string>& command) {
  std::size_t left = kMaxEndedCommandBytes;
  for (auto argument = command.begin(); argument != command.end(); ++argument) {
    if (argument->size() < left) {
      left -= argument->size() + 1;
      continue;
    }
    *argument = "…";
    command.erase(argument + 1, command.end());
    return;
  }
}

State evolve(State state, const Fact& fact) {
  state.lastSeq = fact.seq;
  state.bootId = fact.bootId;
  std::visit(Overloaded{
                 // A daemon that just began is connected to nothing.
                 [&](const DaemonStarted&) { state.launcherReady = false; },
                 [&](const LauncherLost&) { state.launcherReady = false; },
                 [&](const LauncherReady&) { state.launcherReady = true; },
                 [&](const RunAdmitted& body) { admit(state, fact, body); },
                 [&](const PolicyTrusted& body) {
                   state.trusted[{body.uid, body.file}] = body.hash;
                 },
                 [&](const RecordsStopped&) { state.recordsStopped = true; },
                 [&](const RecordsResumed&) { state.recordsStopped = false; },
                 [&](const SnapshotTaken& body) { state.snapshotSeq = body.upToSeq; },
                 [&](const SegmentRetired& body) { state.retiredSeq = body.upToSeq; },
                 // An egress ends after its run, and tells then what it saw last.
                 [&](const UsageSeen& body) {
                   if (Run* run = findKnown(state, fact.run)) addSeen(state, *run, body);
                 },
                 [&](const auto& body) {
                   if constexpr (requires { evolveAction(state, fact, body); }) return evolveAction(state, fact, body);
                   if (Run* run = findLive(state, fact.run)) evolveRun(state, *run, fact);
                 },
             },
             fact.body);
  return state;
}

}  // namespace ringfence::supervisor
