#include "supervisor/meter/accel/attribution.h"

#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using test::numberedRun;

const RunId kA = numberedRun(1), kB = numberedRun(2);

DeviceWindow window(std::uint64_t busyUsec) {
  return {.device = "npu", .from = {}, .to = Microseconds{1'000'000}, .busyUsec = busyUsec};
}

Attributed part(std::optional<RunId> run, std::uint64_t usec, AccelScope scope, Confidence confidence) {
  return {"npu", run, usec, scope, confidence};
}

AccelDeviceReading reading(std::uint64_t busyUsec, int second) {
  AccelDeviceReading device;
  device.device = "npu";
  device.busyUsec = busyUsec;
  device.at = Microseconds{second * 1'000'000};
  return device;
}

using Parts = std::vector<Attributed>;
constexpr auto kMeasured = Confidence::kMeasured, kEstimated = Confidence::kEstimated;

}  // namespace

TEST_CASE("what clients tell is theirs, measured, and the rest is nobody's") {
  const std::vector<RunBusy> busy{{kA, "npu", 300}, {kB, "npu", 0}};
  CHECK(attribute(window(1000), busy, {}) ==
        Parts{part(kA, 300, AccelScope::kClient, kMeasured), part({}, 700, AccelScope::kDevice, kMeasured)});
}

TEST_CASE("clients that overlap are scaled down to what the device was busy, estimated") {
  const std::vector<RunBusy> busy{{kA, "npu", 900}, {kB, "npu", 600}};
  CHECK(attribute(window(1000), busy, {}) ==
        Parts{part(kA, 600, AccelScope::kClient, kEstimated), part(kB, 400, AccelScope::kClient, kEstimated)});
}

TEST_CASE("clients decide where they tell, whoever held the lease") {
  const std::vector<RunBusy> busy{{kA, "npu", 0}};
  const std::vector<LeaseSpan> leases{{kB, "npu", 1'000'000}};
  CHECK(attribute(window(1000), busy, leases) == Parts{part({}, 1000, AccelScope::kDevice, kMeasured)});
}

TEST_CASE("the one holder of the lease has all of it, measured") {
  const std::vector<LeaseSpan> leases{{kA, "npu", 500'000}, {kB, "another", 1'000'000}};
  CHECK(attribute(window(1000), {}, leases) == Parts{part(kA, 1000, AccelScope::kDevice, kMeasured)});
}

TEST_CASE("several holders share by the time that each held it, estimated") {
  const std::vector<LeaseSpan> leases{{kA, "npu", 750'000}, {kB, "npu", 250'000}};
  CHECK(attribute(window(1001), {}, leases) ==
        Parts{part(kA, 751, AccelScope::kDevice, kEstimated), part(kB, 250, AccelScope::kDevice, kEstimated)});
}

TEST_CASE("who held it for less than it was busy is charged no more than that, and it is an estimate") {
  const std::vector<LeaseSpan> leases{{kA, "npu", 10'000}};
  CHECK(attribute(window(900'000), {}, leases) ==
        Parts{part(kA, 10'000, AccelScope::kDevice, kEstimated), part({}, 890'000, AccelScope::kDevice, kMeasured)});
}

TEST_CASE("without clients and holders a device's use is nobody's") {
  CHECK(attribute(window(5), {}, {}) == Parts{part({}, 5, AccelScope::kDevice, kMeasured)});
  CHECK(attribute(window(0), {}, {}).empty());
}

TEST_CASE("a load instead of a counter makes every share an estimate") {
  DeviceWatch watch;
  AccelDeviceReading device;
  device.device = "npu";
  device.busyPercent = 40;
  CHECK(watch.add(std::span(&device, 1)).empty());
  device.at = Microseconds{2'000'000};
  const auto windows = watch.add(std::span(&device, 1));
  REQUIRE(windows.size() == 1);
  CHECK(windows[0].busyUsec == 800'000);
  const std::vector<LeaseSpan> leases{{kA, "npu", 2'000'000}};
  CHECK(attribute(windows[0], {}, leases) == Parts{part(kA, 800'000, AccelScope::kDevice, kEstimated)});
}

TEST_CASE("a device is windowed from its second reading on, once for each reading, and never backwards") {
  DeviceWatch watch;
  const auto add = [&](AccelDeviceReading device) { return watch.add(std::span(&device, 1)); };
  CHECK(add(reading(5'000'000, 1)).empty());  // since the machine began: of no run
  CHECK(add(reading(5'000'000, 1)).empty());
  const auto grown = add(reading(5'300'000, 2));
  REQUIRE(grown.size() == 1);
  CHECK(grown[0].busyUsec == 300'000);
  CHECK(grown[0].from == Microseconds{1'000'000});
  CHECK(add(reading(5'300'000, 2)).empty());  // the same reading again
  CHECK(add(reading(5'100'000, 3))[0].busyUsec == 0);
  CHECK(add(reading(5'400'000, 4))[0].busyUsec == 100'000);
  // A wrap of 64 bits is growth.
  CHECK(add(reading(UINT64_MAX - 9, 5)).size() == 1);
  CHECK(add(reading(20, 6))[0].busyUsec == 30);
  AccelDeviceReading silent;
  silent.device = "silent";
  CHECK(add(silent).empty());
}

TEST_CASE("runs and the unattributed together are always what the device was busy") {
  std::mt19937_64 random(20261128);
  const auto upTo = [&](std::uint64_t most) { return random() % (most + 1); };
  for (int round = 0; round < 20'000; ++round) {
    const DeviceWindow device = window(upTo(round % 3 == 0 ? 10 : 2'000'000));
    std::vector<RunBusy> busy;
    std::vector<LeaseSpan> leases;
    for (std::uint64_t i = upTo(4); i > 0; --i) busy.push_back({numberedRun(unsigned(upTo(5))), "npu", upTo(900'000)});
    for (std::uint64_t i = upTo(4); i > 0; --i)
      leases.push_back({numberedRun(unsigned(upTo(5))), "npu", upTo(900'000)});
    if (upTo(1) == 0) busy.clear();
    std::uint64_t sum = 0;
    for (const Attributed& share : attribute(device, busy, leases)) {
      CHECK(share.busyUsec > 0);
      sum += share.busyUsec;
    }
    REQUIRE(sum == device.busyUsec);
  }
}

}  // namespace ringfence::supervisor
