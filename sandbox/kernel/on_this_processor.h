// Keeps the calling thread on the processor that it is on, for as long as this lives. Two threads that only take turns
// are fastest on one: waking an idle processor takes longer than most of what they do for each other.
#pragma once

#include <sched.h>

namespace ringfence::sandbox {

// Where the kernel says no it does nothing. A thread that is started meanwhile would stay there for good.
class OnThisProcessor {
 public:
  OnThisProcessor();
  ~OnThisProcessor();
  OnThisProcessor(const OnThisProcessor&) = delete;
  OnThisProcessor& operator=(const OnThisProcessor&) = delete;

 private:
  bool kept_ = false;
};

}  // namespace ringfence::sandbox
