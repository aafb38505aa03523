#include "supervisor/governor/price.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

// More runs than that are priced by what all learned together.
constexpr std::size_t kMaxPricedRuns = 512;
constexpr std::size_t kMaxCostSamples = 16;        // of one run, interruption and activity
constexpr std::size_t kMaxPooledCostSamples = 64;  // of all runs
constexpr std::size_t kMaxActivityLengths = 16;
constexpr std::size_t kEnoughSamples = 4;

// Measured: entering and leaving a freeze, and reading back what was swapped out.
constexpr double kFreezeSeconds = 0.001;
constexpr double kRefaultSecondsPerMegabyte = 0.0038;
// Assumed until something was learned: starting an agent anew, and what a turn is when nothing is known of it.
constexpr double kRestartSeconds = 2;
constexpr double kRedoSeconds = 20;
// What the egress holds for a frozen run.
constexpr Microseconds kConnectionsKeptFor{600'000'000};

constexpr int kSpans = 4;
constexpr std::array<Microseconds, kSpans - 1> kSpanEnds{Microseconds{1'000'000}, Microseconds{10'000'000},
                                                         Microseconds{60'000'000}};

int spanOf(Microseconds hold) {
  int span = 0;
  while (span < kSpans - 1 && hold >= kSpanEnds[static_cast<std::size_t>(span)]) ++span;
  return span;
}

// The chance that a freeze breaks what the run is doing, when nobody keeps its connections. Priors: their shape follows
// socket buffers and the times after which servers and clients give up.
using Chances = std::array<double, kSpans>;
Chances directChances(Activity activity) {
  switch (activity) {
    case Activity::kWaitingForPerson: return {0, 0, 0, 0};
    case Activity::kWaitingForModel: return {0, 0, 0.05, 0.3};
    case Activity::kStreaming: return {0, 0.02, 0.6, 0.9};
    case Activity::kToolRunning:
    case Activity::kUnknown: return {0, 0, 0.02, 0.05};
  }
  return {0, 0, 0.02, 0.05};
}

double chanceOfBreaking(const RunSignals& run, Microseconds hold) {
  if (isOnNetwork(run.activity) && run.connectionsKept && hold <= kConnectionsKeptFor) return 0;
  return directChances(run.activity)[static_cast<std::size_t>(spanOf(hold))];
}

