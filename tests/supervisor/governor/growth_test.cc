// How fast a run is said to grow where its memory is read as supervisor/meter reads it: the number of an earlier
// reading is repeated until memory in use has changed by 1/64, and at most nine times.
#include <catch2/catch_test_macros.hpp>

#include "governor_world.h"
#include "supervisor/governor/tick.h"

namespace ringfence::supervisor::governor::test {
namespace {

constexpr double kTrue = 100.0 * kMiB;  // bytes a second

struct MeteredRun {
  Signals signals = quietMachine();
  GovernorSettings settings;
  CostModel costs;
  GovernorState state;
  double anonymous = 4.0 * kGiB, cached = 0;
  std::uint64_t inUseAtReading = 0;
  unsigned leftOut = 0;

  MeteredRun() {
    signals.device.memoryAvailable = gibibytes(64);
    signals.runs.push_back(quietRun(1));
    read();
  }
  RunSignals& run() { return signals.runs.front(); }
  Seen& seen() { return state.seen.at(runId(1)); }

  void read() {
    const auto inUse = static_cast<std::uint64_t>(anonymous + cached);
    const std::uint64_t change = std::max(inUse, inUseAtReading) - std::min(inUse, inUseAtReading);
    run().memoryBytes = inUse;
    run().anonymousRepeated = ++leftOut < 10 && (change < kMiB || change < inUseAtReading / 64);
    if (!run().anonymousRepeated) {
      run().anonymousBytes = static_cast<std::uint64_t>(anonymous);
      inUseAtReading = inUse;
      leftOut = 0;
    }
    Tick tick(settings, state, signals, costs);
    noteSignals(tick);
  }
  void pass(Microseconds time, double bytesPerSec) {
    const double grown = bytesPerSec * static_cast<double>(time.count()) / 1e6;
    anonymous += grown;
    signals.device.memoryAvailable->count -= static_cast<std::uint64_t>(grown);
    signals.device.at.boottime += time;
    read();
  }
};

bool isNear(double found, double real) { return found >= 0.8 * real && found <= 1.2 * real; }

}  // namespace

TEST_CASE("a run that grows evenly is seen to grow so at every tick, and nobody else is") {
  for (const Microseconds each : {Microseconds{25'000}, Microseconds{100'000}}) {
    for (const double size : {0.25, 4.0, 32.0}) {
      MeteredRun metered;
      metered.anonymous = size * kGiB;
      for (int i = 0; i < 20; ++i) metered.pass(each, kTrue);
      for (int i = 0; i < 100; ++i) {
        metered.pass(each, kTrue);
        CAPTURE(each.count(), size, i, metered.seen().growth, metered.state.foregroundGrowth);
        CHECK(isNear(metered.seen().growth, kTrue));
        CHECK(metered.state.foregroundGrowth < 0.2 * kTrue);
      }
    }
  }
}

TEST_CASE("a growth is seen as fast as it is where cached files give way to it") {
  MeteredRun metered;
  metered.cached = 64.0 * kGiB;
  for (int i = 0; i < 120; ++i) {
    metered.cached -= kTrue / 40;
    metered.pass(25ms, kTrue);
    if (i >= 20) CHECK(isNear(metered.seen().growth, kTrue));
  }
}

TEST_CASE("a growth that begins is seen as fast as it is at the first reading of it") {
  MeteredRun metered;
  for (int i = 0; i < 48; ++i) metered.pass(25ms, 0);
  REQUIRE(metered.leftOut > 5);
  metered.pass(25ms, 30 * kTrue);
  CHECK(isNear(metered.seen().growth, 30 * kTrue));
}

TEST_CASE("a growth that ended is believed for ten readings, and never for longer than it takes to be read anew") {
  MeteredRun metered;
  for (int i = 0; i < 40; ++i) metered.pass(25ms, kTrue);
  for (int i = 0; i < 20; ++i) metered.pass(25ms, 0);
  CHECK(metered.seen().growth == 0);
  for (int i = 0; i < 40; ++i) metered.pass(25ms, kTrue);
  metered.run().anonymousRepeated = true;
  metered.signals.device.at.boottime += 1600ms;
  Tick tick(metered.settings, metered.state, metered.signals, metered.costs);
  noteSignals(tick);
  CHECK(metered.seen().growth == 0);
}

TEST_CASE("the time in which a run was held is not taken for time in which it grew slowly") {
  MeteredRun metered;
  for (int i = 0; i < 43; ++i) metered.pass(100ms, kTrue);
  metered.run().hold = Hold::kByGovernor;
  metered.run().heldSince = metered.signals.device.at.boottime;
  for (int i = 0; i < 8; ++i) {
    metered.pass(100ms, 0);
    CHECK(metered.seen().growth == 0);
  }
  metered.run().hold = Hold::kNone;
  while (metered.seen().growth == 0) metered.pass(100ms, kTrue);
  CHECK(isNear(metered.seen().growth, kTrue));
}

TEST_CASE("a reclaim is judged by a reading that came after it") {
  MeteredRun metered;
  metered.run().hold = Hold::kByGovernor;
  Seen& of = metered.seen();
  of.reclaimProposed = metered.signals.device.at.boottime;
  of.anonymousBeforeReclaim = *metered.run().anonymousBytes;
  metered.signals.device.at.boottime += 1s;
  const auto judge = [&](bool repeated) {
    metered.run().anonymousRepeated = repeated;
    Tick tick(metered.settings, metered.state, metered.signals, metered.costs);
    noteSignals(tick);
  };
  judge(true);
  CHECK_FALSE(of.reclaimFailed);
  *metered.run().anonymousBytes -= 64 * kMiB;
  judge(false);
  CHECK_FALSE(of.reclaimFailed);
  CHECK_FALSE(of.reclaimProposed);
}

}  // namespace ringfence::supervisor::governor::test
