#include "supervisor/meter/rates.h"

#include <catch2/catch_all.hpp>
#include <limits>
#include <random>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// A straight line with some points far off it.
std::vector<Point> line(std::mt19937_64& random, double bytesPerSec, std::size_t outliers) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < kMaxSlopePoints; ++i) {
    const Microseconds at(1'000'000'000 + static_cast<std::int64_t>(i) * 100'000);
    points.push_back({at, static_cast<std::uint64_t>(1e10 + bytesPerSec * 0.1 * static_cast<double>(i))});
  }
  std::vector<std::size_t> order(points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t i = 0; i < outliers; ++i) points[order[i]].value = random() >> (random() % 40);
  return points;
}

}  // namespace

TEST_CASE("an increase is unknown when either is, or when the counter went back") {
  CHECK(increase(3, 5) == 2);
  CHECK(increase(5, 5) == 0);
  CHECK_FALSE(increase(5, 3));
  CHECK_FALSE(increase(std::nullopt, 3));
  CHECK_FALSE(increase(3, std::nullopt));
}

TEST_CASE("rates of a group are a second's, and shares of time are at most all of it") {
  const GroupReading before{
      .cpuUsec = 1'000'000, .refaults = 10, .majorFaults = 5, .ioReadBytes = 0, .pressure = {0, 0, 100}};
  const GroupReading now{.cpuUsec = 1'750'000,
                         .refaults = 110,
                         .majorFaults = 5,
                         .ioReadBytes = 4096,
                         .ioWriteBytes = 7,
                         .pressure = {250'000, 600'000, 50}};
  const GroupRates rates = ratesBetween(before, now, 500ms);
  CHECK(rates.cpuShare == 1.5);
  CHECK(rates.readBytesPerSec == 8192);
  CHECK_FALSE(rates.writeBytesPerSec);
  CHECK(rates.refaultsPerSec == 200);
  CHECK(rates.majorFaultsPerSec == 0);
  CHECK(rates.stalled == StallShares{0.5, 1, std::nullopt});
}

TEST_CASE("no time, or time that ran backwards, gives no rate") {
  const GroupReading before{.cpuUsec = 1}, now{.cpuUsec = 2};
  CHECK(ratesBetween(before, now, 0us) == GroupRates{});
  CHECK(ratesBetween(before, now, -1us) == GroupRates{});
}

TEST_CASE("rates of the machine are of all its processors, and power is by domain") {
  const DeviceReading before{
      .cpus = 4, .cpuBusyUsec = 0, .cpuStolenUsec = 0, .energy = {{"package-0", 10}, {"gone", 1}}};
  const DeviceReading now{.cpus = 4,
                          .cpuBusyUsec = 1'000'000,
                          .cpuStolenUsec = 9'000'000,
                          .energy = {{"new", 5}, {"package-0", 20'000'010}}};
  const DeviceRates rates = ratesBetween(before, now, 1s);
  CHECK(rates.cpuShare == 0.25);
  CHECK(rates.stolenShare == 1);
  CHECK(rates.power == std::vector<DomainPower>{{"package-0", 20}});
  DeviceReading unknown = now;
  unknown.cpus = std::nullopt;
  CHECK_FALSE(ratesBetween(before, unknown, 1s).cpuShare);
}

TEST_CASE("a total follows a counter from its first reading on") {
  RunningTotal total;
  CHECK(total.take(1000) == 0);
  CHECK(total.take(1300) == 300);
  CHECK(total.take(1300) == 300);
  RunningTotal begun;
  CHECK(begun.begin(1000) == 1000);
  CHECK(begun.take(1001) == 1001);
}

TEST_CASE("a counter that was read a little too low is held, one that began anew counts from nothing") {
  RunningTotal total;
  (void)total.take(1000);
  CHECK(total.take(990) == 0);
  CHECK(total.take(1010) == 10);
  CHECK(total.take(40) == 50);
  CHECK(total.take(60) == 70);
}

TEST_CASE("a counter that wraps goes on, and one that cannot have come so far around began anew") {
  RunningTotal total;
  (void)total.take(900, 1000);
  CHECK(total.take(50, 1000) == 150);
  (void)total.take(400, 1000);
  CHECK(total.total() == 500);
  CHECK(total.take(100, 1000) == 600);    // 700 around: it began anew
  CHECK(total.take(5000, 1000) == 5500);  // above where it should wrap: a counter like any other
  CHECK(total.take(4999, 1000) == 5500);
}

