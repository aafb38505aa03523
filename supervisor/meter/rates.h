// From readings to what a person and the governor ask for: how much of a processor, how many bytes a second, how fast
// memory grows. Pure. What is unknown, or was counted backwards, is absent: a rate is never made up.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "supervisor/meter/device_meter.h"
#include "supervisor/meter/group_meter.h"

namespace ringfence::supervisor {

// How far a counter came; absent when one of the two is unknown or it went back.
std::optional<std::uint64_t> increase(std::optional<std::uint64_t> before, std::optional<std::uint64_t> now);

struct StallShares {
  std::optional<double> cpu, memory, io;  // of the time; 0 to 1
  bool operator==(const StallShares&) const = default;
};

struct GroupRates {
  std::optional<double> cpuShare;  // 1: one processor, all the time
  std::optional<double> readBytesPerSec, writeBytesPerSec, refaultsPerSec, majorFaultsPerSec;
  StallShares stalled;
  bool operator==(const GroupRates&) const = default;
};
// `elapsed` between the two readings; nothing is known when it is not positive.
GroupRates ratesBetween(const GroupReading& before, const GroupReading& now, Microseconds elapsed);

struct DomainPower {
  std::string domain;
  double watts = 0;
  bool operator==(const DomainPower&) const = default;
};
struct DeviceRates {
  std::optional<double> cpuShare, stolenShare;  // of all processors together; 0 to 1
  std::optional<double> readBytesPerSec, writeBytesPerSec;
  StallShares stalled;
  std::vector<DomainPower> power;  // of the domains that both readings have
  bool operator==(const DeviceRates&) const = default;
};
DeviceRates ratesBetween(const DeviceReading& before, const DeviceReading& now, Microseconds elapsed);

struct Point {
  Microseconds at{};
  std::uint64_t value = 0;
  bool operator==(const Point&) const = default;
};

// The most points that a slope is taken over: each is compared with each.
inline constexpr std::size_t kMaxSlopePoints = 32;

// Change a second: the median of the slopes between every two points (Theil-Sen), which a burst in less than a quarter
// of them does not move much. Over the last kMaxSlopePoints. Absent with less than three, or all at one time.
std::optional<double> slopePerSec(std::span<const Point> points);

// The points of the last `age`, not closer together than the bound on their number asks for.
class SlopeWindow {
 public:
  explicit SlopeWindow(Microseconds age) : age_(age) {}
  // Unknown values, and times that do not go forward, are left out.
  void add(Microseconds at, std::optional<std::uint64_t> value);
  std::optional<double> perSec() const { return slopePerSec(points_); }
  std::span<const Point> points() const { return points_; }

 private:
  Microseconds age_;
  std::vector<Point> points_;
};

}  // namespace ringfence::supervisor
