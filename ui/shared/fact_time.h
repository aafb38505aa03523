// A moment as the daemon tells it (RFC 3339), in the time of the place where the person is. Pure but for that place.
#pragma once

#include <QString>
#include <string_view>

namespace ringfence::ui {

// "2026-11-28 10:00:00.123"; what is no moment, as visible text.
QString localTime(std::string_view rfc3339);

}  // namespace ringfence::ui
