#include "supervisor/processor_steering.h"

#include <utility>

namespace ringfence::supervisor {

void ProcessorSteering::tick(Microseconds now, const governor::Signals& signals,
                             const std::optional<ForegroundReading>& foreground) {
  // Those of the person's own class are never kept off, and have a processor as the person's programs do.
  bool any = false;
  governor::RescheduleRule::Agents going;
  for (const governor::RunSignals& run : signals.runs) {
    if (run.priority == governor::RunClass::kInteractive) continue;
    any = true;
    if (run.hold != governor::Hold::kNone) continue;
    ++going.count;
    going.cpuUsec += run.cpuUsec.value_or(0);
  }
  if (!any) return rest();
  if (foreground) {
    work_.tick(now, foreground->cpuUsec);
    if (auto change = reserve_.tick(work_)) world_.submit({change->processors, std::move(change->reason)});
  }
  chooseOften(reschedule_.tick(now, work_, going, signals.device.cpus));
}

// What cannot be made once is not tried again.
void ProcessorSteering::chooseOften(bool on) {
  if (world_.ticker == nullptr) return;
  if (auto set = world_.ticker->set(on); !set) {
    world_.ticker = nullptr;
    world_.report({std::move(set).error()});
  }
}

}  // namespace ringfence::supervisor
