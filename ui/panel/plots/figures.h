// Figures in words and in few signs, as the locale writes them. Pure.
#pragma once

#include <QString>
#include <chrono>
#include <optional>

namespace ringfence::ui {

enum class Unit { kPercent, kBytes, kBytesPerSecond, kCount, kWatts };

// "43 %", "1.2 GiB", "12 KiB/s"; "unknown" for what is not known.
QString figureText(std::optional<double> value, Unit unit);
// "12 s", "4 min", "2 h 5 min", "3 d".
QString durationText(std::chrono::microseconds duration);

}  // namespace ringfence::ui
