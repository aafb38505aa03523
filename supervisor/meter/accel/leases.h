// When each run could submit to the devices that it has leased: while it runs, and not while it is frozen. Pure.
//
//   times.open(run, {"0000:00:0b.0"}, now);   // it runs
//   times.close(run, now);                    // it is frozen, or has ended
//   attribute(window, clients, times.within(window.device, window.from, window.to));
#pragma once

#include <optional>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"
#include "supervisor/meter/accel/reading.h"

namespace ringfence::supervisor {

class LeaseTimes {
 public:
  // Of one that could already: nothing.
  void open(const RunId& run, const std::vector<AccelDeviceId>& devices, Microseconds at);
  void close(const RunId& run, Microseconds at);

  // How long each run could, between `from` and `to`. In the order of the runs; without those that could not.
  std::vector<LeaseSpan> within(const AccelDeviceId& device, Microseconds from, Microseconds to) const;
  // Windows that begin before are not asked about any more.
  void forgetBefore(Microseconds at);
  std::size_t remembered() const { return spans_.size(); }

 private:
  struct Span {
    RunId run;
    std::vector<AccelDeviceId> devices;
    Microseconds from{};
    std::optional<Microseconds> to;  // absent: it can now
  };
  std::vector<Span> spans_;
};

}  // namespace ringfence::supervisor
