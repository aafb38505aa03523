#include "supervisor/meter/foreground_meter.h"

#include <fcntl.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

// The unified hierarchy as files.
struct Groups {
  test::TempDir dir;
  void wait(const std::string& group, std::uint64_t memoryUsec, std::uint64_t ioUsec) const {
    const auto text = [](std::uint64_t total) {
      return "some avg10=0.00 avg60=0.00 avg300=0.00 total=" + std::to_string(total) +
             "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    };
    dir.write(group + "/memory.pressure", text(memoryUsec));
    dir.write(group + "/io.pressure", text(ioUsec));
  }
  ForegroundMeter meter(std::vector<std::string> leftOut = {"rf-background", "rf-interactive"}) const {
    return ForegroundMeter(UniqueFd(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), std::move(leftOut));
  }
};

}  // namespace

TEST_CASE("the foreground waits as long as the group beside the agents' that waited longest") {
  const Groups groups;
  groups.wait("user.slice", 100, 1000);
  groups.wait("system.slice", 5, 50);
  ForegroundMeter meter = groups.meter();
  CHECK(meter.read() == ForegroundReading{0, 0});
  groups.wait("user.slice", 130, 1000);
  groups.wait("system.slice", 15, 90);
  CHECK(meter.read() == ForegroundReading{30, 40});
  CHECK(meter.read() == ForegroundReading{30, 40});
  groups.wait("user.slice", 130, 1007);
  CHECK(meter.read() == ForegroundReading{30, 47});
}

TEST_CASE(
    "what the foreground used of the processors is that of all groups beside the agents', from when each was seen") {
  const Groups groups;
  const auto use = [&](const std::string& group, std::uint64_t usec) {
    groups.dir.write(group + "/cpu.stat", "usage_usec " + std::to_string(usec) + "\nuser_usec 1\nsystem_usec 1\n");
  };
  use("user.slice", 1000);
  use("system.slice", 500);
  use("rf-background", 7);
  ForegroundMeter meter = groups.meter();
  CHECK(meter.read().cpuUsec == 0);
  use("user.slice", 1300);
  use("system.slice", 520);
  use("rf-background", 90'000);
  CHECK(meter.read().cpuUsec == 320);
  use("late.slice", 80'000);
  meter.look();
  CHECK(meter.read().cpuUsec == 320);
  use("late.slice", 80'005);
  CHECK(meter.read().cpuUsec == 325);
  CHECK_FALSE(meter.read().memoryUsec);
}

TEST_CASE("what agents wait is none of the foreground's, nor what the machine as a whole waits") {
  const Groups groups;
  groups.wait(".", 0, 0);
  for (const char* group : {"rf-background", "rf-interactive", "user.slice", "other-background", "other-interactive",
                            "other-launcher", "other-launcher-77"})
    groups.wait(group, 0, 0);
  ForegroundMeter meter = groups.meter();
  CHECK(meter.groups() == 1);
  for (const char* group : {".", "rf-background", "rf-interactive", "other-background", "other-interactive",
                            "other-launcher", "other-launcher-77"})
    groups.wait(group, 900, 900);
  CHECK(meter.read() == ForegroundReading{0, 0});
}

TEST_CASE("a group that is called like a branch and stands alone is the person's") {
  const Groups groups;
  groups.wait("photos-background", 0, 0);
  CHECK(groups.meter().groups() == 1);
}

TEST_CASE("beside a group that is left out its neighbours are read instead of what holds them all") {
  const Groups groups;
  for (const char* group : {"system.slice", "system.slice/ringfenced.service", "system.slice/db.service"})
    groups.wait(group, 0, 0);
  ForegroundMeter meter = groups.meter({"system.slice/ringfenced.service"});
  CHECK(meter.groups() == 1);
  groups.wait("system.slice", 0, 500);
  groups.wait("system.slice/ringfenced.service", 0, 500);
  groups.wait("system.slice/db.service", 0, 20);
  CHECK(meter.read() == ForegroundReading{0, 20});
}

TEST_CASE("without a group that tells it, how long the foreground waits is unknown and not zero") {
  const Groups groups;
  groups.dir.makeDirectory("user.slice");
  CHECK(groups.meter().read() == ForegroundReading{});
  groups.wait("user.slice", 1, 1);
  ForegroundMeter meter = groups.meter();
  CHECK(meter.read() == ForegroundReading{0, 0});
  groups.dir.write("user.slice/io.pressure", "");
  CHECK(meter.read() == ForegroundReading{0, std::nullopt});
  CHECK(ForegroundMeter(UniqueFd(), {}).read() == ForegroundReading{});
}

TEST_CASE("a group that comes later counts from when it was found, and one that goes leaves what it waited") {
  const Groups groups;
  groups.wait("user.slice", 10, 10);
  ForegroundMeter meter = groups.meter();
  groups.wait("machine.slice", 4000, 4000);
  meter.look();
  CHECK(meter.read() == ForegroundReading{0, 0});
  groups.wait("machine.slice", 4100, 4200);
  CHECK(meter.read() == ForegroundReading{100, 200});
  std::filesystem::remove_all(groups.dir.path() + "/machine.slice");
  meter.look();
  groups.wait("user.slice", 11, 11);
  CHECK(meter.read() == ForegroundReading{101, 201});
}

TEST_CASE("the own group is found in the line of the unified hierarchy alone") {
  CHECK(unifiedPathIn("9:name=systemd:/a\n0::/system.slice/x.service\n") == "system.slice/x.service");
  CHECK_FALSE(unifiedPathIn("1:cpu:/a\n0::/\n"));
  CHECK_FALSE(unifiedPathIn("0::/../../x\n"));
  CHECK_FALSE(unifiedPathIn(""));
}
