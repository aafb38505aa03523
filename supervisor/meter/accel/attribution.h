// Shares out what a device was busy: to the runs as their clients tell, where clients tell; else to who held its lease;
// and what is left to nobody. Runs and the unattributed together are always what the device counted. Pure.
//
//   for (const DeviceWindow& window : watch.add(sample.devices)) {
//     const auto shares = attribute(window, ledger.takeBusy(window.device), broker.takeSpans(window.device, now));
//   }
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/meter/accel/growing_counter.h"
#include "supervisor/meter/accel/ledger.h"
#include "supervisor/meter/accel/reading.h"

namespace ringfence::supervisor {

// What a device was busy between two readings of it.
struct DeviceWindow {
  AccelDeviceId device;
  Microseconds from{}, to{};
  std::uint64_t busyUsec = 0;
  Confidence confidence = Confidence::kMeasured;  // kEstimated: from a load and not from a counter
  bool operator==(const DeviceWindow&) const = default;
};

class DeviceWatch {
 public:
  // A window for each device that was read anew, from its second reading on. One that tells no use has none.
  std::vector<DeviceWindow> add(std::span<const AccelDeviceReading> readings);

 private:
  struct Seen {
    Microseconds at{};
    GrowingCounter busyUsec{GrowingCounter::First::kIsTheBase};
  };
  std::map<AccelDeviceId, Seen> seen_;
};

// `clients` and `leases` are of that device and window. With any entry in `clients`, they decide: together more than
// the device (they overlap on its engines) means that all are scaled down, estimated. Without, the leases do:
//   one holder       all of it, measured
//   several          by the time that each held it, estimated
//   nobody           unattributed
// Whoever held it for less than the device was busy is charged the time that he held it, estimated: a job that ran on
// after its lease is not told from one of somebody without a lease.
// Shares of 0 are left out.
std::vector<Attributed> attribute(const DeviceWindow& window, std::span<const RunBusy> clients,
                                  std::span<const LeaseSpan> leases);

}  // namespace ringfence::supervisor
