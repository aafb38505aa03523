#include "supervisor/steering.h"

#include <algorithm>
#include <utility>

#include "supervisor/calendar.h"
#include "supervisor/core/budgets.h"
#include "supervisor/core/lookup.h"
#include "supervisor/governor_convert.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kCalm{1'000'000};  // between readings while nothing is near
// Twice what the fastest growing agents that were seen (3 GB/s) take in that time.
constexpr Bytes kPlenty = gibibytes(6);
constexpr Microseconds kFar{250'000};  // while they work, and still nobody comes near an end
constexpr std::uint64_t kStillUsec = 1000;
constexpr Microseconds kSampleEvery{1'000'000};
constexpr Microseconds kNewFor{2'000'000};
constexpr Microseconds kFullEvery{2'000'000};  // what asks firmware
constexpr Microseconds kForegroundEvery{1'000'000};

std::optional<Bytes> bytes(std::optional<std::uint64_t> count) {
  return count ? std::optional(Bytes{*count}) : std::nullopt;
}

const RunBounds* boundsOf(const Run& run) {
  return run.what.terms && run.what.terms->bounds ? &*run.what.terms->bounds : nullptr;
}

bool runsOrIsHeld(const Run& run) {
  return std::holds_alternative<Running>(run.life) || std::holds_alternative<Frozen>(run.life);
}

// Whatever they do, a second is early enough to see that memory runs out, and each uses less than that part of its own.
bool isFarFromAnyEnd(const governor::Signals& signals, std::uint64_t part) {
  const std::optional<Bytes> available = signals.device.memoryAvailable;
  if (!available || *available < kPlenty) return false;
  return std::ranges::all_of(signals.runs, [&](const governor::RunSignals& run) {
    return !run.limits.memory || (run.memoryBytes && *run.memoryBytes < run.limits.memory->count / part);
  });
}

// What is bounded in bytes a second is looked at as often as the governor wants.
Microseconds leastPause(const governor::Signals& signals) {
  const bool anyWritesBounded = std::ranges::any_of(
      signals.runs, [](const governor::RunSignals& run) { return run.limits.fileWritesPerSec.has_value(); });
  return isFarFromAnyEnd(signals, 4) && !anyWritesBounded ? kFar : Microseconds{0};
}

}  // namespace

Steering::Steering(World world, governor::GovernorSettings settings)
    : world_(std::move(world)),
      live_(world_.turns),
      settings_(settings),
      governor_(settings),
      alarms_({}),
      processors_({.ticker = world_.ticker,
                   .submit = [this](const ReserveProcessors& command) { submit(command); },
                   .report = world_.report},
                  settings.reserveProcessors),
      beganAt_(world_.clock.now().boottime) {
  if (world_.roots != nullptr) {
    meter_.emplace(*world_.roots);
    locks_.emplace(*world_.roots);
  }
  if (world_.cgroups == nullptr) return;
  canReclaim_ = world_.cgroups->canReclaim();
  std::vector<std::string> ours = world_.cgroups->ownGroups();
  if (!world_.ownGroup.empty()) ours.push_back(world_.ownGroup);
  if (auto top = world_.cgroups->unifiedTop()) foreground_.emplace(*std::move(top), std::move(ours));
}

void Steering::submit(const Command& command) {
  auto outcome = world_.turns.submit(command);
  world_.report(outcome ? outcome->failures : std::vector<Error>{outcome.error()});
}

// ---- when

std::optional<Microseconds> Steering::nextWake() const {
  if (!meter_ || world_.cgroups == nullptr) return std::nullopt;
  const bool anyRuns = std::ranges::any_of(live_.all(), [](const Run* run) { return runsOrIsHeld(*run); });
  if (!anyRuns) return std::nullopt;
  return next_.value_or(world_.clock.now().boottime);
}

