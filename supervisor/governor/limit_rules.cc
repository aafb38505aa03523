// Limits of the policy. Memory pauses at 90 % whatever is to happen at limits (the hard limit is the kernel's and ends
// what needs more); wall time, tokens and money do what the policy says at each end: who resumes a run there moves it.
#include <algorithm>
#include <utility>

#include "sdk/base/money.h"
#include "supervisor/governor/tick.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {

namespace {

constexpr double kMemoryPausesAt = 0.9;
constexpr double kMemoryRelievedAt = 0.8;
// Seconds of what it may write: saved up; that must be there again; owed at most.
constexpr double kWriteBurst = 10, kWriteResume = 5, kWriteDebt = 300;
// Who is held at the limit by the kernel is not to be held for its last percent by us.
constexpr double kWriteSlack = 1.05;
constexpr Microseconds kWritesToldAgain{60'000'000};

// What the kernel cannot take back at the limit. Cached files do not count: it drops those by itself.
std::optional<double> bytesInUse(const RunSignals& run) {
  const auto bytes = run.anonymousBytes ? run.anonymousBytes : run.memoryBytes;
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

void governMemoryLimit(Tick& tick, const RunSignals& run) {
  Seen& of = tick.seen(run);
  const auto used = bytesInUse(run);
  if (!used) return;
  const double limit = run.limits.memory ? static_cast<double>(run.limits.memory->count) : 0;
  if (limit <= 0 || *used < kMemoryRelievedAt * limit) {
    at(of.reasons, Reason::kMemoryLimit) = false;
    at(of.overridden, Reason::kMemoryLimit) = false;
    return;
  }
  if (*used < kMemoryPausesAt * limit) return;
  const Bytes peak{std::max(static_cast<std::uint64_t>(*used), run.memoryPeakBytes.value_or(0))};
  tick.freeze(run, Reason::kMemoryLimit,
              "it uses " + bytesWords(*used) + " of the " + bytesWords(limit) +
                  " that it may use; at the limit the kernel would end it",
              memoryLimitWords({std::min(peak.count, run.limits.memory->count)}, *run.limits.memory));
}

// Reached: pause, no more model calls, or the end, told once until it is not reached any more.
void reach(Tick& tick, const RunSignals& run, Reason reason, const std::string& words, const std::string& tellAgent) {
  Seen& of = tick.seen(run);
  switch (run.limits.atLimit) {
    case AtLimit::kPause: tick.freeze(run, reason, words, tellAgent); return;
    case AtLimit::kKill: tick.kill(run, Cause::kLimit, words, tellAgent); return;
    case AtLimit::kDeny:
      at(of.told, reason) = true;
      if (std::exchange(of.modelCallsDenied, true)) return;
      tick.propose({.run = run.run,
                    .step = Step::kDeferModelCall,
                    .cause = Cause::kLimit,
                    .reason = words + ": no more calls to a model",
                    .tellAgent = tellAgent});
      return;
  }
}

void notReached(Seen& of, Reason reason) {
  at(of.reasons, reason) = at(of.overridden, reason) = at(of.told, reason) = false;
}

// Whoever resumed it at the end moved that, so what is reached now is another end.
void reachBudget(Tick& tick, const RunSignals& run, Reason reason, const std::string& words,
                 const std::string& tellAgent) {
  at(tick.seen(run).overridden, reason) = false;
  reach(tick, run, reason, words, tellAgent);
}

void governWallTime(Tick& tick, const RunSignals& run) {
  const auto& limit = run.limits.wallTime;
  if (!limit || tick.now - run.started < *limit) return notReached(tick.seen(run), Reason::kWallTime);
  const std::string words =
      "it has run for " + spanWords(tick.now - run.started) + ", as long as it may (" + spanWords(*limit) + ")";
  reachBudget(tick, run, Reason::kWallTime, words,
              "The time for this run is over (" + spanWords(*limit) + "). Say what is done and what is left.");
}

void governWallTimePerDay(Tick& tick, const RunSignals& run) {
  const auto& limit = run.limits.wallTimePerDay;
  if (!limit || run.wallTimeToday.value_or(Microseconds{0}) < *limit)
    return notReached(tick.seen(run), Reason::kWallTimePerDay);
  reachBudget(tick, run, Reason::kWallTimePerDay,
              "runs of its policy have run for " + spanWords(*run.wallTimeToday) + " today, as long as they may (" +
                  spanWords(*limit) + ")",
              "The time of all runs of this policy is over for today (" + spanWords(*limit) +
                  "). Say what is done and what is left.");
}

struct Spending {
  Reason reason{};
  const std::optional<std::uint64_t>& used;
  const std::optional<std::uint64_t>& limit;
};

// "800 of 1000 tokens", "$0.80 of $1.00".
std::string spentWords(const Spending& spending) {
  const bool isMoney = spending.reason == Reason::kCost || spending.reason == Reason::kCostPerDay;
  if (isMoney) return dollarsText(*spending.used) + " of " + dollarsText(*spending.limit);
  return std::to_string(*spending.used) + " of " + std::to_string(*spending.limit) + " tokens";
}

void governSpending(Tick& tick, const RunSignals& run, const Spending& spending) {
  if (!spending.limit) return notReached(tick.seen(run), spending.reason);
  // Of a day that has just begun nothing is known yet: then nothing of it is used.
  const bool isOfDay = spending.reason == Reason::kTokensPerDay || spending.reason == Reason::kCostPerDay;
  if (!spending.used && !isOfDay) return;
  if (spending.used.value_or(0) < *spending.limit) return notReached(tick.seen(run), spending.reason);
  const std::string used = spentWords(spending);
  reachBudget(
      tick, run, spending.reason,
      isOfDay ? "runs of its policy have used " + used + " for today" : "it has used " + used,
      used + (isOfDay ? " for today" : "") + " are used; no more can be bought. Say what is done and what is left.");
}

// What it may still write to files grows by its limit. A v1 kernel holds only what does not go through the page cache;
// for the rest the run is paused, so that on average it writes no more.
void governFileWrites(Tick& tick, const RunSignals& run) {
  Seen& of = tick.seen(run);
  const auto& limit = run.limits.fileWritesPerSec;
  if (!limit || limit->count == 0) {
    at(of.reasons, Reason::kFileWrites) = false;
    of.fileCredit.reset();
    return;
  }
  const double each = static_cast<double>(limit->count), burst = kWriteBurst * each;
  const bool known = run.fileBytesWritten.has_value();
  if (!of.fileCredit) {
    if (!known) return;
    of.fileCredit = burst;
    of.fileCreditAt = tick.now;
    of.fileBytes = 0;
  }
  const double passed = known || run.hold != Hold::kNone ? seconds(tick.now - of.fileCreditAt) : 0;
  const double used =
      known && *run.fileBytesWritten > of.fileBytes ? static_cast<double>(*run.fileBytesWritten - of.fileBytes) : 0;
  of.fileCredit = std::clamp(*of.fileCredit + kWriteSlack * each * passed - used, -kWriteDebt * each, burst);
  if (known) of.fileBytes = *run.fileBytesWritten;
  if (known || run.hold != Hold::kNone) of.fileCreditAt = tick.now;
  if (*of.fileCredit >= kWriteResume * each) at(of.reasons, Reason::kFileWrites) = false;
  if (*of.fileCredit >= burst) at(of.overridden, Reason::kFileWrites) = false;
  if (*of.fileCredit >= 0) return;
  const bool told = of.fileWritesTold && tick.now - *of.fileWritesTold < kWritesToldAgain;
  const std::string rate = of.fileWrites.perSecond ? " (" + rateWords(*of.fileWrites.perSecond) + " lately)" : "";
  const bool held = tick.freeze(
      run, Reason::kFileWrites, "it writes to files faster than it may" + rate + ": " + rateWords(each) + " on average",
      told ? "" : "Your processes may write " + rateWords(each) + " to files on average. Write less at once.");
  if (held && !told) of.fileWritesTold = tick.now;
}

}  // namespace

void governLimits(Tick& tick) {
  for (const RunSignals& run : tick.signals.runs) {
    Seen& of = tick.seen(run);
    governMemoryLimit(tick, run);
    governWallTime(tick, run);
    governWallTimePerDay(tick, run);
    governSpending(tick, run, {Reason::kTokens, run.tokens, run.limits.tokens});
    governSpending(tick, run, {Reason::kTokensPerDay, run.tokensToday, run.limits.tokensPerDay});
    governSpending(tick, run, {Reason::kCost, run.costMicroUsd, run.limits.costMicroUsd});
    governSpending(tick, run, {Reason::kCostPerDay, run.costTodayMicroUsd, run.limits.costPerDayMicroUsd});
    governFileWrites(tick, run);
    if (of.modelCallsDenied && !any(of.told)) {
      of.modelCallsDenied = false;
      // Short memory defers them still, and lifts that itself.
      if (!of.callsDeferred)
        tick.propose({.run = run.run,
                      .step = Step::kDeferModelCall,
                      .cause = Cause::kRelieved,
                      .reason = "its limits leave room for calls to a model again"});
    }
  }
}

}  // namespace ringfence::supervisor::governor
