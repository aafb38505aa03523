#include "governor_world.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

struct Kind {
  std::string name;
  std::optional<std::uint32_t> RunLimits::*percent;
  std::uint32_t RunLimits::*devices;
  std::optional<std::uint64_t> RunSignals::*busyUsec;
  std::optional<std::uint64_t> DeviceSignals::*foregroundBusyUsec;
};

Kind eachKind() {
  return GENERATE(values<Kind>({{"NPU", &RunLimits::npuPercent, &RunLimits::npuDevices, &RunSignals::npuBusyUsec,
                                 &DeviceSignals::foregroundNpuBusyUsec},
                                {"GPU", &RunLimits::gpuPercent, &RunLimits::gpuDevices, &RunSignals::gpuBusyUsec,
                                 &DeviceSignals::foregroundGpuBusyUsec}}));
}

// It works at so many microseconds in each tick of 100 ms; how often it was to be frozen.
std::size_t use(World& world, const Kind& kind, int ticks, std::uint64_t busy) {
  std::size_t freezes = 0;
  for (int i = 0; i < ticks; ++i) {
    *(world.run(1).*kind.busyUsec) += busy;
    world.tickAfter(100ms);
    freezes += world.count(Step::kFreeze);
  }
  return freezes;
}

}  // namespace

TEST_CASE("a share of an accelerator is kept over hours by pauses of less than half a minute, not nearer than that") {
  const Kind kind = eachKind();
  const std::uint32_t devices = GENERATE(1U, 2U);
  const std::uint32_t percent = GENERATE(5U, 10U, 25U, 50U);
  CAPTURE(kind.name, devices, percent);
  World world;
  world.add(1).limits.*kind.percent = percent;
  world.run(1).limits.*kind.devices = devices;
  world.run(1).*kind.busyUsec = 0;
  std::vector<Microseconds> freezes;
  Microseconds longest{};
  constexpr auto kTime = 7200s;
  const Microseconds begin = world.now();
  while (world.now() < begin + kTime) {
    if (world.run(1).hold == Hold::kNone) *(world.run(1).*kind.busyUsec) += devices * 100'000;
    world.tickAfter(100ms);
    if (world.find(1, Step::kFreeze) != nullptr) freezes.push_back(world.now());
    if (world.find(1, Step::kResume) != nullptr) longest = std::max(longest, world.now() - freezes.back());
    world.obey();
  }
  const double used = static_cast<double>(*(world.run(1).*kind.busyUsec)) / 7200e6;
  CHECK(used > 0.009 * percent);
  CHECK(used < 0.011 * percent);
  CHECK(longest < Microseconds{30s});
  REQUIRE(freezes.size() > 200);
  for (std::size_t i = 1; i < freezes.size(); ++i) CHECK(freezes[i] - freezes[i - 1] >= Microseconds{30s});
}

