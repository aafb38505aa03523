#include "governor_world.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

constexpr auto kTick = 100ms;

// Two runs on a machine with 1 GiB left; the reserve is 410 MiB (5 % of 8 GiB). Run 1 takes `bytes` in one tick.
World grownBy(std::uint64_t bytes, Bytes available = gibibytes(1)) {
  World world;
  world.add(1);
  world.add(2);
  world.device().memoryAvailable = available;
  world.tick();
  world.grow(1, bytes);
  world.tickAfter(kTick);
  return world;
}

}  // namespace

TEST_CASE(
    "a run whose growth reaches the reserve within the time of a reaction is frozen, the one that does not grow is "
    "not") {
  struct Case {
    std::uint64_t grownMiB;
    bool frozen;
  };
  // 1024 MiB less what was taken, less twice as much within 200 ms: at most 204 MiB in a tick leave the reserve.
  for (const Case& example : {Case{50, false}, Case{200, false}, Case{210, true}, Case{300, true}}) {
    INFO(example.grownMiB << " MiB in a tick");
    World world = grownBy(example.grownMiB * kMiB);
    CHECK((world.find(1, Step::kFreeze) != nullptr) == example.frozen);
    CHECK(world.find(2, Step::kFreeze) == nullptr);
    CHECK(world.count(Step::kKill) == 0);
  }
}

TEST_CASE("the reason of a freeze for memory says when memory would have run out, how fast it grew and what was left") {
  World world = grownBy(300 * kMiB);
  const Proposal* freeze = world.find(1, Step::kFreeze);
  REQUIRE(freeze != nullptr);
  CHECK(freeze->reason == "memory would have run out in 241 ms: it grew by 2.9 GiB/s with 724.0 MiB left");
  CHECK(freeze->cause == Cause::kMemory);
  CHECK(freeze->predicted.has_value());
  CHECK(freeze->tellAgent.find("2.9 GiB/s") != std::string::npos);
}

TEST_CASE("nothing is decided or said about memory when what is available is unknown") {
  World world;
  world.add(1);
  world.device().memoryAvailable.reset();
  world.tick();
  *world.run(1).anonymousBytes += 3 * kGiB;
  CHECK(world.tickAfter(kTick).empty());
  CHECK(world.governor.nextTick(world.signals) == Microseconds{100ms});
}

TEST_CASE("on a small machine an eighth of the memory is enough of a reserve") {
  World world;
  world.device().memoryTotal = mebibytes(1024);
  world.device().memoryAvailable = mebibytes(250);  // below 256, above 128
  world.add(1);
  world.tick();
  world.grow(1, kMiB);
  CHECK(world.tickAfter(kTick).empty());
  world.device().memoryAvailable = mebibytes(130);
  world.grow(1, 20 * kMiB);
  CHECK_FALSE(world.tickAfter(kTick).empty());
}

TEST_CASE("a run whose memory is unknown is not frozen for the growth of the others") {
  World world;
  world.add(1).anonymousBytes.reset();
  world.run(1).memoryBytes.reset();
  world.add(2);
  world.device().memoryAvailable = gibibytes(1);
  world.tick();
  world.grow(2, 300 * kMiB);
  world.tickAfter(kTick);
  CHECK(world.find(1, Step::kFreeze) == nullptr);
  CHECK(world.find(2, Step::kFreeze) != nullptr);
}

TEST_CASE("a number that is read from another source is no growth") {
  World world;
  world.add(1).anonymousBytes.reset();
  world.run(1).memoryBytes = 100 * kMiB;
  world.device().memoryAvailable = gibibytes(1);
  world.tick();
  world.run(1).anonymousBytes = 900 * kMiB;
  CHECK(world.tickAfter(kTick).empty());
}

TEST_CASE("the fastest grower is frozen first, and no more than needed") {
  World world;
  for (const unsigned number : {1U, 2U, 3U}) world.add(number);
  world.device().memoryAvailable = gibibytes(1);
  world.tick();
  world.grow(1, 20 * kMiB);
  world.grow(2, 250 * kMiB);
  world.grow(3, 30 * kMiB);
  world.tickAfter(kTick);
  CHECK(world.find(2, Step::kFreeze) != nullptr);
  CHECK(world.count(Step::kFreeze) == 1);
}

