// Whether the daemon is at work: a beat may be sent when its loop turns and a token went through every thread without
// which nothing is recorded or forgotten. What ringfence-stop does without beats is in docs/emergency-stop.md.
//
// Left out are the threads that take as long as somebody else needs, and through which nothing goes that holds or ends
// an agent: the check of the log on request, the reading of accelerators (a driver that hangs is told by the doctor),
// what takes memory back, and what removes private homes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"

namespace ringfence::supervisor {

class Heartbeat {
 public:
  struct Worker {
    std::function<void(std::uint64_t)> pass;  // hands it a token, larger each time; does not wait
    std::function<std::uint64_t()> passed;    // the last one that it had in hand
  };
  // `every`: between two beats.
  Heartbeat(std::vector<Worker> workers, Milliseconds every) : workers_(std::move(workers)), every_(every) {}

  // True: send a beat, as the tokens of the last round have gone through. Looks only when it is time. Times: boottime.
  bool isDue(Microseconds now) {
    if (now < next_) return false;
    for (const Worker& worker : workers_) {
      if (worker.passed() >= round_) continue;
      next_ = now + every_ / 4;
      return false;
    }
    ++round_;
    for (const Worker& worker : workers_) worker.pass(round_);
    next_ = now + every_;
    return true;
  }
  Microseconds nextWake() const { return next_; }

 private:
  std::vector<Worker> workers_;
  Milliseconds every_;
  Microseconds next_{};
  std::uint64_t round_ = 0;
};

}  // namespace ringfence::supervisor
