#include "supervisor/governor/words.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace ringfence::supervisor::governor {

double seconds(Microseconds span) { return static_cast<double>(span.count()) / 1e6; }

std::string numberWords(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string spanWords(Microseconds span) {
  const double length = std::max(0.0, seconds(span));
  if (length < 0.9995) return numberWords(length * 1000, 0) + " ms";
  if (length < 9.95) return numberWords(length, 1) + " s";
  if (length < 120) return numberWords(length, 0) + " s";
  if (length < 7200) return numberWords(length / 60, 0) + " min";
  return numberWords(length / 3600, 1) + " h";
}

std::string bytesWords(double bytes) { return formatBytes({static_cast<std::uint64_t>(std::max(0.0, bytes))}); }

std::string rateWords(double bytesPerSec) { return bytesWords(bytesPerSec) + "/s"; }

}  // namespace ringfence::supervisor::governor
