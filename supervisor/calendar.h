// Days of the machine's calendar.
#pragma once

#include <string>

#include "sdk/base/clock.h"

namespace ringfence::supervisor {

// "2026-03-31", in the machine's time zone as it is now (UTC where it has none). Reads /etc/localtime when that
// changed.
std::string localDay(Microseconds wall);

}  // namespace ringfence::supervisor
