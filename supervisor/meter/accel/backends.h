// Sources of numbers about GPUs and NPUs, as a list. The next one is a class beside the others and one line in
// accelBackends().
//
//   AccelMeter meter(roots, accelBackends());
//   AccelSample sample = meter.read(pidsOfAgents, clock.now().monotonic);
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "supervisor/meter/accel/client_reader.h"
#include "supervisor/meter/accel/reading.h"
#include "supervisor/meter/accel/sysfs_devices.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

class AccelBackend {
 public:
  virtual ~AccelBackend() = default;
  virtual Presence probe(const MeterRoots& roots) = 0;
  virtual AccelScope scope() const = 0;
  virtual Microseconds minPeriod() const = 0;  // it must not be read more often
  virtual ClientReadings clients(const MeterRoots& roots, std::span<const int> pids, Microseconds now) = 0;
  virtual std::vector<AccelDeviceReading> devices(const MeterRoots& roots) = 0;
};

std::vector<std::unique_ptr<AccelBackend>> accelBackends(DeviceOf deviceOf = deviceOfDescriptor);

// A source that is not there is asked again after so long: devices come and go.
inline constexpr Microseconds kProbePeriod{10'000'000};

struct AccelSample {
  ClientReadings clients;
  std::vector<AccelDeviceReading> devices;  // `at` says how old each is
  std::uint32_t refusedSources = 0;         // that exist and may not be read
};

class AccelMeter {
 public:
  // Borrows `roots`, which must outlive it.
  AccelMeter(const MeterRoots& roots, std::vector<std::unique_ptr<AccelBackend>> backends);
  // As often as one likes: a source whose time has not come gives its last reading again.
  AccelSample read(std::span<const int> pids, Microseconds now);

 private:
  struct Source {
    std::unique_ptr<AccelBackend> backend;
    Presence presence = Presence::kAbsent;
    std::optional<Microseconds> probed, wasRead;
    ClientReadings clients;
    std::vector<AccelDeviceReading> devices;
  };
  void refresh(Source& source, std::span<const int> pids, Microseconds now);

  const MeterRoots& roots_;
  std::vector<Source> sources_;
};

}  // namespace ringfence::supervisor
