#include "governor_world.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

// A run that writes and a disk that the person's programs wait for.
struct Writing : World {
  double rate = 0;       // what it would write
  double stallUsec = 0;  // each second
  std::optional<double> limit;
  explicit Writing(double bytesPerSec) : rate(bytesPerSec) { add(1); }
  void second() {
    for (int i = 0; i < 10; ++i) {
      *run(1).ioWriteBytes += static_cast<std::uint64_t>(std::min(rate, limit.value_or(rate)) / 10);
      *device().foregroundIoStallUsec += static_cast<std::uint64_t>(stallUsec / 10);
      tickAfter(100ms);
      if (const Proposal* proposal = find(1, Step::kLimitWrites)) {
        limit.reset();
        if (proposal->bytesPerSec) limit = static_cast<double>(*proposal->bytesPerSec);
        run(1).writeLimit = proposal->bytesPerSec;
      }
    }
  }
};

}  // namespace

TEST_CASE("a low battery pauses background and idle runs, and they go on when it has five percent more or is charged") {
  World world = threeClasses({.pauseBelowBatteryPercent = 20});
  world.device().onBattery = true;
  world.device().batteryPercent = 20;
  CHECK(world.tick().empty());
  world.device().batteryPercent = 19;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kFreeze) == nullptr);
  REQUIRE(world.find(2, Step::kFreeze) != nullptr);
  CHECK(world.find(3, Step::kFreeze) != nullptr);
  CHECK(world.find(2, Step::kFreeze)->reason == "the battery has 19 %, less than 20 %");
  CHECK(world.find(2, Step::kFreeze)->cause == Cause::kBattery);
  world.obey();
  world.device().batteryPercent = 24;
  CHECK(world.run(60s, Step::kResume) == 0);
  SECTION("more") { world.device().batteryPercent = 25; }
  SECTION("charged") { world.device().onBattery = false; }
  CHECK(world.run(3s, Step::kResume) == 2);
}

TEST_CASE("quiet hours pause background and idle runs, over midnight too, and they go on when the hours are over") {
  World world = threeClasses({.quietHours = QuietHours{.from = 22 * 60, .to = 7 * 60}});
  world.device().minuteOfDay = 21 * 60 + 59;
  CHECK(world.tick().empty());
  const std::uint32_t minute = GENERATE(22U * 60, 0U, 7U * 60 - 1);
  world.device().minuteOfDay = minute;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kFreeze) == nullptr);
  REQUIRE(world.find(2, Step::kFreeze) != nullptr);
  CHECK(world.find(3, Step::kFreeze) != nullptr);
  CHECK(world.find(2, Step::kFreeze)->reason == "these are quiet hours (22:00 to 07:00)");
  CHECK(world.find(2, Step::kFreeze)->cause == Cause::kQuiet);
  world.obey();
  CHECK(world.run(60s, Step::kResume) == 0);
  world.device().minuteOfDay = 7 * 60;
  CHECK(world.run(3s, Step::kResume) == 2);
}

TEST_CASE("quiet hours within a day end on that day, and a clock that nobody can read pauses nobody") {
  World world = threeClasses({.quietHours = QuietHours{.from = 9 * 60, .to = 17 * 60}});
  world.device().minuteOfDay = 23 * 60;
  CHECK(world.tick().empty());
  world.device().minuteOfDay.reset();
  CHECK(world.run(3s, Step::kFreeze) == 0);
  world.device().minuteOfDay = 12 * 60;
  CHECK(world.run(3s, Step::kFreeze) == 2);
}

TEST_CASE("a battery of which the charge is unknown pauses nobody, and one that nobody asked about neither") {
  World unknown = threeClasses({.pauseBelowBatteryPercent = 20});
  unknown.device().onBattery = true;
  CHECK(unknown.run(5s, Step::kFreeze) == 0);
  World unasked = threeClasses({});
  unasked.device().onBattery = true;
  unasked.device().batteryPercent = 1;
  unasked.device().tooHot = true;
  CHECK(unasked.run(5s, Step::kFreeze) == 0);
}

TEST_CASE("a run that a person resumes on a low battery is not paused for it again") {
  World world = threeClasses({.pauseBelowBatteryPercent = 20});
  world.device().onBattery = true;
  world.device().batteryPercent = 10;
  world.tick();
  world.obey();
  world.tickAfter(100ms);
  world.run(2).hold = Hold::kNone;
  CHECK(world.run(600s, Step::kFreeze, 500ms) == 0);
  world.device().onBattery = false;
  world.run(5s, Step::kResume);
  world.device().onBattery = true;
  CHECK(world.run(40s, Step::kFreeze) == 2);
}

TEST_CASE("heat pauses until the machine has been cool for half a minute") {
  World world = threeClasses({.pauseWhenHot = true});
  world.device().tooHot = true;
  CHECK(world.run(1s, Step::kFreeze) == 2);
  world.device().tooHot = false;
  CHECK(world.run(20s, Step::kResume) == 0);
  world.device().tooHot = true;
  world.run(1s, Step::kResume);
  world.device().tooHot = false;
  CHECK(world.run(29s, Step::kResume) == 0);
  CHECK(world.run(5s, Step::kResume) == 2);
}

