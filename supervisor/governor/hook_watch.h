// Finds an agent that works while the hook that its adapter gave it says nothing: never since it began, or not any
// more. Pure. It does not know why: a hook may be deleted, crash, not be trusted by its agent, or have nothing to say.
// Nothing depends on it but that a person hears of it.
//
// Work is time in which the run uses a processor. One long tool is no silence: once its hook was heard, a run must also
// have started programs from its agent's own process, and models must have ended answers, where somebody counts those.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"

namespace ringfence::supervisor::governor {

struct HookSigns {
  RunId run;
  Microseconds silentAfter{};
  bool sawItBegin = true;  // else it may have been heard before anybody here listened
  bool isHeld = false;
  std::optional<Microseconds> heardAt;  // boottime of its last word; absent: none
  std::optional<std::uint64_t> cpuUsec;
  std::optional<std::uint64_t> answers;  // of models, that ended; absent: nobody sees them
  std::uint64_t started = 0;             // programs that were seen below the agent's own process
};

struct HookSilence {
  RunId run;
  std::string reason;  // "it has worked for 2 min, and its hook was never heard"
};

inline constexpr std::uint64_t kSilentStarts = 5, kSilentAnswers = 3;

class HookWatch {
 public:
  // About one call a second. Each silence is given once, and again only after the hook was heard. A run that is not in
  // `runs` any more is forgotten.
  std::vector<HookSilence> tick(const std::vector<HookSigns>& runs, Microseconds now);

 private:
  struct Watched {
    Microseconds at{}, worked{};
    std::optional<std::uint64_t> cpuUsec;
    std::optional<Microseconds> heardAt;
    std::optional<std::uint64_t> answers;
    std::uint64_t started = 0;
    bool told = false;
  };
  static void begin(Watched& watched, const HookSigns& signs);

  std::map<RunId, Watched> watched_;
};

}  // namespace ringfence::supervisor::governor
