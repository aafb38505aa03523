// The text of /proc/PID/fdinfo/N of a descriptor of a GPU or NPU, as values. Rules are by key, never by the name of a
// driver; what no rule knows is kept as it is. Pure; bounded; the text is the kernel's, but parts of it (a client's
// name) are chosen by the process.
//
//   if (const auto info = parseFdinfo(text)) use(info->engines);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/meter/accel/reading.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxFdinfoBytes = 64 * 1024;
inline constexpr std::size_t kMaxFdinfoNames = 64;  // engines, regions, unknown keys: of each

// Bytes of one region as the driver tells them; each kind is absent when it does not.
struct RegionMemory {
  std::optional<std::uint64_t> total, shared, resident, purgeable, active;
  std::optional<std::uint64_t> memory;  // "drm-memory-": the old name of resident
  bool operator==(const RegionMemory&) const = default;
};

struct Fdinfo {
  std::string driver;
  std::optional<std::string> pdev;  // absent: no PCI device
  std::optional<std::uint64_t> client;
  std::map<std::string, EngineCounters> engines;
  std::map<std::string, RegionMemory> regions;
  std::map<std::string, std::string> unknown;  // also a known key whose value is no number or has a strange unit
  bool cut = false;                            // there was more than is kept
  bool operator==(const Fdinfo&) const = default;
};

// Absent: not the text of such a device (no "drm-driver").
std::optional<Fdinfo> parseFdinfo(std::string_view text);

// By region, each byte once: resident, else its old name, else total. Where a driver counts one buffer in two of its
// kinds of total and gives the exact sum under its own prefix ("DRIVER-internal-alloc" and "DRIVER-external-alloc"),
// that sum is taken.
std::map<std::string, std::uint64_t> memoryInUse(const Fdinfo& info);
// Of that, what is shared with other clients; regions without any are left out.
std::map<std::string, std::uint64_t> memoryShared(const Fdinfo& info,
                                                  const std::map<std::string, std::uint64_t>& inUse);

}  // namespace ringfence::supervisor