TEST_CASE("of two that grow about as fast the one whom it costs less is frozen") {
  for (const bool firstIsWatched : {false, true}) {
    World world;
    world.add(1).watched = firstIsWatched;
    world.add(2).watched = !firstIsWatched;
    for (const unsigned number : {1U, 2U}) {
      world.run(number).activity = Activity::kStreaming;
      world.run(number).connectionsKept = false;
    }
    world.device().memoryAvailable = gibibytes(1);
    world.tick();
    world.grow(1, 150 * kMiB);
    world.grow(2, 150 * kMiB);
    world.tickAfter(kTick);
    REQUIRE(world.count(Step::kFreeze) == 1);
    CHECK(world.find(firstIsWatched ? 2 : 1, Step::kFreeze) != nullptr);
  }
}

TEST_CASE(
    "of two that grow about as fast the one is spared that loses work in a critical section, while it is granted") {
  for (const unsigned claims : {1U, 2U}) {
    World world;
    for (const unsigned number : {1U, 2U}) {
      world.add(number).activity = Activity::kToolRunning;
      world.run(number).safePoint = world.now() - 100s;
    }
    world.run(claims).criticalUntil = world.now() + Microseconds{60s};
    world.run(claims).criticalRedo = 40s;
    world.device().memoryAvailable = gibibytes(1);
    world.tick();
    world.grow(1, 150 * kMiB);
    world.grow(2, 150 * kMiB);
    world.tickAfter(kTick);
    REQUIRE(world.count(Step::kFreeze) == 1);
    CHECK(world.find(3 - claims, Step::kFreeze) != nullptr);
  }
}

TEST_CASE("a run that was held for its share of the hour comes after others, where they are enough") {
  struct Case {
    std::uint64_t itsMiB, othersMiB;
    bool itself;
  };
  for (const Case& example : {Case{90, 80, false}, Case{250, 20, true}}) {
    INFO("it grows by " << example.itsMiB << " MiB, the other by " << example.othersMiB);
    World world({.mostHeldAnHour = 10s});
    world.add(1);
    world.add(2);
    world.device().memoryAvailable = gibibytes(1);
    world.tick();
    world.grow(1, 300 * kMiB);
    world.tickAfter(kTick);
    world.obey();
    world.run(15s, Step::kResume);  // not enough memory to go on
    REQUIRE(world.run(1).hold == Hold::kByGovernor);
    world.device().memoryAvailable = gibibytes(2);
    CHECK(world.run(40s, Step::kResume) == 1);
    world.device().memoryAvailable = mebibytes(900);
    world.tickAfter(kTick);
    world.grow(1, example.itsMiB * kMiB);
    world.grow(2, example.othersMiB * kMiB);
    world.tickAfter(kTick);
    CHECK((world.find(1, Step::kFreeze) != nullptr) == example.itself);
    CHECK((world.find(2, Step::kFreeze) != nullptr) != example.itself);
  }
}

TEST_CASE("the price of a freeze for memory counts the reading back where the run will be swapped out") {
  World plain = grownBy(300 * kMiB);
  CHECK(plain.find(1, Step::kFreeze)->predicted->seconds < 0.1);
  World swaps;
  swaps.add(1);
  swaps.device().canReclaim = true;
  swaps.device().swapFree = gibibytes(4);
  swaps.device().memoryAvailable = gibibytes(1);
  swaps.tick();
  swaps.grow(1, 300 * kMiB);
  swaps.tickAfter(kTick);
  REQUIRE(swaps.find(1, Step::kFreeze) != nullptr);
  CHECK(swaps.find(1, Step::kFreeze)->predicted->seconds > 2);
}