double difference(std::optional<std::uint64_t> now, std::optional<std::uint64_t> before) {
  if (!now) return 0;
  const std::uint64_t from = before.value_or(0);
  return *now > from ? static_cast<double>(*now - from) : 0;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Microseconds medianOf(const std::vector<Microseconds>& spans) {
  std::vector<double> values;
  for (const Microseconds span : spans) values.push_back(static_cast<double>(span.count()));
  return Microseconds{static_cast<Microseconds::rep>(median(std::move(values)))};
}

template <typename T>
void keep(std::deque<T>& ring, T value, std::size_t most) {
  ring.push_back(std::move(value));
  if (ring.size() > most) ring.pop_front();
}

struct Part {
  Amounts cost;
  std::string words;
};

double weight(const Amounts& amounts) { return amounts.seconds + amounts.workCpuSeconds + amounts.tokens / 1000; }

Amounts plus(const Amounts& a, const Amounts& b) {
  return {a.seconds + b.seconds, a.tokens + b.tokens, a.workCpuSeconds + b.workCpuSeconds};
}

std::string workWords(const Amounts& lost) {
  std::string words = spanWords(Microseconds{static_cast<Microseconds::rep>(lost.seconds * 1e6)});
  if (lost.workCpuSeconds >= 0.05) words += " (" + numberWords(lost.workCpuSeconds, 1) + " s of processor)";
  if (lost.tokens >= 1) words += " and " + numberWords(lost.tokens, 0) + " tokens";
  return words;
}

Microseconds claimedAtSafePoint(const RunSignals& run) { return run.safePoint ? run.redoAtSafePoint : Microseconds{0}; }

Part killPart(const RunSignals& run, Microseconds now) {
  const Amounts lost = workAtStake(run, now);
  std::string words = workWords(lost);
  words += run.safePoint ? " of work since its last safe point" : " of work since its start: it has no safe point";
  if (const Microseconds redo = claimedAtSafePoint(run); redo > Microseconds{0})
    words += ", " + spanWords(redo) + " of it not kept there, as it says";
  return {lost, std::move(words)};
}

// What it says that a hold within its critical section would have it do again, up to all that it has to lose.
Part claimedPart(const RunSignals& run, Microseconds now) {
  if (!run.criticalRedo || !run.criticalUntil || now >= *run.criticalUntil) return {};
  const double said = seconds(*run.criticalRedo);
  const double believed = std::min(said, workAtStake(run, now).seconds);
  std::string words = "it says that a hold now loses " + spanWords(*run.criticalRedo) + " of its work";
  if (believed < said) words += "; it did less since its last safe point, so not more than that is believed";
  return {{.seconds = believed}, std::move(words)};
}

Part refaultPart(const RunSignals& run) {
  const double bytes = static_cast<double>(run.anonymousBytes.value_or(run.memoryBytes.value_or(0)));
  const double back = bytes / 1e6 * kRefaultSecondsPerMegabyte;
  return {{.seconds = back},
          "reading " + bytesWords(bytes) + " back into memory takes " +
              spanWords(Microseconds{static_cast<Microseconds::rep>(back * 1e6)})};
}

Part brokenPart(const RunSignals& run, const Amounts& redo, double chance) {
  return {{.seconds = chance * redo.seconds, .tokens = chance * redo.tokens},
          std::string(isOnNetwork(run.activity) ? "its stream" : "what it runs") + " breaks with a chance of " +
              numberWords(chance * 100, 0) + " % and " + workWords(redo) + " must be done again"};
}

// What breaks is known already in part. What it says is never in the basis of what is learned: nobody measures what it
// does again, so that others would be taken for cheap by what it says.
void addClaim(Price& price, const Part& claim) {
  const double known = std::min(price.seconds, claim.cost.seconds);
  price.claimed = claim.cost.seconds - known;
  price.seconds += price.claimed;
  if (2 * price.claimed > weight(price)) price.why = claim.words;
}

bool isUsable(const Amounts& amounts) {
  for (const double value : {amounts.seconds, amounts.tokens, amounts.workCpuSeconds})
    if (!std::isfinite(value) || value < 0) return false;
  return true;
}

// The middle of how the real cost stood to what its state said: a factor where there was something to multiply, else
// what came on top.
double adjusted(double basis, const std::vector<std::pair<double, double>>& realAndBasis, double least) {
  std::vector<double> factors, extra;
  for (const auto& [real, said] : realAndBasis) {
    if (said >= least) factors.push_back(real / said);
    extra.push_back(real - said);
  }
  if (basis >= least && factors.size() * 2 >= realAndBasis.size()) return basis * median(std::move(factors));
  return std::max(0.0, basis + median(std::move(extra)));
}

}  // namespace

Amounts workAtStake(const RunSignals& run, Microseconds now) {
  const Microseconds end = run.hold == Hold::kNone ? now : std::min(now, std::max(run.heldSince, run.started));
  const Microseconds since = run.safePoint.value_or(run.started);
  return {.seconds = std::max(0.0, seconds(end - since)) + seconds(claimedAtSafePoint(run)),
          .tokens = difference(run.tokens, run.safePoint ? run.tokensAtSafePoint : std::nullopt),
          .workCpuSeconds = difference(run.cpuUsec, run.safePoint ? run.cpuUsecAtSafePoint : std::nullopt) / 1e6};
}

bool paysToWait(std::optional<Microseconds> until, std::optional<Microseconds> redo, Microseconds now) {
  if (!until || now >= *until) return false;
  return !redo || *redo >= *until - now;
}

bool isOnNetwork(Activity activity) {
  return activity == Activity::kWaitingForModel || activity == Activity::kStreaming;
}

const CostModel::History* CostModel::findHistory(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : &found->second;
}

