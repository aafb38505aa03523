#include <catch2/catch_test_macros.hpp>

#include "governor_world.h"

namespace ringfence::supervisor::governor::test {
namespace {

// 8 GiB, so the reserve is 410 MiB.
World shortWorld(std::uint64_t available) {
  World world;
  world.add(1).callsCanWait = true;
  world.add(2);
  world.device().memoryAvailable = Bytes{available * kMiB};
  return world;
}

}  // namespace

TEST_CASE("while memory is short calls wait, told once, and go on when there is enough again") {
  World world = shortWorld(700);
  CHECK(world.run(5s, Step::kDeferModelCall) == 1);
  world.device().memoryAvailable = Bytes{900 * kMiB};
  CHECK(world.run(5s, Step::kDeferModelCall) == 0);
  world.device().memoryAvailable = Bytes{1100 * kMiB};
  world.tickAfter(100ms);
  REQUIRE(world.find(1, Step::kDeferModelCall) != nullptr);
  CHECK(world.find(1, Step::kDeferModelCall)->cause == Cause::kRelieved);
  CHECK(world.run(5s, Step::kDeferModelCall) == 0);
}

TEST_CASE("nothing is deferred of a run whose calls nobody can defer, nor where memory is not known") {
  World world = shortWorld(700);
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kDeferModelCall)->cause == Cause::kMemory);
  CHECK(world.find(1, Step::kDeferModelCall)->reason.find("700") != std::string::npos);
  CHECK(world.find(2, Step::kDeferModelCall) == nullptr);
  World blind = shortWorld(700);
  blind.device().memoryAvailable.reset();
  CHECK(blind.run(5s, Step::kDeferModelCall) == 0);
}

TEST_CASE("a run that a person waits for is spared until it is urgent") {
  World world = shortWorld(700);
  world.run(1).priority = RunClass::kInteractive;
  CHECK(world.run(2s, Step::kDeferModelCall) == 0);
  world.device().memoryAvailable = Bytes{550 * kMiB};
  CHECK(world.run(2s, Step::kDeferModelCall) == 1);
}

TEST_CASE("a deferral that ended by itself is begun again while memory is still short") {
  World world = shortWorld(700);
  CHECK(world.run(1s, Step::kDeferModelCall) == 1);
  CHECK(world.run(590s, Step::kDeferModelCall, 1s) == 0);
  CHECK(world.run(20s, Step::kDeferModelCall, 1s) == 1);
}

}  // namespace ringfence::supervisor::governor::test
