#include "supervisor/governor/limit_watch.h"

#include <catch2/catch_test_macros.hpp>

#include "governor_world.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

struct Watching {
  World world;
  LimitWatch watch;
  Watching() {
    RunSignals& run = world.add(1);
    run.started = world.now();
    run.limits.pids = 64;
    run.limits.cpuPercent = 50;
    run.limits.memoryHard = gibibytes(2);
    run.pidsRefused = run.cpuPeriods = run.cpuPeriodsHeld = run.outOfMemoryKills = 0;
  }
  RunSignals& run() { return world.run(1); }
  std::vector<LimitSeen> after(Microseconds time) {
    world.pass(time);
    return watch.tick(world.signals);
  }
};

}  // namespace

TEST_CASE("refused processes are told with their number and the limit, at most once a minute") {
  Watching watching;
  CHECK(watching.after(1s).empty());
  watching.run().pidsRefused = 3;
  const auto seen = watching.after(1s);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].limit == "pids");
  CHECK(seen[0].reason == "3 processes or threads were refused: it may have 64");
  CHECK(seen[0].tellAgent == "you may have 64 processes and threads; run fewer at once");
  watching.run().pidsRefused = 1000;
  CHECK(watching.after(30s).empty());
  REQUIRE(watching.after(30s).size() == 1);
  CHECK(watching.after(600s).empty());
}

TEST_CASE("processes that the kernel ended for memory are told with the peak") {
  Watching watching;
  CHECK(watching.after(1s).empty());
  watching.run().outOfMemoryKills = 1;
  watching.run().memoryPeakBytes = 2 * kGiB + 4096;
  const auto seen = watching.after(1s);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].limit == "memory");
  CHECK(seen[0].reason ==
        "the kernel ended 1 process of it for memory: peak 2.0 GiB of 2.0 GiB; run fewer tests at once");
  watching.run().outOfMemoryKills = 3;
  watching.run().memoryPeakBytes = kGiB;
  const auto machine = watching.after(60s);
  REQUIRE(machine.size() == 1);
  CHECK(machine[0].reason == "the kernel ended 2 processes of it for memory: the machine had none left");
}

TEST_CASE("a run that its processor limit holds half of the time is told so once in ten minutes") {
  Watching watching;
  const auto pass = [&](std::uint64_t held) {
    std::size_t found = 0;
    for (int second = 0; second < 60; ++second) {
      *watching.run().cpuPeriods += 10;
      *watching.run().cpuPeriodsHeld += held;
      for (const LimitSeen& seen : watching.after(1s)) {
        CHECK(seen.limit == "cpu");
        CHECK(seen.reason == "it wanted more than 50 % of one processor in 90 % of the time");
        ++found;
      }
    }
    return found;
  };
  CHECK(pass(4) == 0);
  CHECK(pass(9) == 1);
  CHECK(pass(9) == 0);
  for (int minute = 0; minute < 9; ++minute) pass(0);
  CHECK(pass(9) == 1);
}

TEST_CASE("what the kernel does not count, and what the policy does not bound, is not told") {
  Watching watching;
  watching.run().limits = {};
  CHECK(watching.after(1s).empty());
  watching.run().pidsRefused = watching.run().outOfMemoryKills = 7;
  CHECK(watching.after(1s).empty());
  Watching unknown;
  unknown.run().pidsRefused.reset();
  unknown.run().cpuPeriods.reset();
  CHECK(unknown.after(60s).empty());
}

TEST_CASE("of a run that is older than its watch, what was counted before is not told again") {
  Watching watching;
  watching.run().pidsRefused = 7;
  CHECK(watching.after(60s).empty());
  watching.run().pidsRefused = 8;
  const auto seen = watching.after(1s);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].reason == "1 process or thread was refused: it may have 64");
}

TEST_CASE("that the time of a run is nearly over is told once, and again near an end that a person moved") {
  Watching watching;
  watching.run().limits.wallTime = Microseconds{100s};
  watching.run().limits.wallTimeWarnAt = Microseconds{80s};
  CHECK(watching.after(79s).empty());
  const auto near = watching.after(1s);
  REQUIRE(near.size() == 1);
  CHECK(near[0].limit == "wall_time");
  CHECK(near[0].isNear);
  CHECK(near[0].reason == "it has run for 80 s of the 100 s that it may");
  CHECK(watching.after(40s).empty());
  watching.run().limits.wallTime = Microseconds{220s};
  watching.run().limits.wallTimeWarnAt = Microseconds{200s};
  CHECK(watching.after(70s).empty());
  CHECK(watching.after(10s).size() == 1);
}

TEST_CASE("that the time of a day is nearly over is told once a day, and again near an end that a person moved") {
  Watching watching;
  watching.run().limits.wallTimePerDay = Microseconds{100s};
  watching.run().limits.wallTimePerDayWarnAt = Microseconds{80s};
  CHECK(watching.after(1s).empty());  // Nothing is known of it.
  watching.run().wallTimeToday = Microseconds{79s};
  CHECK(watching.after(1s).empty());
  watching.run().wallTimeToday = Microseconds{85s};
  const auto near = watching.after(1s);
  REQUIRE(near.size() == 1);
  CHECK(near[0].limit == "wall_time_per_day");
  CHECK(near[0].isNear);
  CHECK(near[0].reason == "runs of its policy have run for 85 s of the 100 s that they may today");
  CHECK(watching.after(1s).empty());
  watching.run().limits.wallTimePerDay = Microseconds{185s};
  watching.run().limits.wallTimePerDayWarnAt = Microseconds{165s};
  CHECK(watching.after(1s).empty());
  watching.run().wallTimeToday = Microseconds{170s};
  CHECK(watching.after(1s).size() == 1);
  watching.run().wallTimeToday = Microseconds{3s};
  CHECK(watching.after(1s).empty());
  watching.run().wallTimeToday = Microseconds{170s};
  CHECK(watching.after(1s).size() == 1);
}
