#include "supervisor/governor/hook_watch.h"

#include <algorithm>

#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr double kWorks = 0.05;              // of one processor: more than a waiting sign takes
constexpr Microseconds kLongest{5'000'000};  // between two looks; what is longer is no work that anybody saw

// Programs and answers since its last word that say that it goes on without one.
bool goesOn(const HookSigns& signs, std::uint64_t startedBefore, std::optional<std::uint64_t> answersBefore) {
  if (signs.started < startedBefore + kSilentStarts) return false;
  return !signs.answers || !answersBefore || *signs.answers >= *answersBefore + kSilentAnswers;
}

}  // namespace

void HookWatch::begin(Watched& watched, const HookSigns& signs) {
  watched.worked = Microseconds{0};
  watched.heardAt = signs.heardAt;
  watched.answers = signs.answers;
  watched.started = signs.started;
  watched.told = false;
}

std::vector<HookSilence> HookWatch::tick(const std::vector<HookSigns>& runs, Microseconds now) {
  std::erase_if(watched_,
                [&](const auto& entry) { return std::ranges::find(runs, entry.first, &HookSigns::run) == runs.end(); });
  std::vector<HookSilence> silences;
  for (const HookSigns& signs : runs) {
    const auto [found, isNew] = watched_.try_emplace(signs.run);
    Watched& watched = found->second;
    // An egress that began anew counts from nothing.
    const bool countsAnew = signs.answers && watched.answers && *signs.answers < *watched.answers;
    if (isNew || signs.heardAt != watched.heardAt) begin(watched, signs);
    if (!watched.answers || countsAnew) watched.answers = signs.answers;
    const Microseconds passed = std::min(now - watched.at, kLongest);
    const bool known =
        !isNew && !signs.isHeld && signs.cpuUsec && watched.cpuUsec && *signs.cpuUsec >= *watched.cpuUsec;
    if (known && static_cast<double>(*signs.cpuUsec - *watched.cpuUsec) > kWorks * static_cast<double>(passed.count()))
      watched.worked += passed;
    watched.at = now;
    watched.cpuUsec = signs.cpuUsec;
    if (watched.told || watched.worked < signs.silentAfter) continue;
    const bool everHeard = signs.heardAt || !signs.sawItBegin;
    if (everHeard && !goesOn(signs, watched.started, watched.answers)) continue;
    watched.told = true;
    const std::string worked = "it has worked for " + spanWords(watched.worked);
    silences.push_back({signs.run, everHeard ? worked + " and started programs, and its hook is not heard any more"
                                             : worked + ", and its hook was never heard"});
  }
  return silences;
}

}  // namespace ringfence::supervisor::governor
