// A day of the machine's calendar, as whoever has a clock tells the core.
#pragma once

#include <optional>
#include <string>

#include "sdk/base/clock.h"

namespace ringfence::supervisor {

struct Today {
  std::string day;  // "2026-03-31"; empty: not known
  Microseconds
      passed{};  // of it, as time passes: after a change of the clocks an hour more or less than the clock says

  std::optional<std::string> known() const { return day.empty() ? std::nullopt : std::optional(day); }
};

}  // namespace ringfence::supervisor