Amounts CostModel::brokenRedo(const RunSignals& run, Microseconds now) const {
  Amounts redo{.seconds = kRedoSeconds};
  const History* history = findHistory(run.run);
  if (history != nullptr && history->activity == run.activity)
    redo.seconds = std::max(0.0, seconds(std::min(now, history->seen) - history->activitySince));
  else if (run.safePoint)
    redo.seconds = std::min(kRedoSeconds, std::max(0.0, seconds(now - *run.safePoint)));
  if (isOnNetwork(run.activity) && run.tokensAtSafePoint) redo.tokens = difference(run.tokens, run.tokensAtSafePoint);
  return redo;
}

Amounts CostModel::learned(const Amounts& basis, const RunId& run, Kind kind, int span) const {
  const auto usable = [&](const Samples& samples) {
    std::vector<Sample> found;
    if (const auto of = samples.find(kind); of != samples.end())
      for (const Sample& sample : of->second)
        if (sample.span == span || kind.first == Interruption::kKill) found.push_back(sample);
    return found;
  };
  const History* history = findHistory(run);
  std::vector<Sample> samples = history != nullptr ? usable(history->samples) : std::vector<Sample>{};
  if (samples.size() < kEnoughSamples) samples = usable(pooled_);
  if (samples.size() < kEnoughSamples) return basis;
  const auto of = [&](double Amounts::*member, double least) {
    std::vector<std::pair<double, double>> pairs;
    for (const Sample& sample : samples) pairs.emplace_back(sample.real.*member, sample.basis.*member);
    return adjusted(basis.*member, pairs, least);
  };
  return {of(&Amounts::seconds, 0.1), of(&Amounts::tokens, 10), of(&Amounts::workCpuSeconds, 0.05)};
}

// How often connections that an egress keeps did break in such holds all the same. What all runs saw begins as never,
// what one saw begins as what all did; each counts like a few holds.
double CostModel::learnedChance(const RunSignals& run, int span) const {
  if (!run.connectionsKept || !isOnNetwork(run.activity)) return 0;
  const auto chance = [&](const BreaksSeen& breaks, double before) {
    const auto found = breaks.find({run.activity, span});
    const Breaks seen = found == breaks.end() ? Breaks{} : found->second;
    return (seen.broken + before * kEnoughSamples) / (seen.holds + kEnoughSamples);
  };
  const History* history = findHistory(run.run);
  const double ofAll = chance(pooledBreaks_, 0);
  return history != nullptr ? chance(history->breaks, ofAll) : ofAll;
}

std::optional<Microseconds> CostModel::cheaperAfter(const RunSignals& run, Interruption interruption,
                                                    Microseconds now) const {
  const History* history = findHistory(run.run);
  if (history == nullptr || run.hold != Hold::kNone) return std::nullopt;
  const std::deque<Microseconds>* lengths = nullptr;
  Microseconds began{};
  if (interruption == Interruption::kKill) {
    lengths = history->safePoint ? &history->turns : nullptr;
    began = history->turnBegan;
  } else if (const auto found = history->lengths.find(run.activity);
             found != history->lengths.end() && history->activity == run.activity) {
    lengths = &found->second;
    began = history->activitySince;
  }
  if (lengths == nullptr) return std::nullopt;
  // Only those that lasted longer than this one already does can tell when it ends.
  std::vector<Microseconds> longer;
  for (const Microseconds length : *lengths)
    if (began + length > now) longer.push_back(length);
  if (lengths->size() < kEnoughSamples || longer.empty()) return std::nullopt;
  return began + medianOf(longer);
}