TEST_CASE("a run whose lock somebody outside waits for is left alone, and goes on when it was held") {
  World world;
  world.add(1).holdsForeignLock = true;
  world.device().memoryAvailable = gibibytes(1);
  world.tick();
  world.grow(1, 700 * kMiB);
  CHECK(world.tickAfter(kTick).empty());

  World held = grownBy(300 * kMiB);
  held.obey();
  held.run(1).holdsForeignLock = true;
  held.tickAfter(kTick);
  REQUIRE(held.find(1, Step::kResume) != nullptr);
  CHECK(held.find(1, Step::kResume)->reason.find("lock") != std::string::npos);
}

TEST_CASE("only where swap exists and reclaim works is a held run swapped out, a bit at a time") {
  struct Case {
    bool canReclaim;
    std::uint64_t swapFreeMiB;
    std::uint64_t askedMiB;
  };
  // With 724 MiB left 95 are missing up to twice the reserve.
  for (const Case& example : {Case{true, 0, 0}, Case{false, 4096, 0}, Case{true, 50, 50}, Case{true, 4096, 95}}) {
    World world = grownBy(300 * kMiB);
    world.device().canReclaim = example.canReclaim;
    world.device().swapFree = mebibytes(example.swapFreeMiB);
    world.obey();
    world.tickAfter(kTick);
    const Proposal* reclaim = world.find(1, Step::kReclaim);
    CHECK((reclaim ? reclaim->reclaim->count / kMiB : 0) == example.askedMiB);
    CHECK(world.find(2, Step::kReclaim) == nullptr);
  }
}

TEST_CASE("a reclaim that gave nothing back is not tried again for a minute") {
  World world = grownBy(300 * kMiB);
  world.device().canReclaim = true;
  world.device().swapFree = gibibytes(4);
  world.obey();
  world.device().memoryAvailable = mebibytes(450);
  CHECK(world.run(50s, Step::kReclaim) == 1);
  CHECK(world.run(30s, Step::kReclaim) == 1);
}

TEST_CASE("an idle run is swapped out before a slow grower is frozen, which waits when that is enough") {
  World world;
  world.add(1);
  RunSignals& idle = world.add(2);
  idle.activity = Activity::kWaitingForPerson;
  world.device().canReclaim = true;
  world.device().swapFree = gibibytes(4);
  world.device().memoryAvailable = mebibytes(420);
  for (int i = 0; i < 10; ++i) world.tickAfter(kTick);
  world.grow(1, 10 * kMiB);
  world.tickAfter(kTick);
  REQUIRE(world.find(2, Step::kReclaim) != nullptr);
  CHECK(world.find(2, Step::kReclaim)->reason.find("waits for a person") != std::string::npos);
  CHECK(world.count(Step::kFreeze) == 0);

  World fast;
  fast.signals = world.signals;
  fast.tick();
  fast.grow(1, 200 * kMiB);
  fast.tickAfter(kTick);
  CHECK(fast.find(1, Step::kFreeze) != nullptr);
}

TEST_CASE("below half of the reserve, when it still falls, the one is ended that gives back enough at the least cost") {
  World world;
  for (const unsigned number : {1U, 2U, 3U}) {
    world.add(number).anonymousBytes = 2 * kGiB;
    world.run(number).safePoint = world.now() - 1000s;
    world.run(number).cpuUsecAtSafePoint = 0;
    world.run(number).cpuUsec = 900'000'000;
  }
  world.run(2).safePoint = world.now() - 5s;  // has next to nothing to lose
  world.run(2).cpuUsecAtSafePoint = 899'000'000;
  world.device().memoryAvailable = mebibytes(300);
  world.tick();
  CHECK(world.count(Step::kKill) == 0);
  world.device().memoryAvailable = mebibytes(150);  // the person's programs take it
  world.tickAfter(kTick);
  REQUIRE(world.count(Step::kKill) == 1);
  REQUIRE(world.find(2, Step::kKill) != nullptr);
  CHECK(world.find(2, Step::kKill)->reason.find("with 150.0 MiB left, below half of the reserve of 409.6 MiB") !=
        std::string::npos);
  CHECK(world.find(2, Step::kKill)->predicted->seconds < 10);
  // What it gives back is on its way: nobody else is ended for the same need.
  world.device().memoryAvailable = mebibytes(140);
  world.tickAfter(kTick);
  CHECK(world.count(Step::kKill) == 0);
}

