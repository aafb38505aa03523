// Counters of energy that the processor keeps (RAPL), and what sysfs tells of batteries and temperatures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/meter/kernel_file.h"
#include "supervisor/meter/roots.h"
#include "supervisor/meter/running_total.h"

namespace ringfence::supervisor {

// One counter of energy (RAPL "package-0", and what is below it: "package-0/core", "package-0/dram"). What is below is
// part of what it is below, but for dram.
struct EnergyReading {
  std::string domain;
  std::uint64_t microjoules = 0;  // since the meter was made, wraps removed
  bool operator==(const EnergyReading&) const = default;
};

// All batteries of the machine together; those of a mouse or a phone are none of it.
struct BatteryReading {
  std::optional<std::uint32_t> percent;
  bool discharging = false;                 // some battery is, or none says so and no charger is there
  std::optional<std::uint64_t> microwatts;  // drawn from them now; only while discharging
  bool operator==(const BatteryReading&) const = default;
};

// Each counter wraps within minutes to hours of full load (the machine says where): who wants the sum reads it at least
// as often. Only root may read them.
class EnergyCounters {
 public:
  explicit EnergyCounters(const MeterRoots& roots);
  std::vector<EnergyReading> read();  // what cannot be read now is left out

 private:
  struct Domain {
    std::string name;
    KernelFile counter;
    std::optional<std::uint64_t> wrapsAt;
    RunningTotal total;
  };
  std::vector<Domain> domains_;
};

// Absent: the machine has none. Asks the firmware, which may take milliseconds.
std::optional<BatteryReading> readBatteries(const MeterRoots& roots);
// Whether some thermal zone is as hot as the machine itself says is too hot for it: where the kernel begins to slow
// something down ("passive"), or warns ("hot"). Absent: no zone says so. Asks the firmware as well.
std::optional<bool> readTooHot(const MeterRoots& roots);

}  // namespace ringfence::supervisor
