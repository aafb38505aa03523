// Whose runs end because their owner asked for it, who may not end those of others, and what became of them. Pure,
// without the heap.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/clock.h"
#include "supervisor/stop/latch.h"
#include "supervisor/stop/short_list.h"

namespace ringfence::supervisor::stop {

// People who end their own at the same time.
inline constexpr std::size_t kMaxOwnKills = 128;

struct OwnKill {
  // kMet: how much it is was counted, and the next look kills; kTold: who listens knows of it.
  enum class Step { kAsked, kMet, kTold } step = Step::kAsked;
  std::uint32_t uid = 0;
  TriggerText text;
  Microseconds begun{};                   // monotonic
  std::uint32_t runs = 0, processes = 0;  // that there were
  std::uint32_t left = 0;                 // runs with a process in them when they were last looked at
};

class OwnKills : public ShortList<OwnKill, kMaxOwnKills> {
 public:
  OwnKill* find(std::optional<std::uint32_t> uid) { return findIn(*this, uid); }
  const OwnKill* find(std::optional<std::uint32_t> uid) const { return findIn(*this, uid); }

 private:
  template <typename Kills>
  static auto findIn(Kills& kills, std::optional<std::uint32_t> uid) -> decltype(kills.begin()) {
    for (auto& kill : kills) {
      if (uid == kill.uid) return &kill;
    }
    return nullptr;
  }
};

}  // namespace ringfence::supervisor::stop
