// Days of the machine's calendar.
#pragma once

#include <cstdint>
#include <optional>

#include "sdk/base/clock.h"
#include "supervisor/core/today.h"

namespace ringfence::supervisor {

// "2026-03-31", in the machine's time zone as it is now (UTC where it has none), and how much of that day has passed,
// whatever the clock was set to meanwhile. Reads /etc/localtime when that changed.
Today localToday(Microseconds wall);

// Minutes since that day began on its clock: 0 to 1439. Absent: what the time is cannot be said.
std::optional<std::uint32_t> localMinute(Microseconds wall);

}  // namespace ringfence::supervisor