TEST_CASE("of two at a safe point the one is ended that has less to do again, as it says") {
  for (const unsigned claims : {1U, 2U}) {
    World world;
    for (const unsigned number : {1U, 2U}) {
      world.add(number).anonymousBytes = 2 * kGiB;
      world.run(number).safePoint = world.now() - 1s;
      world.run(number).cpuUsecAtSafePoint = 0;
    }
    world.run(claims).redoAtSafePoint = 40s;
    world.device().memoryAvailable = mebibytes(300);
    world.tick();
    world.device().memoryAvailable = mebibytes(150);
    world.tickAfter(kTick);
    REQUIRE(world.count(Step::kKill) == 1);
    CHECK(world.find(3 - claims, Step::kKill) != nullptr);
  }
}

TEST_CASE("what a person paused is ended only where nobody else gives back enough") {
  for (const bool othersAreEnough : {true, false}) {
    World world;
    world.add(1).hold = Hold::kByOther;
    world.run(1).started = world.now();  // nothing to lose
    world.add(2).anonymousBytes = othersAreEnough ? kGiB : 10 * kMiB;
    world.device().memoryAvailable = mebibytes(300);
    world.tick();
    world.device().memoryAvailable = mebibytes(190);
    world.tickAfter(kTick);
    CHECK((world.find(1, Step::kKill) == nullptr) == othersAreEnough);
    CHECK((world.find(2, Step::kKill) != nullptr) == othersAreEnough);
  }
}

TEST_CASE("a few pages are no growth, even where memory is short") {
  World world;
  world.add(1);
  world.device().memoryAvailable = mebibytes(300);
  for (int i = 0; i < 20; ++i) {
    world.tickAfter(25ms);
    if (i % 5 == 0) world.grow(1, 256 * 1024);
    CHECK(world.count(Step::kFreeze) == 0);
  }
}

TEST_CASE("nobody is ended below half of the reserve while memory does not fall") {
  World world;
  world.add(1);
  world.device().memoryAvailable = mebibytes(150);
  CHECK(world.run(5s, Step::kKill) == 0);
}

TEST_CASE("a freeze lasts two seconds at least, and resuming wants twice the reserve and room for what it grew by") {
  World world = grownBy(300 * kMiB);
  world.obey();
  world.device().memoryAvailable = gibibytes(4);
  CHECK(world.run(1900ms, Step::kResume) == 0);
  CHECK(world.run(200ms, Step::kResume) == 1);

  struct Case {
    std::uint64_t availableMiB;
    bool resumed;
  };
  for (const Case& example : {Case{700, false}, Case{815, false}, Case{825, true}}) {
    World other = grownBy(300 * kMiB);
    other.obey();
    other.device().memoryAvailable = mebibytes(example.availableMiB);
    CHECK((other.run(3s, Step::kResume) == 1) == example.resumed);
  }
  World large = grownBy(100 * kMiB, gibibytes(8));
  for (int i = 0; i < 40; ++i) {  // grows by 3 GiB before it is frozen
    large.grow(1, 300 * kMiB);
    large.tickAfter(kTick);
    large.obey();
    if (large.run(1).hold != Hold::kNone) break;
  }
  REQUIRE(large.run(1).hold == Hold::kByGovernor);
  large.device().memoryAvailable = gibibytes(2);
  CHECK(large.run(30s, Step::kResume) == 0);
  large.device().memoryAvailable = gibibytes(8);
  CHECK(large.run(1s, Step::kResume) == 1);
}

TEST_CASE("many that were held are resumed a few at a time, the interactive first") {
  World world;
  for (unsigned number = 1; number <= 9; ++number) world.add(number);
  world.device().memoryAvailable = mebibytes(500);
  world.tick();
  for (unsigned number = 1; number <= 9; ++number) *world.run(number).anonymousBytes += 10 * kMiB;
  world.device().memoryAvailable = mebibytes(410);
  world.tickAfter(kTick);
  REQUIRE(world.count(Step::kFreeze) == 9);
  world.obey();
  world.run(7).priority = RunClass::kInteractive;
  world.device().memoryAvailable = gibibytes(6);
  for (int i = 0; i < 25 && world.count(Step::kResume) == 0; ++i) world.tickAfter(kTick);
  CHECK(world.count(Step::kResume) == 2);
  CHECK(world.find(7, Step::kResume) != nullptr);
  world.obey();
  CHECK(world.run(400ms, Step::kResume) == 0);
  CHECK(world.run(2s, Step::kResume) == 7);
}