void Steering::wake() {
  const auto due = nextWake();
  const Now now = world_.clock.now();
  if (!due) {
    next_.reset();
    processors_.rest();
    forgetEnded();
  }
  if (!due || *due > now.boottime) return;
  lookForRuns();
  signals_ = read(now);
  processors_.tick(now.boottime, signals_, foregroundSeen_);
  costs_.observe(signals_);
  for (const InterruptionCost& cost : interruptions_.tick(signals_, costs_)) submit(cost);
  for (const governor::Proposal& proposal : governor_.tick(asTold(), costs_)) propose(proposal);
  if (!nextSample_ || now.boottime >= *nextSample_) {
    nextSample_ = now.boottime + kSampleEvery;
    keepSamples(now);
    for (const governor::Alarm& alarm : alarms_.tick(signals_))
      submit(AlarmFound{alarm.run, kindOf(alarm.kind), alarm.reason, !waitedFor_.contains(alarm.run)});
    lookForSilence(now);
    for (governor::LimitSeen& one : limits_.tick(signals_))
      submit(LimitFound{one.run, std::move(one.limit), std::move(one.reason), std::move(one.tellAgent),
                        one.isNear ? std::optional(LimitEdge::kSoft) : std::nullopt});
  }
  const Microseconds wanted = std::min(governor_.nextTick(signals_).value_or(kCalm), kCalm);
  const Microseconds next = now.boottime + (isCalm() ? kCalm : std::max(wanted, leastPause(signals_)));
  next_ = std::min(next, std::max(governor_.nextAnnounced().value_or(next), now.boottime));
}

// Accelerators are read less often than the rest. What was told already would count as a time in which they did
// nothing.
governor::Signals Steering::asTold() {
  governor::Signals told = signals_;
  if (std::exchange(acceleratorsTold_, world_.accelerators.readAt()) != world_.accelerators.readAt()) return told;
  told.device.foregroundNpuBusyUsec.reset();
  told.device.foregroundGpuBusyUsec.reset();
  for (governor::RunSignals& run : told.runs) {
    run.npuBusyUsec.reset();
    run.gpuBusyUsec.reset();
  }
  return told;
}

// Nobody has done anything since the last reading, or is held, and none is near an end.
bool Steering::isCalm() const {
  return isFarFromAnyEnd(signals_, 2) && std::ranges::all_of(signals_.runs, [&](const governor::RunSignals& run) {
           const auto before = watched_.at(run.run).meter.cpuBefore();
           return run.hold != governor::Hold::kNone || (before && run.cpuUsec && *run.cpuUsec - *before < kStillUsec);
         });
}

// ---- reading

// Their meters hold the files of their groups open.
void Steering::forgetEnded() {
  const State& state = world_.turns.state();
  std::erase_if(watched_, [&](const auto& entry) { return findLive(state, entry.first) == nullptr; });
}

void Steering::lookForRuns() {
  forgetEnded();
  for (const Run* run : live_.all()) {
    if (!runsOrIsHeld(*run) || watched_.contains(run->id)) continue;
    // What one wrote that ran before this daemon is not held against it.
    const bool isNew = world_.clock.now().boottime - run->admittedAt.boottime < kNewFor;
    auto meter = RunMeter::open(*world_.cgroups, *run, isNew ? std::optional<std::uint64_t>(0) : std::nullopt);
    if (meter) watched_.emplace(run->id, Watched{*std::move(meter), {}});
  }
}

// What asks firmware, and where to look for the person's programs.
void Steering::readFullDevice(const Now& now) {
  nextFull_ = now.boottime + kFullEvery;
  device_ = meter_->read(Depth::kFull);
  deviceAt_ = now.boottime;
  if (settings_.pauseWhenHot) tooHot_ = readTooHot(*world_.roots).value_or(false);
  if (foreground_) foreground_->look();
  noteLocks();
}

