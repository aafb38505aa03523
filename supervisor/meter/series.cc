#include "supervisor/meter/series.h"

#include <algorithm>
#include <limits>

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kFull = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Microseconds lengthOf(Grain grain) {
  switch (grain) {
    case Grain::kSecond: return std::chrono::seconds(1);
    case Grain::kMinute: return std::chrono::minutes(1);
    case Grain::kHour: break;
  }
  return std::chrono::hours(1);
}

Microseconds startOf(Microseconds at, Grain grain) {
  const Microseconds length = lengthOf(grain);
  Microseconds into = at % length;
  if (into < Microseconds::zero()) into += length;
  return at - into;
}

GaugeBucket GaugeBucket::of(Microseconds, std::uint64_t value) {
  return {.least = value, .most = value, .sum = value, .count = 1};
}

void GaugeBucket::fold(const GaugeBucket& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  least = std::min(least, other.least);
  most = std::max(most, other.most);
  if (__builtin_add_overflow(sum, other.sum, &sum)) sum = kFull;
  count += other.count;
}

std::optional<double> GaugeBucket::mean() const {
  if (count == 0 || sum == kFull) return std::nullopt;
  return static_cast<double>(sum) / static_cast<double>(count);
}

void CounterBucket::fold(const CounterBucket& other) { *this = std::max(*this, other); }

}  // namespace ringfence::supervisor
