#include "supervisor/meter/accel/leases.h"

#include <catch2/catch_test_macros.hpp>

#include "supervisor/meter/accel/sysfs_devices.h"
#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using std::chrono::seconds;
using test::numberedRun;

const RunId kA = numberedRun(1), kB = numberedRun(2);

// "1:500000 2:250000": who could submit, for how long.
std::string within(const LeaseTimes& times, const std::string& device, Microseconds from, Microseconds to) {
  std::string said;
  for (const LeaseSpan& span : times.within(device, from, to)) {
    CHECK(span.device == device);
    said += (said.empty() ? "" : " ") + std::string(1, span.run.text().back()) + ":" + std::to_string(span.heldUsec);
  }
  return said;
}

}  // namespace

TEST_CASE("a run could submit while it ran, and not while it was frozen") {
  LeaseTimes times;
  times.open(kA, {"npu"}, seconds(1));
  CHECK(within(times, "npu", seconds(0), seconds(4)) == "1:3000000");
  times.close(kA, seconds(2));
  CHECK(within(times, "npu", seconds(0), seconds(4)) == "1:1000000");
  CHECK(within(times, "npu", seconds(2), seconds(4)).empty());
  times.open(kA, {"npu"}, seconds(3));
  CHECK(within(times, "npu", seconds(0), seconds(4)) == "1:2000000");
}

TEST_CASE("each device is told of those alone who have leased it") {
  LeaseTimes times;
  times.open(kA, {"npu", "another"}, seconds(0));
  times.open(kB, {"npu"}, seconds(1));
  CHECK(within(times, "npu", seconds(0), seconds(2)) == "1:2000000 2:1000000");
  CHECK(within(times, "another", seconds(0), seconds(2)) == "1:2000000");
  CHECK(within(times, "third", seconds(0), seconds(2)).empty());
}

TEST_CASE("what is said twice counts once") {
  LeaseTimes times;
  times.open(kA, {"npu"}, seconds(1));
  times.open(kA, {"npu"}, seconds(2));
  times.close(kA, seconds(3));
  times.close(kA, seconds(9));
  times.close(kB, seconds(9));
  CHECK(within(times, "npu", seconds(0), seconds(10)) == "1:2000000");
}

TEST_CASE("what is over is forgotten, and who still runs is not") {
  LeaseTimes times;
  times.open(kA, {"npu"}, seconds(1));
  times.close(kA, seconds(2));
  times.open(kB, {"npu"}, seconds(1));
  times.forgetBefore(seconds(2));
  CHECK(times.remembered() == 1);
  CHECK(within(times, "npu", seconds(2), seconds(3)) == "2:1000000");
}

TEST_CASE("only what is named as a node of an NPU and is a device can be given") {
  test::TempDir machine;
  machine.makeDirectory("dev/accel/accel2");
  machine.write("dev/accel/accel3", "no device");
  CHECK(accelNodes(test::rootsOf(machine.path()), AccelKind::kNpu).empty());
  CHECK(accelNodes(test::rootsOf(machine.path() + "/elsewhere"), AccelKind::kGpu).empty());
}

}  // namespace ringfence::supervisor