TEST_CASE("who is paused for its share reads what it used and what it may") {
  const Kind kind = eachKind();
  World world;
  world.add(1).limits.*kind.percent = 50;
  world.run(1).*kind.busyUsec = 0;
  REQUIRE(use(world, kind, 300, 100'000) == 0);
  while (world.count(Step::kFreeze) == 0 && world.now() < Microseconds{1100s}) use(world, kind, 1, 100'000);
  const Proposal* freeze = world.find(1, Step::kFreeze);
  REQUIRE(freeze != nullptr);
  CHECK(freeze->reason == "it used 100 % of the " + kind.name + "; its share is 50 %");
  CHECK(freeze->cause == Cause::kAccelerator);
}

TEST_CASE("what a run uses while it cannot be held is owed in full, and what it does beyond that is forgiven") {
  const Kind kind = eachKind();
  const Microseconds notice = GENERATE(Microseconds{0}, Microseconds{10s});
  World world;
  world.add(1).limits.*kind.percent = 10;
  world.run(1).*kind.busyUsec = 0;
  if (notice.count() != 0) world.run(1).pauseNotice = notice;
  world.tick();
  // One job that the driver counts at its end.
  *(world.run(1).*kind.busyUsec) += 1'000'000'000;
  world.tickAfter(600ms);
  world.obey();
  world.tickAfter(notice);
  world.obey();
  REQUIRE(world.run(1).hold == Hold::kByGovernor);
  const auto owed = std::chrono::duration_cast<std::chrono::seconds>(10 * (Microseconds{30s} + notice) - notice);
  CHECK(world.run(owed - 1s, Step::kResume) == 0);
  CHECK(world.run(4s, Step::kResume) == 1);
}

TEST_CASE("a run within its share is never paused, and one of which the accelerator does not tell neither") {
  const Kind kind = eachKind();
  World world;
  world.add(1).limits.*kind.percent = 50;
  world.run(1).*kind.busyUsec = 0;
  world.add(2).limits.*kind.percent = 1;
  CHECK(use(world, kind, 3000, 48'000) == 0);
}

TEST_CASE("a share that a person overrode once is kept again after the run had its share saved up") {
  const Kind kind = eachKind();
  World world;
  world.add(1).limits.*kind.percent = 50;
  world.run(1).*kind.busyUsec = 0;
  REQUIRE(use(world, kind, 310, 100'000) == 1);
  world.run(1).hold = Hold::kByGovernor;
  world.tickAfter(100ms);
  world.run(1).hold = Hold::kNone;
  CHECK(use(world, kind, 600, 100'000) == 0);
  use(world, kind, 1200, 0);
  CHECK(use(world, kind, 310, 100'000) == 1);
}

TEST_CASE("a share of the GPU says nothing about the NPU") {
  World world;
  world.add(1).limits.gpuPercent = 10;
  world.run(1).gpuBusyUsec = 0;
  world.run(1).npuBusyUsec = 0;
  for (int i = 0; i < 600; ++i) {
    *world.run(1).npuBusyUsec += 100'000;
    world.tickAfter(100ms);
    REQUIRE(world.count(Step::kFreeze) == 0);
  }
}

TEST_CASE("a background run that uses what the person's programs use gives way to them meanwhile") {
  const Kind kind = eachKind();
  World world = threeClasses({});
  for (const unsigned number : {1U, 2U, 3U}) world.run(number).*kind.busyUsec = 0;
  world.device().*kind.foregroundBusyUsec = 0;
  const auto pass = [&](std::uint64_t foreground, Microseconds time) {
    std::size_t resumed = 0;
    for (Microseconds passed{}; passed < time; passed += Microseconds{100ms}) {
      for (const unsigned number : {1U, 2U})
        if (world.run(number).hold == Hold::kNone) *(world.run(number).*kind.busyUsec) += 30'000;
      *(world.device().*kind.foregroundBusyUsec) += foreground;
      world.tickAfter(100ms);
      resumed += world.count(Step::kResume);
      world.obey();
    }
    return resumed;
  };
  pass(5'000, 5s);
  CHECK(world.run(2).hold == Hold::kNone);
  pass(50'000, 1s);
  CHECK(world.run(1).hold == Hold::kNone);  // interactive
  CHECK(world.run(2).hold == Hold::kByGovernor);
  CHECK(world.run(3).hold == Hold::kNone);  // does not use it
  CHECK(pass(50'000, 60s) == 0);
  CHECK(pass(0, 4s) == 0);
  CHECK(pass(0, 2s) == 1);
}

TEST_CASE("a film that uses about a tenth of an accelerator holds a run for as long as it plays, not again and again") {
  const Kind kind = eachKind();
  World world;
  world.add(1).*kind.busyUsec = 0;
  world.device().*kind.foregroundBusyUsec = 0;
  std::size_t freezes = 0, resumed = 0;
  const auto second = [&](std::uint64_t foreground) {
    for (int i = 0; i < 10; ++i) {
      if (world.run(1).hold == Hold::kNone) *(world.run(1).*kind.busyUsec) += 30'000;
      *(world.device().*kind.foregroundBusyUsec) += foreground / 10;
      world.tickAfter(100ms);
      freezes += world.count(Step::kFreeze);
      resumed += world.count(Step::kResume);
      world.obey();
    }
  };
  // It hardly moves for three seconds now and then.
  for (int i = 0; i < 300; ++i) second(i % 10 < 3 ? 20'000 : i % 2 == 0 ? 120'000 : 80'000);
  CHECK(freezes == 1);
  CHECK(resumed == 0);
  for (int i = 0; i < 6; ++i) second(20'000);
  CHECK(resumed == 1);
}
