// Children forked ahead: one for the class that was launched last. The id of a slot becomes the id of the run that
// takes it.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "supervisor/agent_launcher.h"

namespace ringfence::supervisor {

class WarmSlots {
 public:
  explicit WarmSlots(AgentLauncher& launcher) : launcher_(launcher) {}

  // The id for the next run of that class: a prepared one, else a new one.
  RunId take(policy::PriorityClass priority) {
    const auto found = ready_.find(priority);
    taken_.reset();
    if (found == ready_.end()) return RunId::random();
    const RunId run = found->second;
    ready_.erase(found);
    taken_ = run;
    return run;
  }

  // A slot that was taken and not used.
  void giveBack(policy::PriorityClass priority, const RunId& run) {
    if (taken_ && *taken_ == run) ready_.try_emplace(priority, run);
    taken_.reset();
  }

  // Asks for a slot, when there is neither one nor one on the way.
  void refill(policy::PriorityClass priority) {
    if (ready_.contains(priority) || asked_.contains(priority)) return;
    const RunId run = RunId::random();
    if (launcher_.send(sandbox::Prepare{run, priority}, {})) asked_[priority] = run;
  }

  void prepared(const RunId& run) {
    std::erase_if(asked_, [&](const auto& one) {
      if (one.second != run) return false;
      ready_[one.first] = run;
      return true;
    });
  }

  // True when the control groups of that id are a slot's.
  bool owns(const RunId& run) const {
    const auto is = [&](const auto& one) { return one.second == run; };
    return std::any_of(ready_.begin(), ready_.end(), is) || std::any_of(asked_.begin(), asked_.end(), is);
  }

  // The launcher could not make it, or it died. True when it was a slot: asking for another at once would fail again.
  bool lost(const RunId& run) {
    const auto is = [&](const auto& one) { return one.second == run; };
    return std::erase_if(ready_, is) + std::erase_if(asked_, is) > 0;
  }

  void launcherGone() {
    taken_.reset();
    ready_.clear();
    asked_.clear();
  }

 private:
  AgentLauncher& launcher_;
  std::map<policy::PriorityClass, RunId> ready_;
  std::map<policy::PriorityClass, RunId> asked_;
  std::optional<RunId> taken_;  // the last one, until it is certain that it is used
};

}  // namespace ringfence::supervisor
