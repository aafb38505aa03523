#include "sdk/base/units.h"

#include <cstdio>

namespace ringfence {

std::string memoryLimitWords(Bytes peak, Bytes limit) {
  return "peak " + formatBytes(peak) + " of " + formatBytes(limit) + "; run fewer tests at once";
}

std::string formatBytes(Bytes bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes.count);
  int unit = 0;
  while (value >= 1024 && unit < 6) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

}  // namespace ringfence
