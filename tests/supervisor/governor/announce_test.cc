// Holds that a run is told of before, and the moment at which they come.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <vector>

#include "governor_world.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

// At its limit of memory, with so long a notice.
RunSignals& atItsLimit(World& world, Microseconds notice) {
  RunSignals& run = world.add(1);
  run.limits.memory = gibibytes(2);
  run.anonymousBytes = 1900 * kMiB;
  run.pauseNotice = notice;
  return run;
}

}  // namespace

TEST_CASE("who listens is told of a hold with its reason and its time, once, and is frozen when that is over") {
  World world;
  atItsLimit(world, 2s);
  world.tick();
  REQUIRE(world.last.size() == 1);
  const Proposal told = world.last.front();
  CHECK(told.step == Step::kAnnounce);
  CHECK(told.within == Microseconds{2s});
  CHECK(told.limit == "memory");
  CHECK(told.reason.find("at the limit the kernel would end it") != std::string::npos);
  CHECK(world.governor.nextAnnounced() == world.now() + Microseconds{2s});
  CHECK(world.tickAfter(1s).empty());
  CHECK(world.tickAfter(999ms).empty());
  world.tickAfter(1ms);
  REQUIRE(world.find(1, Step::kFreeze) != nullptr);
  CHECK(world.last.size() == 1);
  CHECK(world.find(1, Step::kFreeze)->tellAgent == "peak 1.9 GiB of 2.0 GiB; run fewer tests at once");
  CHECK_FALSE(world.governor.nextAnnounced());
  // It is a hold like any other from there on.
  world.obey();
  world.run(1).anonymousBytes = 1000 * kMiB;
  CHECK(world.run(3s, Step::kResume) == 1);
}

TEST_CASE("who says that it is ready after it was told is frozen at the next look, and not for what it said before") {
  World world;
  atItsLimit(world, 60s).readyAt = world.now();
  world.tick();
  REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
  CHECK(world.tickAfter(10s).empty());
  world.run(1).readyAt = world.now() - Microseconds{1s};
  world.tickAfter(25ms);
  REQUIRE(world.find(1, Step::kFreeze) != nullptr);
  CHECK(world.find(1, Step::kFreeze)->cause == Cause::kLimit);
}

TEST_CASE("a hold that was announced comes within its time also where a critical section is claimed") {
  World world;
  RunSignals& run = atItsLimit(world, 2s);
  run.criticalUntil = world.now() + Microseconds{2s};
  world.tick();
  REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
  world.run(1).criticalUntil = world.now() + Microseconds{60s};
  world.tickAfter(2s);
  CHECK(world.find(1, Step::kFreeze) != nullptr);
}

TEST_CASE("who is not to be held after all is told so, and may be told again") {
  World world;
  atItsLimit(world, 2s);
  world.tick();
  REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
  world.run(1).anonymousBytes = 1000 * kMiB;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kWithdraw) != nullptr);
  CHECK(world.last.size() == 1);
  CHECK(world.run(10s, Step::kFreeze) == 0);
  world.run(1).anonymousBytes = 1900 * kMiB;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kAnnounce) != nullptr);
}

TEST_CASE("a lock that somebody outside waits for takes back what was announced") {
  World world;
  atItsLimit(world, 2s);
  world.tick();
  world.run(1).holdsForeignLock = true;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kWithdraw) != nullptr);
  CHECK(world.run(10s, Step::kFreeze) == 0);
}

TEST_CASE("who is held by a person meanwhile is neither frozen nor told, until it goes on") {
  World world;
  atItsLimit(world, 2s);
  world.tick();
  world.run(1).hold = Hold::kByOther;
  CHECK(world.run(10s, Step::kFreeze) == 0);
  CHECK(world.last.empty());
  world.run(1).hold = Hold::kNone;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kAnnounce) != nullptr);
}

TEST_CASE("a second reason does not begin the time anew, and holds the run when the first is over") {
  World world;
  RunSignals& run = atItsLimit(world, 2s);
  run.limits.tokens = 100;
  run.tokens = 0;
  world.tick();
  REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
  world.run(1).tokens = 100;
  CHECK(world.tickAfter(1s).empty());
  world.run(1).anonymousBytes = 1000 * kMiB;
  CHECK(world.tickAfter(500ms).empty());
  world.tickAfter(500ms);
  CHECK(world.find(1, Step::kFreeze) != nullptr);
}

