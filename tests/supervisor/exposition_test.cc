// What Prometheus is told, as text.
#include <catch2/catch_all.hpp>

#include "supervisor/api/exposition.h"
#include "tests/support/golden.h"

using namespace ringfence::supervisor::api;

namespace {

UsageRow fullRow() {
  UsageRow row{.run = "r-0123456789abcdef", .name = "coder", .state = "running", .usage = {}};
  UsageReading& usage = row.usage;
  usage.cpuUsec = 12'000'345;
  usage.memoryBytes = 1'073'741'824;
  usage.memoryPeakBytes = 2'147'483'648;
  usage.anonymousBytes = 900'000'000;
  usage.pids = 7;
  usage.ioReadBytes = 0;
  usage.ioWriteBytes = 4096;
  usage.networkSentBytes = 100;
  usage.networkReceivedBytes = 18'446'744'073'709'551'615U;
  usage.tokens = 31'000;
  usage.pressure = {1'500'000, 20, 0};
  usage.accelerators = {{"accel:261:0", "npu", "device", "shared", 250'000, {}},
                        {"drm:226:128", "gpu", "client", "measured", 1'000'000, 67'108'864}};
  return row;
}

Device fullDevice() {
  Device device;
  device.cpus = 8;
  device.cpuBusyUsec = 3'600'000'000;
  device.memoryTotalBytes = 16'000'000'000;
  device.memoryAvailableBytes = 4'000'000'000;
  device.pressure = {1, 1'000'000, {}};
  device.energy = {{"package-0", 1'234'567}, {"package-0/core", 234'567}};
  device.battery = Battery{.percent = 7, .discharging = true, .microwatts = 12'500'000};
  return device;
}

}  // namespace

TEST_CASE("what is known of runs and the machine is told as Prometheus reads it, and nothing of what is not known") {
  UsageRow bare{.run = "r-00000000000000ff", .name = "of \"nobody\" \\ \x1b\n", .state = "frozen", .usage = {}};
  bare.usage.cpuUsec = 0;
  ringfence::test::checkGolden("metrics/full.txt",
                               exposition({.version = "1.2.3", .device = fullDevice(), .runs = {fullRow(), bare}}));
  ringfence::test::checkGolden("metrics/bare.txt", exposition({.version = "1.2.3", .device = {}, .runs = {}}));
}

TEST_CASE("a battery that does not tell how full it is has no ratio") {
  Device device;
  device.battery = Battery{};
  const std::string text = exposition({.version = "1", .device = device, .runs = {}});
  CHECK(text.find("battery_charge_ratio") == std::string::npos);
  CHECK(text.find("\nringfence_device_battery_discharging 0\n") != std::string::npos);
}

TEST_CASE("a label holds no quote, line end or control character of whoever named a run") {
  CHECK(labelValue("plain name") == "plain name");
  CHECK(labelValue("a\"} 1\nringfence_runs 99\n") == R"(a\"} 1\\nringfence_runs 99\\n)");
  CHECK(labelValue("\\") == R"(\\\\)");
  CHECK(labelValue("\xff") == R"(\\xff)");
  CHECK(labelValue("\xe2\x80\xae") == R"(\\u{202e})");
}
