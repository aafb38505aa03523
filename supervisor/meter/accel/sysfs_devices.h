// Devices that tell of themselves alone and not of their clients. Known by the files that they have:
// /sys/class/accel/accelN/device/npu_busy_time_us (Intel) and the rknpu directory of debugfs (Rockchip).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/meter/accel/reading.h"
#include "supervisor/meter/roots.h"

namespace ringfence::supervisor {

// Whether a source can be read here.
enum class Presence { kAbsent, kPresent, kRefused };  // kRefused: it exists, and the kernel does not let us read it

// Reading the counter takes the lock that jobs are submitted under: once a second, its driver asks.
inline constexpr Microseconds kBusyTimePeriod{1'000'000};
// A load and no counter: what lies between two looks is taken to be as the later one.
inline constexpr Microseconds kRockchipPeriod{1'000'000};

// An accelerator that programs open: its node below /dev, and its device.
struct AccelNode {
  std::string path;  // "accel/accel0", "dri/renderD128"
  AccelDeviceId device;
  unsigned majorNumber = 0, minorNumber = 0;  // of the node
  std::string bus;                            // "pci", "platform"; empty: the kernel does not tell
  // What the device's folder in /sys tells to whoever chooses a driver for it: names of files and their contents.
  std::map<std::string, std::string> attributes;
  std::optional<std::uint32_t> onlyGroup;  // that may open it, besides its owner and root; absent: also others
  bool operator==(const AccelNode&) const = default;
};
// In the order of their names: of NPUs those in /dev/accel, of GPUs the render nodes in /dev/dri, which compute and
// cannot change what a screen shows.
std::vector<AccelNode> accelNodes(const MeterRoots& roots, AccelKind kind);

Presence probeBusyTimeDevices(const MeterRoots& roots);
std::vector<AccelDeviceReading> readBusyTimeDevices(const MeterRoots& roots);

Presence probeRockchip(const MeterRoots& roots);
std::vector<AccelDeviceReading> readRockchip(const MeterRoots& roots);
// "NPU load:  Core0: 12%, Core1:  0%," or "NPU load:  3%": of all cores together. Absent: no percentage in it.
std::optional<std::uint32_t> parseRockchipLoad(std::string_view content);

}  // namespace ringfence::supervisor