governor::DeviceSignals Steering::deviceSignals(const Now& now) {
  governor::DeviceSignals signals;
  signals.at = now;
  signals.cpus = device_.cpus.value_or(1);
  signals.memoryTotal = bytes(device_.memoryTotalBytes);
  signals.memoryAvailable = bytes(device_.memoryAvailableBytes);
  signals.swapFree = bytes(device_.swapFreeBytes);
  if (device_.battery) {
    signals.batteryPercent = device_.battery->percent;
    signals.onBattery = device_.battery->discharging;
  }
  signals.foregroundNpuBusyUsec = world_.accelerators.othersUsec(AccelKind::kNpu);
  signals.foregroundGpuBusyUsec = world_.accelerators.othersUsec(AccelKind::kGpu);
  signals.tooHot = tooHot_;
  if (settings_.quietHours) signals.minuteOfDay = localMinute(now.wall);
  signals.canReclaim = canReclaim_;
  foregroundSeen_.reset();
  // Between two readings it is absent: the same number again would say that nobody waited.
  if (foreground_ && (!nextForeground_ || now.boottime >= *nextForeground_)) {
    nextForeground_ = now.boottime + kForegroundEvery;
    foregroundSeen_ = foreground_->read();
    signals.foregroundMemoryStallUsec = foregroundSeen_->memoryUsec;
    signals.foregroundIoStallUsec = foregroundSeen_->ioUsec;
  }
  return signals;
}

governor::Signals Steering::read(const Now& now) {
  const bool full = !nextFull_ || now.boottime >= *nextFull_;
  if (full) {
    readFullDevice(now);
  } else {
    DeviceReading reading = meter_->read(Depth::kQuick);
    reading.energy = device_.energy;
    reading.battery = device_.battery;
    reading.ioReadBytes = device_.ioReadBytes;
    reading.ioWriteBytes = device_.ioWriteBytes;
    device_ = std::move(reading);
  }
  governor::Signals signals;
  signals.device = deviceSignals(now);
  today_ = localToday(now.wall);
  for (auto& [id, watched] : watched_) {
    const Run& run = world_.turns.state().runs.at(id);
    watched.meter.read(
        {.depth = full ? Depth::kFull : Depth::kQuick, .notDisks = meter_->notDisks(), .now = now.boottime});
    readProcesses(run, watched, now);
    signals.runs.push_back(signalsOf(run, watched));
    noteActivity(now, watched.activity, signals.runs.back());
  }
  return signals;
}

// Who waits for another agent does not count: two of them could keep each other from being held.
void Steering::noteLocks() {
  waitedFor_.clear();
  const auto waits = locks_->waits();
  if (!waits || waits->empty()) return;
  std::map<int, RunId> agents;
  for (const auto& [id, watched] : watched_) {
    const auto processes = watched.meter.processes();
    if (!processes) continue;
    for (const int pid : *processes) agents.emplace(pid, id);
  }
  for (const LockWait& wait : *waits) {
    const auto holder = agents.find(wait.holder);
    if (holder != agents.end() && !agents.contains(wait.waiter)) waitedFor_.insert(holder->second);
  }
}

void Steering::noteActivity(const Now& now, RunActivity& activity, governor::RunSignals& signals) const {
  activity.note(world_.network(signals.run), signals.cpuUsec, signals.hold, now.boottime);
  signals.activity = activity.activity();
  noteClaims(activity, signals);
}

// What it says, beside what was seen of it.
void Steering::noteClaims(const RunActivity& activity, governor::RunSignals& signals) const {
  signals.criticalUntil = world_.agents.criticalUntil(signals.run);
  signals.criticalRedo = world_.agents.criticalRedo(signals.run);
  signals.readyAt = world_.agents.readyAt(signals.run);
  const auto& safePoint = activity.safePoint();
  if (safePoint) {
    signals.safePoint = safePoint->at;
    signals.cpuUsecAtSafePoint = safePoint->cpuUsec;
  }
  // An agent knows better than whoever looks at its connections.
  const SafePoint* own = world_.agents.safePoint(signals.run);
  if (own == nullptr || (safePoint && safePoint->at > own->at)) return;
  signals.safePoint = own->at;
  signals.cpuUsecAtSafePoint = activity.cpuUsecAt(own->at);
  signals.tokensAtSafePoint = own->tokens;
  // What was done before an end of a turn that was seen is not lost, whatever it says.
  signals.redoAtSafePoint = safePoint ? std::min(own->redo, own->at - safePoint->at) : own->redo;
}

