// Whether the person's programs work: from the first sign that one does until none has for ten seconds. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "supervisor/governor/processor_share.h"

namespace ringfence::supervisor::governor {

class ForegroundWork {
 public:
  enum class State {
    kNotYetKnown,
    kUntold,  // nobody can tell, so they are taken to work
    kWorks,
    kRests,  // none has for ten seconds
    kNone,   // none has been seen to
  };

  // `cpuUsec`: what they have used, of any beginning; absent: nobody can tell.
  void tick(Microseconds now, std::optional<std::uint64_t> cpuUsec);
  State state() const { return state_; }
  bool isAssumed() const { return state_ == State::kWorks || state_ == State::kUntold; }

 private:
  State state_ = State::kNotYetKnown;
  ProcessorShare share_;
  std::optional<Microseconds> workedAt_;
};

}  // namespace ringfence::supervisor::governor
