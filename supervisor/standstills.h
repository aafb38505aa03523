// How fast the kernel carries out what is ordered of a run's agent: from just before its group is frozen, thawed or
// killed until cgroup.events says that it is so. Costs nothing while nothing is ordered: the kernel tells of a change
// by the file.
//
// Of an agent with a call that waits for an answer the kernel never says that it is frozen; such an order has no time.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {

class Standstills {
 public:
  enum class Order { kFreeze, kThaw, kKill };
  struct Taken {
    RunId run;
    Order order{};
    Microseconds time{};
  };
  explicit Standstills(const Clock& clock);

  // Readable when look() has something to do; -1: nothing can be measured here.
  int fd() const { return changes_.get(); }
  // Before it is carried out. `group`: a directory of the unified hierarchy, borrowed. What was ordered of the run
  // before and is not so by now is forgotten. What is so already takes no time and is not told.
  void begin(const RunId& run, Order order, int group);
  // Reads what has changed. Never blocks.
  void look();
  // The group is about to be removed: what is so by now counts, and the rest never will be.
  void forget(const RunId& run);
  std::vector<Taken> take() { return std::exchange(taken_, {}); }

 private:
  struct Awaited {
    Order order{};
    Microseconds since{};
    UniqueFd events;
  };
  enum class Answer { kNotYet, kSo, kGone };
  static Answer ask(const Awaited& one);

  const Clock& clock_;
  UniqueFd changes_;
  std::map<RunId, Awaited> awaited_;  // as many as there are runs
  std::vector<Taken> taken_;
};

}  // namespace ringfence::supervisor