// Where what they write is bounded, at every reading; else as often as alarms are looked for.
void Steering::readProcesses(const Run& run, Watched& watched, const Now& now) const {
  const bool isDue = !nextSample_ || now.boottime >= *nextSample_;
  const RunBounds* bounds = boundsOf(run);
  if (!isDue && !(bounds != nullptr && bounds->fileWriteBytesPerSec)) return;
  watched.meter.readProcesses(*world_.cgroups, world_.roots->proc.get(), run,
                              isDue ? RunMeter::Extent::kAll : RunMeter::Extent::kWrites, now.boottime);
}

void Steering::noteBudgets(const Run& run, governor::RunSignals& signals) const {
  signals.tokens = tokensOf(run);
  for (const Budget& budget : budgetsOf(world_.turns.state(), run, world_.clock.now(), today_)) {
    switch (budget.kind) {
      case BudgetKind::kTokens: signals.limits.tokens = budget.edge; break;
      case BudgetKind::kTokensPerDay:
        signals.limits.tokensPerDay = budget.edge;
        signals.tokensToday = budget.used;
        break;
      case BudgetKind::kCost:
        signals.limits.costMicroUsd = budget.edge;
        signals.costMicroUsd = budget.used;
        break;
      case BudgetKind::kCostPerDay:
        signals.limits.costPerDayMicroUsd = budget.edge;
        signals.costTodayMicroUsd = budget.used;
        break;
      case BudgetKind::kWallTime:
        signals.limits.wallTime = std::chrono::seconds(budget.edge);
        signals.limits.wallTimeWarnAt = std::chrono::seconds(budget.warnAt);
        break;
      case BudgetKind::kWallTimePerDay:
        signals.limits.wallTimePerDay = std::chrono::seconds(budget.edge);
        signals.limits.wallTimePerDayWarnAt = std::chrono::seconds(budget.warnAt);
        if (budget.used) signals.wallTimeToday = std::chrono::seconds(*budget.used);
        break;
      case BudgetKind::kPrompts:
      case BudgetKind::kPromptsPerDay: break;  // Where it is asked is where that ends.
    }
  }
}

governor::RunSignals Steering::signalsOf(const Run& run, const Watched& watched) const {
  const GroupReading& reading = watched.meter.last();
  governor::RunSignals signals;
  signals.run = run.id;
  signals.name = run.what.name;
  signals.priority = classOf(run.what.priority);
  if (const auto* frozen = std::get_if<Frozen>(&run.life)) {
    // What an alarm holds, a person lets go.
    const bool isOurs = frozen->preemption && frozen->preemption->cause != PreemptCause::kAlarm;
    signals.hold = isOurs ? governor::Hold::kByGovernor : governor::Hold::kByOther;
    signals.heldSince = frozen->since.boottime;
  }
  signals.started = run.admittedAt.boottime;
  signals.callsCanWait = run.talk.egress.pid != 0;
  signals.limits = limitsOf(run);
  noteBudgets(run, signals);
  signals.cpuUsec = reading.cpuUsec;
  signals.memoryBytes = reading.memoryBytes;
  signals.memoryPeakBytes = reading.memoryPeakBytes;
  signals.swapBytes = reading.swapBytes;
  signals.pids = reading.pids;
  signals.anonymousBytes = reading.anonymousBytes;
  signals.anonymousRepeated = reading.anonymousRepeated;
  // Shared memory, too, only swap can take back.
  if (signals.anonymousBytes) *signals.anonymousBytes += reading.sharedBytes.value_or(0);
  signals.ioReadBytes = reading.ioReadBytes;
  signals.ioWriteBytes = reading.ioWriteBytes;
  signals.refaults = reading.refaults;
  signals.writeLimit = run.writeLimit;
  signals.npuBusyUsec = world_.accelerators.busyUsec(run.id, AccelKind::kNpu);
  signals.gpuBusyUsec = world_.accelerators.busyUsec(run.id, AccelKind::kGpu);
  signals.acceleratorBytes = world_.accelerators.memoryBytes(run.id);
  signals.holdsForeignLock = waitedFor_.contains(run.id);
  const RunBounds* bounds = boundsOf(run);
  if (bounds != nullptr && bounds->preemptGraceSec.value_or(0) > 0 && world_.agents.hearsPauses(run.id))
    signals.pauseNotice = std::chrono::seconds(*bounds->preemptGraceSec);
  if (const auto& io = watched.meter.io()) {
    signals.readByCalls = io->readByCalls;
    signals.writtenByCalls = io->writtenByCalls;
    signals.fileBytesWritten = watched.meter.written();
  }
  // Behind the wall all that leaves goes through the egress, which tells what it carried within a minute.
  const bool isWalled = std::ranges::none_of(
      run.what.weakened, [](const sandbox::Weakening& one) { return one.wall == sandbox::Wall::kNet; });
  if (isWalled) {
    signals.networkBytes = 0;
    for (const sandbox::HostTraffic& host : run.talk.traffic)
      *signals.networkBytes += host.sentBytes + host.receivedBytes;
  }
  const auto& events = watched.meter.events();
  signals.pidsRefused = events.pidsRefused;
  signals.cpuPeriods = events.cpuPeriods;
  signals.cpuPeriodsHeld = events.cpuPeriodsHeld;
  signals.outOfMemoryKills = events.outOfMemoryKills;
  return signals;
}

