// Children forked ahead, for the class that was launched last. The id of a slot becomes the id of the run that takes
// it.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "supervisor/agent_launcher.h"

namespace ringfence::supervisor {

// One is made while the other is taken: launches that follow each other at once find one that is ready.
inline constexpr std::size_t kMaxWarmSlots = 2;

class WarmSlots {
 public:
  explicit WarmSlots(AgentLauncher& launcher) : launcher_(launcher) {}

  // The id for the next run of that class: a slot's, prepared or on its way (the launcher obeys in order), else a new
  // one.
  RunId take(policy::PriorityClass priority) {
    taken_.reset();
    lastTaken_ = priority;
    auto& slots = slots_[priority];
    const auto slot = std::ranges::find(slots, false, &Slot::abandoned);
    if (slot == slots.end()) return RunId::random();
    taken_ = *slot;
    slots.erase(slot);
    return taken_->run;
  }

  // A slot that was taken and not used.
  void giveBack(policy::PriorityClass priority, const RunId& run) {
    if (taken_ && taken_->run == run) slots_[priority].insert(slots_[priority].begin(), *taken_);
    taken_.reset();
  }

  // The workspace of the launch that is going to take a slot, to the one that it will probably take. Then that launch
  // takes it, or nobody: what is in there may be somebody's own file system, which never answers.
  void foretell(int workspace) {
    if (!lastTaken_) return;
    auto& slots = slots_[*lastTaken_];
    const auto slot = std::ranges::find(slots, false, &Slot::abandoned);
    if (slot == slots.end() || !slot->prepared) return;
    slot->foretold =
        static_cast<bool>(launcher_.send(sandbox::Foretell{slot->run}, std::span<const int>(&workspace, 1)));
  }

  // After each launch that was foretold, whatever became of it.
  void endForetelling() {
    for (auto& [priority, slots] : slots_) {
      for (Slot& slot : slots) {
        if (!slot.foretold || slot.abandoned) continue;
        abandon(slot);
      }
    }
  }

  // Asks for one slot, unless one is on its way or there are enough.
  void refill(policy::PriorityClass priority) {
    auto& slots = slots_[priority];
    const bool isOnItsWay = std::ranges::any_of(slots, [](const Slot& slot) { return !slot.prepared; });
    if (isOnItsWay || slots.size() >= kMaxWarmSlots) return;
    const RunId run = RunId::random();
    if (launcher_.send(sandbox::Prepare{run, priority}, {})) slots.push_back({run});
  }

  void prepared(const RunId& run) {
    for (auto& [priority, slots] : slots_) {
      for (Slot& slot : slots) slot.prepared = slot.prepared || slot.run == run;
    }
  }

  // True when the control groups of that id are a slot's.
  bool owns(const RunId& run) const {
    return std::ranges::any_of(
        slots_, [&](const auto& one) { return std::ranges::find(one.second, run, &Slot::run) != one.second.end(); });
  }

  // The launcher could not make it, or it died. True when it was a slot: asking for another at once would fail again.
  bool lost(const RunId& run) {
    std::size_t erased = 0;
    for (auto& [priority, slots] : slots_)
      erased += std::erase_if(slots, [&](const Slot& slot) { return slot.run == run; });
    return erased > 0;
  }

  // Nobody takes any of them any more.
  void abandonAll() {
    for (auto& [priority, slots] : slots_) {
      for (Slot& slot : slots) {
        if (!slot.abandoned) abandon(slot);
      }
    }
  }

  void launcherGone() {
    taken_.reset();
    slots_.clear();
  }

 private:
  struct Slot {
    RunId run;
    bool prepared = false;
    bool foretold = false;
    bool abandoned = false;
  };
  void abandon(Slot& slot) {
    slot.abandoned = true;  // Until the launcher says that it is lost.
    (void)launcher_.send(sandbox::Abandon{slot.run}, {});
  }

  AgentLauncher& launcher_;
  std::map<policy::PriorityClass, std::vector<Slot>> slots_;
  std::optional<policy::PriorityClass> lastTaken_;
  std::optional<Slot> taken_;  // the last one, until it is certain that it is used
};

}  // namespace ringfence::supervisor