Price CostModel::predict(const RunSignals& run, Interruption interruption, Microseconds hold, Microseconds now) const {
  std::vector<Part> parts;
  const Amounts again = brokenRedo(run, now);
  if (interruption == Interruption::kKill) {
    parts.push_back(killPart(run, now));
    parts.push_back({{.seconds = kRestartSeconds}, "it must be started again"});
  } else {
    parts.push_back({{.seconds = kFreezeSeconds}, "next to nothing: nothing breaks while it is held"});
    parts.push_back(brokenPart(run, again, chanceOfBreaking(run, hold)));
    if (interruption == Interruption::kFreezeAndReclaim) parts.push_back(refaultPart(run));
  }
  Price price;
  price.again = again;
  const Part* greatest = &parts.front();
  for (const Part& part : parts) {
    price.basis = plus(price.basis, part.cost);
    if (weight(part.cost) > weight(greatest->cost)) greatest = &part;
  }
  static_cast<Amounts&>(price) = learned(price.basis, run.run, {interruption, run.activity}, spanOf(hold));
  price.why = greatest->words;
  const double more = weight(price) - weight(price.basis);
  if (more > weight(greatest->cost))
    price.why = "interruptions like it did cost " + numberWords(price.seconds, 1) + " s more than the hold";
  if (interruption != Interruption::kKill) {
    const Part broken = brokenPart(run, again, learnedChance(run, spanOf(hold)));
    static_cast<Amounts&>(price) = plus(price, broken.cost);
    if (2 * weight(broken.cost) > weight(price)) price.why = broken.words;
    addClaim(price, claimedPart(run, now));
  } else {
    price.claimed = std::min(price.seconds, seconds(claimedAtSafePoint(run)));
  }
  if (run.holdsForeignLock) {
    price.forbidden = true;
    price.why = "somebody outside waits for a file lock that it holds";
  }
  if (weight(price) > 0.05) price.cheaperAfter = cheaperAfter(run, interruption, now);
  const bool isInSection = interruption != Interruption::kKill && run.hold == Hold::kNone && price.claimed > 0;
  if (isInSection && 2 * price.claimed > weight(price)) price.cheaperAfter = run.criticalUntil;
  return price;
}

void CostModel::observe(const Signals& signals) {
  const Microseconds now = signals.device.at.boottime;
  for (const RunSignals& run : signals.runs) {
    if (!runs_.contains(run.run) && runs_.size() >= kMaxPricedRuns) continue;
    History& history = runs_[run.run];
    if (run.hold != Hold::kNone && history.activity) {
      history.activitySince += now - history.seen;
      history.turnBegan += now - history.seen;
    }
    history.seen = now;
    if (history.activity != run.activity) {
      if (history.sawItBegin)
        keep(history.lengths[*history.activity], now - history.activitySince, kMaxActivityLengths);
      history.sawItBegin = history.activity.has_value();
      history.activity = run.activity;
      history.activitySince = now;
    }
    if (run.safePoint && run.safePoint != history.safePoint) {
      if (history.safePoint) keep(history.turns, *run.safePoint - history.turnBegan, kMaxActivityLengths);
      history.safePoint = run.safePoint;
      history.turnBegan = *run.safePoint;
    }
  }
}

void CostModel::learn(const MeasuredCost& cost) {
  if ((cost.real && !isUsable(*cost.real)) || !isUsable(cost.basis)) return;
  const Kind kind{cost.interruption, cost.activity};
  const int span = spanOf(cost.held);
  const bool hasRoom = runs_.contains(cost.run) || runs_.size() < kMaxPricedRuns;
  if (cost.real) {
    const Sample sample{span, *cost.real, cost.basis};
    keep(pooled_[kind], sample, kMaxPooledCostSamples);
    if (hasRoom) keep(runs_[cost.run].samples[kind], sample, kMaxCostSamples);
  }
  if (cost.broken && *cost.broken >= 0 && *cost.broken <= 1) {
    if (hasRoom) (void)runs_[cost.run];  // Its breaks are its own, too.
    learnBreaks(cost, span);
  }
}

void CostModel::learnBreaks(const MeasuredCost& cost, int span) {
  const auto add = [&](BreaksSeen& seen) {
    Breaks& breaks = seen[{cost.activity, span}];
    if (breaks.holds >= kMaxPooledCostSamples) breaks = {breaks.holds / 2, breaks.broken / 2};  // the old count less
    ++breaks.holds;
    breaks.broken += *cost.broken;
  };
  add(pooledBreaks_);
  if (const auto run = runs_.find(cost.run); run != runs_.end()) add(run->second.breaks);
}

void CostModel::forget(const RunId& run) { runs_.erase(run); }

}  // namespace ringfence::supervisor::governor