const DeviceReading* Steering::lookAtDevice(Microseconds freshFor) {
  if (!meter_) return nullptr;
  const Microseconds now = world_.clock.now().boottime;
  if (!deviceAt_ || now - *deviceAt_ > freshFor) {
    device_ = meter_->read(Depth::kFull);
    deviceAt_ = now;
  }
  return &device_;
}

std::optional<GroupReading> Steering::lookAt(const RunId& run) {
  if (!meter_ || world_.cgroups == nullptr) return std::nullopt;
  lookForRuns();
  const auto found = watched_.find(run);
  if (found == watched_.end()) return std::nullopt;
  (void)lookAtDevice();  // It knows which devices are no disks.
  return found->second.meter.readAll(meter_->notDisks());
}

void Steering::keepSamples(const Now& now) {
  std::vector<Sample> samples;
  for (const auto& [id, watched] : watched_) {
    const GroupReading& last = watched.meter.last();
    samples.push_back({.run = id,
                       .wall = now.wall,
                       .cpuUsec = last.cpuUsec,
                       .memoryBytes = last.memoryBytes,
                       .pids = last.pids,
                       .ioReadBytes = last.ioReadBytes,
                       .ioWriteBytes = last.ioWriteBytes});
  }
  world_.keep(std::move(samples));
}

// An agent whose adapter gave it a hook that is not heard.
void Steering::lookForSilence(const Now& now) {
  std::vector<governor::HookSigns> all;
  for (const auto& [id, watched] : watched_) {
    const Run& run = world_.turns.state().runs.at(id);
    if (!run.what.terms || !run.what.terms->adapter) continue;
    const AdapterTerms* adapter = &*run.what.terms->adapter;
    if (adapter->speaks.empty() || adapter->silentAfterSec == 0) continue;
    const HookWord* word = world_.agents.hookWord(id);
    const RunActivity::Told network = world_.network(id);
    governor::HookSigns signs{.run = id,
                              .silentAfter = std::chrono::seconds(adapter->silentAfterSec),
                              .sawItBegin = run.admittedAt.boottime >= beganAt_,
                              .isHeld = !std::holds_alternative<Running>(run.life),
                              .heardAt = {},
                              .cpuUsec = watched.meter.last().cpuUsec,
                              .answers = {},
                              .started = watched.meter.started()};
    if (word != nullptr) signs.heardAt = word->at.boottime;
    if (network.network != RunActivity::Network::kUnknown) signs.answers = network.turns;
    all.push_back(std::move(signs));
  }
  for (const governor::HookSilence& silence : hooks_.tick(all, now.boottime))
    submit(AlarmFound{silence.run, AlarmKind::kHookSilent, silence.reason, !waitedFor_.contains(silence.run)});
}

