// Reads what the whole machine has, uses and waits for. A number that it does not give is absent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "supervisor/meter/disks.h"
#include "supervisor/meter/energy.h"
#include "supervisor/meter/group_meter.h"
#include "supervisor/meter/kernel_file.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

struct DeviceReading {
  std::optional<std::uint32_t> cpus;         // online
  std::optional<std::uint64_t> cpuBusyUsec;  // of all processors since boot; most kernels count whole ticks
  std::optional<std::uint64_t> memoryTotalBytes, memoryAvailableBytes, swapFreeBytes;
  std::optional<std::uint64_t> ioReadBytes, ioWriteBytes;  // of all whole disks, those that were taken away too
  PressureTotals pressure;
  std::vector<EnergyReading> energy;      // empty: this machine does not tell
  std::optional<BatteryReading> battery;  // absent: it has none
  bool operator==(const DeviceReading&) const = default;
};

class DeviceMeter {
 public:
  // Borrows `roots`, which must outlive it.
  explicit DeviceMeter(const MeterRoots& roots);
  // kQuick: processors, memory, pressure. kFull asks firmware and takes up to milliseconds: about once a second at
  // most.
  DeviceReading read(Depth depth);
  // Block devices that are no disks, for GroupMeter::read; as of the last full reading.
  std::span<const DeviceNumber> notDisks() const { return disks_.notDisks(); }

 private:
  void readProcessors(std::span<char> buffer, DeviceReading& reading) const;
  void readMemory(std::span<char> buffer, DeviceReading& reading) const;

  const MeterRoots& roots_;
  KernelFile stat_, online_, memory_, cpuPressure_, memoryPressure_, ioPressure_;
  EnergyCounters energy_;
  Disks disks_;
};

}  // namespace ringfence::supervisor
