// What is done with the processors for the person's programs, beside the placement of the agents: processors are kept
// from these (governor/processor_reserve.h), and the kernel is made to choose more often (governor/reschedule_rule.h).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/core/command.h"
#include "supervisor/governor/foreground_work.h"
#include "supervisor/governor/processor_reserve.h"
#include "supervisor/governor/reschedule_rule.h"
#include "supervisor/governor/signals.h"
#include "supervisor/meter/foreground_meter.h"
#include "supervisor/reschedule_ticker.h"

namespace ringfence::supervisor {

class ProcessorSteering {
 public:
  struct World {
    RescheduleTicker* ticker = nullptr;  // absent: the kernel is left to choose
    std::function<void(const ReserveProcessors&)> submit;
    std::function<void(const std::vector<Error>&)> report;
  };
  // `reserved`: processors that are kept while the person's programs work.
  ProcessorSteering(World world, std::uint32_t reserved) : world_(std::move(world)), reserve_(reserved) {}

  // After a reading. `foreground`: absent where it was not looked at.
  void tick(Microseconds now, const governor::Signals& signals, const std::optional<ForegroundReading>& foreground);
  // An agent of the background began or goes on: before the next reading.
  void wentOn(Microseconds now) { chooseOften(reschedule_.wentOn(now, work_)); }
  // Nothing runs any more.
  void rest() { chooseOften(false); }

 private:
  void chooseOften(bool on);

  World world_;
  governor::ForegroundWork work_;
  governor::ProcessorReserve reserve_;
  governor::RescheduleRule reschedule_;
};

}  // namespace ringfence::supervisor
