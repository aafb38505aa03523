// When the kernel is to be made to choose anew, soon after each tick of its clock, who has a processor.
//
// A weight says who is chosen, not when. Since Linux 6.6 (EEVDF) a program that has had more than its part is not
// chosen again while another one may be, whatever their weights are: a thread of the kernel that wakes at a tick,
// interrupts the person's program for some microseconds and sleeps again, hands the processor to an agent, and the next
// choice is at the next tick, 4 ms later where HZ is 250. An agent that has had that processor for a moment is far over
// its part, so any choice gives it back. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "supervisor/governor/foreground_work.h"
#include "supervisor/governor/processor_share.h"

namespace ringfence::supervisor::governor {

class RescheduleRule {
 public:
  // Of the agents of the background that nobody holds.
  struct Agents {
    std::size_t count = 0;
    std::uint64_t cpuUsec = 0;  // what they have used, of any beginning
  };
  // `processors`: of the machine. Returns whether it is to be made now: while the person's programs work, and agents
  // have used half of all processors within the last two seconds, or one of them began or went on a moment ago. With
  // less there are processors that sleep, which it would wake in vain.
  bool tick(Microseconds now, const ForegroundWork& work, const Agents& agents, std::uint32_t processors);
  // The same before the next reading, when one begins or goes on.
  bool wentOn(Microseconds now, const ForegroundWork& work);

 private:
  std::size_t count_ = 0;
  ProcessorShare share_;
  Microseconds until_{};
};

// Between two choices: the tick, or a whole part of it where that is longer than 4 ms and there is one. Nothing where
// no choice is needed: a kernel before 6.6 (`release`: as uname says it) or whose ticks are as near as a millisecond.
std::optional<std::chrono::nanoseconds> rescheduleEvery(std::string_view release, std::chrono::nanoseconds tick);

}  // namespace ringfence::supervisor::governor
