// Holds that a run is told of before, and the moment at which they come.
#include <catch2/catch_test_macros.hpp>

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