TEST_CASE("an end is not announced, and neither is a hold for memory that runs out") {
  World kills;
  atItsLimit(kills, 2s).limits = {.tokens = 100, .atLimit = AtLimit::kKill};
  kills.run(1).tokens = 100;
  kills.tick();
  CHECK(kills.find(1, Step::kKill) != nullptr);
  CHECK(kills.count(Step::kAnnounce) == 0);

  World world;
  world.device().memoryAvailable = mebibytes(1000);
  atItsLimit(world, 60s);
  world.tick();
  REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
  world.grow(1, 300 * kMiB);
  world.tickAfter(100ms);
  REQUIRE(world.find(1, Step::kFreeze) != nullptr);
  CHECK(world.find(1, Step::kFreeze)->cause == Cause::kMemory);
  // What it was told of holds it too.
  world.obey();
  world.device().memoryAvailable = gibibytes(7);
  CHECK(world.run(30s, Step::kResume) == 0);
  world.run(1).anonymousBytes = 1000 * kMiB;
  CHECK(world.run(30s, Step::kResume) == 1);
}

TEST_CASE("a hold for the person's waiting that was announced is taken back when they wait no longer within its time") {
  World world;
  RunSignals& run = world.add(1);
  run.pauseNotice = 5s;
  world.tick();
  std::size_t told = 0, takenBack = 0, frozen = 0;
  // A second in which it writes, and the person's programs wait so long for the disk.
  const auto second = [&](std::uint64_t waitedUsec) {
    *world.run(1).ioWriteBytes += 20 * kMiB;
    *world.device().foregroundIoStallUsec += waitedUsec;
    world.tickAfter(1s);
    told += world.count(Step::kAnnounce);
    takenBack += world.count(Step::kWithdraw);
    frozen += world.count(Step::kFreeze);
    world.obey();
  };
  for (int i = 0; i < 20 && told == 0; ++i) second(300'000);
  REQUIRE(told == 1);
  second(300'000);
  CHECK(takenBack == 0);
  second(100'000);
  CHECK(takenBack == 1);
  for (int i = 0; i < 10; ++i) second(100'000);
  CHECK(frozen == 0);
  // It is told anew when they wait anew, and held where they still do.
  for (int i = 0; i < 12; ++i) second(300'000);
  CHECK(told == 2);
  CHECK(takenBack == 1);
  CHECK(frozen == 1);
}

TEST_CASE("a hold for the battery, for heat, for quiet hours or for a game is taken back when that is over") {
  struct Passing {
    std::function<void(World&)> begins, ends;
  };
  const std::vector<Passing> all{
      {[](World& world) { world.device().batteryPercent = 10; },
       [](World& world) { world.device().onBattery = false; }},
      {[](World& world) { world.device().tooHot = true; }, [](World& world) { world.device().tooHot = false; }},
      {[](World& world) { world.device().minuteOfDay = 30; }, [](World& world) { world.device().minuteOfDay = 90; }},
      {[](World& world) { world.device().foregroundGpuBusyUsec = 900'000; }, [](World&) {}},
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO("reason " << i);
    World world({.pauseBelowBatteryPercent = 20, .pauseWhenHot = true, .quietHours = QuietHours{0, 60}});
    world.add(1).pauseNotice = 60s;
    world.run(1).gpuBusyUsec = world.device().foregroundGpuBusyUsec = 0;
    world.device().onBattery = true;
    world.device().batteryPercent = 90;
    world.device().minuteOfDay = 90;
    world.tick();
    *world.run(1).gpuBusyUsec += 500'000;
    all[i].begins(world);
    world.tickAfter(1s);
    REQUIRE(world.find(1, Step::kAnnounce) != nullptr);
    all[i].ends(world);
    CHECK(world.run(40s, Step::kWithdraw) == 1);
    CHECK(world.run(40s, Step::kFreeze) == 0);
  }
}