// ---- acting

void Steering::propose(const governor::Proposal& proposal) {
  if (proposal.step == governor::Step::kAnnounce || proposal.step == governor::Step::kWithdraw)
    return world_.announce(proposal);
  // Nothing goes on that cannot be recorded; it is proposed again.
  if (proposal.step == governor::Step::kResume && world_.turns.storeFailure()) return;
  PreemptRun command{
      .run = proposal.run, .step = stepOf(proposal.step), .cause = causeOf(proposal.cause), .reason = proposal.reason};
  if (proposal.reclaim) command.bytes = proposal.reclaim->count;
  if (proposal.bytesPerSec) command.bytes = proposal.bytesPerSec;
  command.limit = proposal.limit;
  command.tellAgent = proposal.tellAgent;
  if (proposal.predicted) command.predicted = stored(*proposal.predicted, proposal.predicted->why);
  submit(command);
}

void Steering::published(const Fact& fact) {
  if (const auto* held = std::get_if<ConnectionsHeld>(&fact.body)) interruptions_.told(fact.run, held->report);
  // Also a hold that is over before the next reading would be.
  if (std::holds_alternative<RunFrozen>(fact.body)) hurry();
  if (std::holds_alternative<RunStarted>(fact.body) || std::holds_alternative<RunResumed>(fact.body)) noteGoing(fact);
  learnKill(fact);
  if (!std::holds_alternative<RunEnded>(fact.body)) return;
  costs_.forget(fact.run);
  const Run* run = findKnown(world_.turns.state(), fact.run);
  if (run == nullptr) return;
  const Microseconds lived = fact.at.boottime - run->admittedAt.boottime;
  if (auto alarm = alarms_.ended(fact.run, run->what.name, lived, fact.at.boottime))
    submit(AlarmFound{alarm->run, kindOf(alarm->kind), alarm->reason});
}

// Without a reading: the governor would act on it, and whoever was let go would be held again before anybody saw it
// run.
void Steering::noteGoing(const Fact& fact) {
  const Run* run = findKnown(world_.turns.state(), fact.run);
  if (run != nullptr && classOf(run->what.priority) != governor::RunClass::kInteractive)
    processors_.wentOn(world_.clock.now().boottime);
}

// Its counters outlive its processes, up to its end.
void Steering::learnKill(const Fact& fact) {
  const auto* stopping = std::get_if<RunStopping>(&fact.body);
  std::optional<governor::RunSignals> last = stopping != nullptr && stopping->kill ? signalsOf(fact.run) : std::nullopt;
  if (last) {
    if (const auto reading = lookAt(fact.run)) last->cpuUsec = reading->cpuUsec;
    interruptions_.killed(*last, costs_, fact.at.boottime);
  }
  if (!std::holds_alternative<RunEnded>(fact.body)) return;
  if (const auto cost = interruptions_.ended(fact.run)) submit(*cost);
}

std::optional<governor::RunSignals> Steering::signalsOf(const RunId& run) const {
  const auto found = std::ranges::find(signals_.runs, run, &governor::RunSignals::run);
  const auto watched = watched_.find(run);
  if (found == signals_.runs.end() || watched == watched_.end()) return std::nullopt;
  governor::RunSignals signals = *found;
  // With what its egress has said since the last reading: a turn may have ended.
  RunActivity activity = watched->second.activity;
  noteActivity(now(), activity, signals);
  return signals;
}

Result<governor::Price> Steering::priceOf(const RunId& run, governor::Interruption interruption,
                                          Microseconds hold) const {
  const auto signals = signalsOf(run);
  if (!signals)
    return Error{ErrorCode::kNotFound, "nothing was read of " + run.text() + " yet; try again in a second", 0};
  return costs_.predict(*signals, interruption, hold, world_.clock.now().boottime);
}

}  // namespace ringfence::supervisor
