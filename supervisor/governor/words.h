// Numbers as a person reads them. Never parsed again.
#pragma once

#include <string>

#include "sdk/base/clock.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor::governor {

std::string spanWords(Microseconds span);              // "180 ms", "12 s", "6 min", "4.0 h"
std::string bytesWords(double bytes);                  // "1.1 GiB"
std::string rateWords(double bytesPerSec);             // "1.1 MiB/s"
std::string numberWords(double number, int decimals);  // "2.5"
double seconds(Microseconds span);

}  // namespace ringfence::supervisor::governor