TEST_CASE("one that is frozen again soon after is held longer each time") {
  World world = grownBy(300 * kMiB);
  std::vector<Microseconds> holds;
  for (int time = 0; time < 4; ++time) {
    REQUIRE(world.find(1, Step::kFreeze) != nullptr);
    world.obey();
    const Microseconds began = world.now();
    world.device().memoryAvailable = gibibytes(6);
    while (world.run(1).hold != Hold::kNone) world.run(100ms, Step::kResume);
    holds.push_back(world.now() - began);
    world.device().memoryAvailable = gibibytes(1);
    world.tickAfter(kTick);
    world.grow(1, 300 * kMiB);
    world.tickAfter(kTick);
  }
  for (std::size_t i = 1; i < holds.size(); ++i) CHECK(holds[i] >= holds[i - 1] + holds[i - 1] / 2);
}

TEST_CASE("agents that wait for each other's memory are tried alone, and after ten minutes the cheapest is ended") {
  World world;
  world.add(1).anonymousBytes = 3 * kGiB;
  world.add(2).anonymousBytes = 3 * kGiB;
  world.run(1).cpuUsec = 100'000'000;
  world.run(1).started = world.run(2).started = world.now();
  world.device().memoryAvailable = mebibytes(900);
  world.tick();
  for (const unsigned number : {1U, 2U}) world.grow(number, 240 * kMiB);
  world.tickAfter(kTick);
  REQUIRE(world.count(Step::kFreeze) == 2);
  world.obey();
  // Too little is left even to try one.
  CHECK(world.run(590s, Step::kResume, 500ms) == 0);
  CHECK(world.run(20s, Step::kKill, 500ms) == 1);
  REQUIRE(world.signals.runs.size() == 1);
  CHECK(world.signals.runs[0].run == runId(1));

  World left;
  left.signals = world.signals;  // alone it is nobody's victim: the person decides
  CHECK(left.run(1200s, Step::kKill, 500ms) == 0);
}

TEST_CASE("one that waits for memory in vain is tried when there is more than the reserve") {
  World world = grownBy(300 * kMiB);
  world.obey();
  world.device().memoryAvailable = mebibytes(600);
  CHECK(world.run(59s, Step::kResume, 500ms) == 0);
  CHECK(world.run(3s, Step::kResume, 500ms) == 1);
}

TEST_CASE("a governor that begins anew resumes whom an earlier one held, when there is memory") {
  World world;
  world.add(1).hold = Hold::kByGovernor;
  world.run(1).heldSince = world.now() - 10s;
  CHECK(world.run(1s, Step::kResume) == 1);
  World scarce;
  scarce.add(1).hold = Hold::kByGovernor;
  scarce.device().memoryAvailable = mebibytes(450);
  CHECK(scarce.run(10s, Step::kResume) == 0);
}

TEST_CASE("ticks come faster while one could use up what is left before the next, and none come without runs") {
  World world;
  CHECK(world.governor.nextTick(world.signals) == std::nullopt);
  world.add(1);
  CHECK(world.governor.nextTick(world.signals) == Microseconds{100ms});
  world.device().memoryAvailable = mebibytes(600);
  CHECK(world.governor.nextTick(world.signals) == Microseconds{25ms});
  world.run(1).hold = Hold::kByGovernor;
  world.run(1).heldSince = world.now();
  CHECK(world.governor.nextTick(world.signals) == Microseconds{500ms});
  // Proposed to be resumed: it runs before the next reading.
  world.tick();
  world.device().memoryAvailable = mebibytes(850);  // barely twice the reserve
  while (world.count(Step::kResume) == 0) world.tickAfter(500ms);
  CHECK(world.governor.nextTick(world.signals) == Microseconds{25ms});
}
