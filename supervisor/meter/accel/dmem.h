// Memory of devices as the kernel's dmem controller counts it for a control group: exact, of the whole group, and where
// the kernel has it alone (Linux 6.14, drivers xe and amdgpu). Of busy time it tells nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "supervisor/meter/accel/reading.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxDmemRegions = 256;

using DmemBytes = std::map<DevicePart, std::uint64_t>;  // "0000:03:00.0", "vram0"

// Lines "drm/0000:03:00.0/vram0 12550144"; a line that is none (also "… max") is left out.
DmemBytes parseDmem(std::string_view content);

// Of the group that the descriptor is the directory of, and of all below it. Absent: this kernel has no such
// controller, or the group not.
std::optional<DmemBytes> readDmemCurrent(int groupDirectory);

}  // namespace ringfence::supervisor