TEST_CASE("a run that two things hold goes on when both are over") {
  World world = threeClasses({.pauseBelowBatteryPercent = 20, .pauseWhenHot = true});
  world.device().onBattery = world.device().tooHot = true;
  world.device().batteryPercent = 10;
  CHECK(world.run(2s, Step::kFreeze) == 2);
  world.device().onBattery = false;
  CHECK(world.run(60s, Step::kResume) == 0);
  world.device().tooHot = false;
  CHECK(world.run(40s, Step::kResume) == 2);
}

TEST_CASE("the same run is not paused twice within half a minute for anything but memory") {
  World world = threeClasses({.pauseWhenHot = true});
  world.device().tooHot = true;
  world.tick();
  world.obey();
  world.device().tooHot = false;
  const Microseconds paused = world.now();
  CHECK(world.run(40s, Step::kResume) == 2);
  World sooner = threeClasses({.pauseBelowBatteryPercent = 20});
  sooner.device().onBattery = true;
  sooner.device().batteryPercent = 10;
  sooner.tick();
  sooner.obey();
  sooner.device().onBattery = false;
  CHECK(sooner.run(3s, Step::kResume) == 2);
  sooner.device().onBattery = true;
  CHECK(sooner.run(26s, Step::kFreeze) == 0);
  CHECK(sooner.run(5s, Step::kFreeze) == 2);
  CHECK(world.now() > paused);
}

TEST_CASE("writing that holds up the person's disk is halved each second, let up by a tenth and freed in the end") {
  Writing world(200e6);
  world.second();
  world.second();
  CHECK(!world.limit);
  world.stallUsec = 50'000;
  world.second();
  world.second();
  REQUIRE(world.limit);
  CHECK(*world.limit <= 101e6);
  CHECK(world.find(1, Step::kKill) == nullptr);
  const double first = *world.limit;
  world.second();
  REQUIRE(world.limit);
  CHECK(*world.limit <= first / 2 * 1.01);
  for (int i = 0; i < 20; ++i) world.second();
  REQUIRE(world.limit);
  CHECK(*world.limit >= 1024 * 1024);  // never nothing
  CHECK(*world.limit < 2.1 * 1024 * 1024);
  world.stallUsec = 0;
  for (int i = 0; i < 3; ++i) world.second();
  const double before = *world.limit;
  world.second();
  CHECK(*world.limit > before * 1.09);
  CHECK(*world.limit < before * 1.11);
  int seconds = 0;
  while (world.limit && ++seconds < 100) world.second();
  CHECK(seconds < 100);
  CHECK(seconds > 20);
}

TEST_CASE("a stall of the disk of 10 ms in a second limits nobody, nor does one that is not known") {
  Writing world(200e6);
  world.stallUsec = 9'900;
  for (int i = 0; i < 10; ++i) world.second();
  CHECK(!world.limit);
  Writing unknown(200e6);
  unknown.device().foregroundIoStallUsec.reset();
  for (int i = 0; i < 20; ++i) {
    *unknown.run(1).ioWriteBytes += 100'000'000;
    CHECK(unknown.tickAfter(500ms).empty());
  }
}

TEST_CASE("only who writes in the background is limited") {
  Writing world(200e6);
  world.run(1).priority = RunClass::kInteractive;
  world.add(2);  // writes nothing
  world.stallUsec = 500'000;
  for (int i = 0; i < 5; ++i) {
    world.second();
    CHECK(world.count(Step::kLimitWrites) == 0);
  }
}

TEST_CASE(
    "what the person's programs wait for while a run is held is not its doing, and what it wrote before counts no "
    "more") {
  Writing world(200e6);
  for (int i = 0; i < 3; ++i) world.second();
  world.run(1).hold = Hold::kByOther;
  world.rate = 0;
  world.stallUsec = 500'000;
  for (int i = 0; i < 5; ++i) {
    world.second();
    CHECK(world.count(Step::kLimitWrites) == 0);
  }
  world.run(1).hold = Hold::kNone;
  world.rate = 200e6;
  for (int i = 0; i < 3; ++i) world.second();
  REQUIRE(world.limit);
  CHECK(*world.limit >= 49e6);
}

TEST_CASE("a limit on writes that an earlier governor left behind is let up, needed or not") {
  Writing world(GENERATE(200e6, 0.2e6));
  world.limit = 1e6;
  world.run(1).writeLimit = 1'000'000;
  for (int i = 0; i < 13; ++i) world.second();
  CHECK(!world.limit);
}

TEST_CASE("a limit on writes that a run does not need is lifted") {
  Writing world(200e6);
  world.stallUsec = 50'000;
  for (int i = 0; i < 3; ++i) world.second();
  REQUIRE(world.limit);
  world.stallUsec = 0;
  world.rate = 1e6;
  for (int i = 0; i < 13; ++i) world.second();
  CHECK(!world.limit);
}
