#include "supervisor/governor/limit_watch.h"

#include <algorithm>

#include "supervisor/governor/govern.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr Microseconds kYoung{5'000'000};
constexpr Microseconds kBetween{60'000'000};
constexpr Microseconds kProcessorBetween{600'000'000};
constexpr Microseconds kProcessorWindow{10'000'000};
// Of its periods in the window: who is held in fewer has its time late, not too little of it.
constexpr double kHeldShare = 0.5;
constexpr std::uint64_t kLeastPeriods = 20;

std::string times(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

bool isTimeNear(const RunSignals& run, Microseconds now) {
  return run.limits.wallTime && run.limits.wallTimeWarnAt && now - run.started >= *run.limits.wallTimeWarnAt;
}

bool isDayNear(const RunSignals& run) {
  return run.limits.wallTimePerDay && run.limits.wallTimePerDayWarnAt && run.wallTimeToday &&
         *run.wallTimeToday >= *run.limits.wallTimePerDayWarnAt;
}

// Whom a person gave more time is told again, near the new end, and so is everybody on the next day.
bool isToBeTold(bool isNear, const std::optional<Microseconds>& end, std::optional<Microseconds>& told) {
  if (!isNear) told.reset();
  if (!isNear || told == end) return false;
  told = end;
  return true;
}

}  // namespace

// How many more than were told, when it is time to tell.
std::optional<std::uint64_t> LimitWatch::more(Counted& counted, std::optional<std::uint64_t> count, Microseconds now) {
  if (!count || *count <= counted.told || (counted.at && now - *counted.at < kBetween)) return std::nullopt;
  const std::uint64_t found = *count - counted.told;
  counted = {*count, now};
  return found;
}

void LimitWatch::lookAtProcessor(Watched& watched, const RunSignals& run, Microseconds now,
                                 std::vector<LimitSeen>& seen) {
  if (!run.limits.cpuPercent || !run.cpuPeriods || !run.cpuPeriodsHeld) return watched.began.reset();
  if (!watched.began || *run.cpuPeriods < watched.began->all || *run.cpuPeriodsHeld < watched.began->held) {
    watched.began = {*run.cpuPeriods, *run.cpuPeriodsHeld, now};
    return;
  }
  if (now - watched.began->since < kProcessorWindow) return;
  const std::uint64_t all = *run.cpuPeriods - watched.began->all, held = *run.cpuPeriodsHeld - watched.began->held;
  watched.began = {*run.cpuPeriods, *run.cpuPeriodsHeld, now};
  if (all < kLeastPeriods || static_cast<double>(held) < kHeldShare * static_cast<double>(all)) return;
  if (watched.processorTold && now - *watched.processorTold < kProcessorBetween) return;
  watched.processorTold = now;
  const std::string limit = std::to_string(*run.limits.cpuPercent) + " % of one processor";
  seen.push_back({run.run, "cpu",
                  "it wanted more than " + limit + " in " +
                      numberWords(100 * static_cast<double>(held) / static_cast<double>(all), 0) + " % of the time",
                  limit + " is all that there is for you; run fewer things at once"});
}

std::vector<LimitSeen> LimitWatch::tick(const Signals& signals) {
  const Microseconds now = signals.device.at.boottime;
  std::vector<LimitSeen> seen;
  std::erase_if(watched_, [&](const auto& entry) {
    return std::ranges::find(signals.runs, entry.first, &RunSignals::run) == signals.runs.end();
  });
  for (const RunSignals& run : signals.runs) {
    const auto [entry, isNew] = watched_.try_emplace(run.run);
    Watched& watched = entry->second;
    if (isNew && now - run.started > kYoung) {
      // Of one that ran before this daemon: what was counted then was told then.
      watched.pids.told = run.pidsRefused.value_or(0);
      watched.memory.told = run.outOfMemoryKills.value_or(0);
      if (isTimeNear(run, now)) watched.timeTold = run.limits.wallTime;
      if (isDayNear(run)) watched.dayTold = run.limits.wallTimePerDay;
    }
    if (isToBeTold(isTimeNear(run, now), run.limits.wallTime, watched.timeTold)) {
      const std::string part = spanWords(now - run.started) + " of the " + spanWords(*run.limits.wallTime);
      seen.push_back({run.run, "wall_time", "it has run for " + part + " that it may",
                      part + " for this run are over. Come to an end.", true});
    }
    if (isToBeTold(isDayNear(run), run.limits.wallTimePerDay, watched.dayTold)) {
      const std::string part = spanWords(*run.wallTimeToday) + " of the " + spanWords(*run.limits.wallTimePerDay);
      seen.push_back({run.run, "wall_time_per_day", "runs of its policy have run for " + part + " that they may today",
                      part + " for all runs of this policy are over today. Come to an end.", true});
    }
    if (const auto refused = run.limits.pids ? more(watched.pids, run.pidsRefused, now) : std::nullopt) {
      const std::string limit = std::to_string(*run.limits.pids);
      seen.push_back(
          {run.run, "pids",
           times(*refused, "process or thread was", "processes or threads were") + " refused: it may have " + limit,
           "you may have " + limit + " processes and threads; run fewer at once"});
    }
    if (const auto ended = run.limits.memoryHard ? more(watched.memory, run.outOfMemoryKills, now) : std::nullopt) {
      const Bytes limit = *run.limits.memoryHard;
      const Bytes peak{std::min(run.memoryPeakBytes.value_or(limit.count), limit.count)};
      // The kernel ends it for the memory of the whole machine as well, however little it uses itself.
      const bool isOwn = peak.count >= limit.count - limit.count / 10;
      const std::string words = isOwn ? memoryLimitWords(peak, limit) : "the machine had none left";
      seen.push_back({run.run, "memory",
                      "the kernel ended " + times(*ended, "process", "processes") + " of it for memory: " + words,
                      words + (isOwn ? "" : "; run fewer tests at once")});
    }
    lookAtProcessor(watched, run, now, seen);
  }
  return seen;
}

}  // namespace ringfence::supervisor::governor
