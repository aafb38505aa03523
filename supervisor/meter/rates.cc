#include "supervisor/meter/rates.h"

#include <algorithm>
#include <array>

namespace ringfence::supervisor {
namespace {

using Number = std::optional<std::uint64_t>;

std::optional<double> perSec(Number before, Number now, Microseconds elapsed) {
  const Number came = increase(before, now);
  if (!came || elapsed <= Microseconds::zero()) return std::nullopt;
  return static_cast<double>(*came) * 1e6 / static_cast<double>(elapsed.count());
}

// Of a counter of microseconds.
std::optional<double> shareOf(Number before, Number now, Microseconds elapsed) {
  const auto rate = perSec(before, now, elapsed);
  return rate ? std::optional(*rate / 1e6) : std::nullopt;
}

// The two readings of a counter and those of the clock are not of the same instant.
std::optional<double> atMostAll(std::optional<double> share) {
  return share ? std::optional(std::min(*share, 1.0)) : std::nullopt;
}

StallShares stallsBetween(const PressureTotals& before, const PressureTotals& now, Microseconds elapsed) {
  return {.cpu = atMostAll(shareOf(before.cpuUsec, now.cpuUsec, elapsed)),
          .memory = atMostAll(shareOf(before.memoryUsec, now.memoryUsec, elapsed)),
          .io = atMostAll(shareOf(before.ioUsec, now.ioUsec, elapsed))};
}

double difference(std::uint64_t from, std::uint64_t to) {
  return to >= from ? static_cast<double>(to - from) : -static_cast<double>(from - to);
}

}  // namespace

std::optional<std::uint64_t> increase(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now) {
  if (!before || !now || *now < *before) return std::nullopt;
  return *now - *before;
}

GroupRates ratesBetween(const GroupReading& before, const GroupReading& now, Microseconds elapsed) {
  return {.cpuShare = shareOf(before.cpuUsec, now.cpuUsec, elapsed),
          .readBytesPerSec = perSec(before.ioReadBytes, now.ioReadBytes, elapsed),
          .writeBytesPerSec = perSec(before.ioWriteBytes, now.ioWriteBytes, elapsed),
          .refaultsPerSec = perSec(before.refaults, now.refaults, elapsed),
          .majorFaultsPerSec = perSec(before.majorFaults, now.majorFaults, elapsed),
          .stalled = stallsBetween(before.pressure, now.pressure, elapsed)};
}

DeviceRates ratesBetween(const DeviceReading& before, const DeviceReading& now, Microseconds elapsed) {
  DeviceRates rates{.readBytesPerSec = perSec(before.ioReadBytes, now.ioReadBytes, elapsed),
                    .writeBytesPerSec = perSec(before.ioWriteBytes, now.ioWriteBytes, elapsed),
                    .stalled = stallsBetween(before.pressure, now.pressure, elapsed)};
  if (now.cpus && *now.cpus > 0) {
    const auto ofAll = [&](Number was, Number is) -> std::optional<double> {
      const auto share = shareOf(was, is, elapsed);
      return share ? atMostAll(*share / *now.cpus) : std::nullopt;
    };
    rates.cpuShare = ofAll(before.cpuBusyUsec, now.cpuBusyUsec);
    rates.stolenShare = ofAll(before.cpuStolenUsec, now.cpuStolenUsec);
  }
  for (const EnergyReading& is : now.energy) {
    const auto was = std::find_if(before.energy.begin(), before.energy.end(),
                                  [&](const EnergyReading& one) { return one.domain == is.domain; });
    if (was == before.energy.end()) continue;
    if (const auto watts = shareOf(was->microjoules, is.microjoules, elapsed))
      rates.power.push_back({is.domain, *watts});
  }
  return rates;
}

std::optional<double> slopePerSec(std::span<const Point> points) {
  if (points.size() > kMaxSlopePoints) points = points.last(kMaxSlopePoints);
  if (points.size() < 3) return std::nullopt;
  std::array<double, kMaxSlopePoints*(kMaxSlopePoints - 1) / 2> slopes;
  std::size_t count = 0;
  for (std::size_t one = 0; one < points.size(); ++one) {
    for (std::size_t other = one + 1; other < points.size(); ++other) {
      const double usec = static_cast<double>((points[other].at - points[one].at).count());
      if (usec != 0) slopes[count++] = difference(points[one].value, points[other].value) / usec * 1e6;
    }
  }
  if (count == 0) return std::nullopt;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(slopes.begin(), middle, slopes.begin() + static_cast<std::ptrdiff_t>(count));
  if (count % 2 == 1) return *middle;
  return (*std::max_element(slopes.begin(), middle) + *middle) / 2;
}

void SlopeWindow::add(Microseconds at, std::optional<std::uint64_t> value) {
  if (!value) return;
  if (!points_.empty()) {
    const Microseconds since = at - points_.back().at;
    if (since <= Microseconds::zero() || since < age_ / static_cast<std::int64_t>(kMaxSlopePoints)) return;
  }
  points_.push_back({at, *value});
  std::erase_if(points_, [&](const Point& point) { return point.at < at - age_; });
  if (points_.size() > kMaxSlopePoints) points_.erase(points_.begin());
}

}  // namespace ringfence::supervisor
