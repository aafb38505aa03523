#include "supervisor/governor/victims.h"

#include <algorithm>
#include <iterator>

namespace ringfence::supervisor::governor {
namespace {

// What a thousand tokens and a second of processor time that are spent again are worth, in seconds.
constexpr double kSecondsPerThousandTokens = 1;
constexpr double kSecondsPerCpuSecond = 1;
// How much somebody minds.
constexpr double kWatchedWeight = 3;
constexpr double kInteractiveWeight = 10;
constexpr double kIdleWeight = 0.5;

void letOffTheUnneeded(std::vector<Candidate>& chosen, double need) {
  double given = 0;
  for (const Candidate& candidate : chosen) given += candidate.gain;
  std::vector<std::size_t> dearestFirst;
  for (std::size_t i = 0; i < chosen.size(); ++i) dearestFirst.push_back(i);
  std::stable_sort(dearestFirst.begin(), dearestFirst.end(),
                   [&](std::size_t a, std::size_t b) { return chosen[a].cost > chosen[b].cost; });
  std::vector<bool> spared(chosen.size(), false);
  for (const std::size_t i : dearestFirst) {
    if (given - chosen[i].gain < need) continue;
    given -= chosen[i].gain;
    spared[i] = true;
  }
  std::vector<Candidate> kept;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (!spared[i]) kept.push_back(chosen[i]);
  chosen = std::move(kept);
}

}  // namespace

double costOf(const Price& price, const RunSignals& run) {
  double cost =
      price.seconds + price.workCpuSeconds * kSecondsPerCpuSecond + price.tokens / 1000 * kSecondsPerThousandTokens;
  if (run.watched) cost *= kWatchedWeight;
  if (run.priority == RunClass::kInteractive) cost *= kInteractiveWeight;
  if (run.priority == RunClass::kIdle) cost *= kIdleWeight;
  return cost;
}

std::vector<std::size_t> chooseVictims(std::vector<Candidate> candidates, double need) {
  std::erase_if(candidates, [](const Candidate& candidate) { return candidate.gain <= 0; });
  double fromOthers = 0;
  for (const Candidate& candidate : candidates) fromOthers += candidate.lastResort ? 0 : candidate.gain;
  if (fromOthers >= need) std::erase_if(candidates, [](const Candidate& candidate) { return candidate.lastResort; });
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    const double left = a.cost * b.gain, right = b.cost * a.gain;
    return left != right ? left < right : a.lastPreempted < b.lastPreempted;
  });
  std::vector<Candidate> chosen;
  double given = 0;
  for (const Candidate& candidate : candidates) {
    if (given >= need) break;
    chosen.push_back(candidate);
    given += candidate.gain;
  }
  if (given >= need) letOffTheUnneeded(chosen, need);
  std::vector<std::size_t> indices;
  for (const Candidate& candidate : chosen) indices.push_back(candidate.index);
  return indices;
}

}  // namespace ringfence::supervisor::governor
