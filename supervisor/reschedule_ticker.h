// Makes the kernel choose anew, shortly after each tick of its clock, who has a processor (why:
// governor/reschedule_rule.h): a thread on each processor wakes then and has nothing to do. It is of the scheduler's
// batch class: where an agent of the background runs, it interrupts that one; where anything else does, it waits for
// its turn, and a person's program is never interrupted by it.
//
// A thread for each processor, because a wake-up makes only its own processor choose. Not guaranteed: that one which
// comes later has a thread too.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sdk/base/result.h"

namespace ringfence::supervisor {

class RescheduleTicker {
 public:
  // For this machine: null where it would be of no use, for this kernel (`release`: as uname says it) chooses often
  // enough, or does not let agents be interrupted by whatever wakes.
  static std::unique_ptr<RescheduleTicker> create(const std::string& release, sandbox::CgroupTree::Placement placement);
  // `every`: what fits a whole number of times into the kernel's tick.
  explicit RescheduleTicker(std::chrono::nanoseconds every) : every_(every) {}
  // Waits for its threads, at most for one interval and their turn.
  ~RescheduleTicker();
  RescheduleTicker(const RescheduleTicker&) = delete;
  RescheduleTicker& operator=(const RescheduleTicker&) = delete;

  // Does not block. The first time it makes the threads, one for each processor that this process may use; while it is
  // off they sleep without a timer. Fails where no thread can be made, and stays off then.
  Result<void> set(bool on);

 private:
  enum class Order { kOff, kOn, kEnd };
  Result<void> begin();
  void end();
  void order(Order order);
  void work(int processor) const;

  const std::chrono::nanoseconds every_;
  std::atomic<Order> order_ = Order::kOff;
  std::vector<std::thread> threads_;
};

}  // namespace ringfence::supervisor