TEST_CASE("a total never goes backwards and never overflows, whatever the counter does") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 200; ++round) {
    RunningTotal total;
    std::uint64_t before = 0;
    const std::optional<std::uint64_t> wrapsAt =
        random() % 2 ? std::optional<std::uint64_t>(random() >> (random() % 64)) : std::nullopt;
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t now = total.take(random() >> (random() % 64), wrapsAt);
      REQUIRE(now >= before);
      before = now;
    }
  }
  RunningTotal full;
  (void)full.begin(kMost);
  (void)full.take(0);
  CHECK(full.take(kMost) == kMost);
}

TEST_CASE("a total of a wrapping counter is what was really spent, if it is read often enough") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 100; ++round) {
    const std::uint64_t range = 1000 + random() % 1'000'000'000;
    std::uint64_t spent = random() % range;
    const std::uint64_t start = spent;
    RunningTotal total;
    (void)total.take(spent % range, range);
    for (int i = 0; i < 200; ++i) {
      spent += random() % (range / 2);
      REQUIRE(total.take(spent % range, range) == spent - start);
    }
  }
}

TEST_CASE("a slope needs three points and some time") {
  const std::vector<Point> points{{0us, 0}, {1s, 10}, {2s, 20}};
  CHECK(slopePerSec(points) == 10);
  CHECK_FALSE(slopePerSec(std::span(points).first(2)));
  CHECK_FALSE(slopePerSec(std::vector<Point>{{1s, 1}, {1s, 2}, {1s, 3}}));
  CHECK(slopePerSec(std::vector<Point>{{0us, 20}, {1s, 10}, {2s, 0}}) == -10);
  CHECK(slopePerSec(std::vector<Point>{{0us, 0}, {1s, 1}, {2s, 3}, {3s, 10}}) == Catch::Approx((2 + 10.0 / 3) / 2));
  CHECK(slopePerSec(std::vector<Point>{{0us, kMost}, {1s, 0}, {2s, 0}}).has_value());
}

TEST_CASE("a slope is that of the line, whatever a quarter of the points are") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 300; ++round) {
    const double slope = static_cast<double>(random() % 200'000'000) - 1e8;
    const auto points = line(random, slope, random() % (kMaxSlopePoints / 4 + 1));
    const auto found = slopePerSec(points);
    REQUIRE(found);
    REQUIRE(*found == Catch::Approx(slope).epsilon(1e-6).margin(20));
  }
}

TEST_CASE("a slope does not depend on where the values start, nor on the order of the points") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 50; ++round) {
    auto points = line(random, 1e6, 8);
    for (Point& point : points) point.value %= 1ULL << 40;
    const auto slope = slopePerSec(points);
    auto moved = points;
    for (Point& point : moved) point.value += 1ULL << 41;
    CHECK(slopePerSec(moved) == slope);
    std::shuffle(points.begin(), points.end(), random);
    CHECK(slopePerSec(points) == slope);
  }
}

TEST_CASE("only the last points count, and a window holds its age and no more points than the bound") {
  std::vector<Point> points{{0us, 1'000'000'000}, {1us, 0}};
  for (std::size_t i = 0; i < kMaxSlopePoints; ++i) points.push_back({Microseconds(1s) * (i + 1), i});
  CHECK(slopePerSec(points) == 1);

  SlopeWindow window(10s);
  for (int i = 0; i < 100'000; ++i) {
    window.add(Microseconds(i) * 1000, static_cast<std::uint64_t>(i) * 1000);
    REQUIRE(window.points().size() <= kMaxSlopePoints);
  }
  CHECK(window.perSec() == Catch::Approx(1'000'000));
  CHECK(window.points().front().at >= 90s - 1ms);
  CHECK(window.points().back().at - window.points().front().at > 9s);
}

TEST_CASE("a window leaves out what is unknown and what does not come later") {
  SlopeWindow window(10s);
  window.add(5s, 1);
  window.add(5s, 2);
  window.add(4s, 3);
  window.add(6s, std::nullopt);
  window.add(7s, 5);
  CHECK(std::vector<Point>(window.points().begin(), window.points().end()) == std::vector<Point>{{5s, 1}, {7s, 5}});
  window.add(60s, 9);
  CHECK(window.points().size() == 1);
}
