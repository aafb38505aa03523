#include "supervisor/interruptions.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::supervisor {
namespace {

using governor::Activity;
using governor::Hold;
using std::chrono_literals::operator""s;

// One run that is held for ten seconds in the middle of an answer and goes on; read once a second.
struct Trial {
  Interruptions interruptions;
  governor::CostModel costs;
  governor::Signals signals;
  std::vector<InterruptionCost> known;

  explicit Trial(bool hasEgress = true, Activity activity = Activity::kStreaming) {
    signals.device.at.boottime = 1000s;
    governor::RunSignals run;
    run.run = id();
    run.callsCanWait = hasEgress;
    run.activity = activity;
    run.refaults = 0;
    run.safePoint = signals.device.at.boottime - 8s;
    run.tokens = 500;
    run.tokensAtSafePoint = 100;
    signals.runs.push_back(run);
    pass(4s);
  }
  static RunId id() { return *RunId::parse("r-0000000000000001"); }
  governor::RunSignals& run() { return signals.runs.front(); }
  void pass(Microseconds span) {
    for (Microseconds passed{}; passed < span; passed += 1s) {
      signals.device.at.boottime += 1s;
      costs.observe(signals);
      for (InterruptionCost& cost : interruptions.tick(signals, costs)) known.push_back(std::move(cost));
    }
  }
  void hold(Microseconds span) {
    run().hold = Hold::kByGovernor;
    run().heldSince = signals.device.at.boottime;
    pass(span);
    run().hold = Hold::kNone;
    pass(1s);
  }
  double price() const {
    return costs.predict(signals.runs.front(), governor::Interruption::kFreeze, 10s, signals.device.at.boottime)
        .seconds;
  }
};

}  // namespace

TEST_CASE("what a hold cost has the part that must be done again where connections broke, and is learned as a chance") {
  Trial trial;
  trial.hold(10s);
  trial.run().refaults = 1'000'000;
  trial.pass(30s);
  CHECK(trial.known.empty());  // Its egress has not told yet.
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 2, .reset = 1});
  const double before = trial.price();
  trial.pass(1s);
  REQUIRE(trial.known.size() == 1);
  const InterruptionMeasured& cost = trial.known.front().measured;
  CHECK(!cost.killed);
  CHECK(cost.heldUsec / 1'000'000 == 11);
  // A million pages that were read back, and half of the three seconds of streaming before it.
  CHECK(cost.real.delayUsec == 5'600'000 + 1'500'000);
  CHECK(cost.real.tokens == 200);
  CHECK(cost.real.why.starts_with("1 of 2 connections broke, so "));
  CHECK(trial.price() > before);
}

TEST_CASE("an answer that its server ended is not taken for a broken one, and costs nothing") {
  Trial trial;
  trial.hold(10s);
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 3, .closed = 3});
  trial.pass(10s);
  REQUIRE(trial.known.size() == 1);
  CHECK(trial.known.front().measured.real.delayUsec == 0);
  CHECK(trial.known.front().measured.real.why.empty());
}

TEST_CASE("what nobody tells of is not waited for, and a report that never comes for no longer than it could take") {
  for (Trial trial : {Trial(false), Trial(true, Activity::kToolRunning)}) {
    trial.hold(10s);
    trial.pass(6s);
    CHECK(trial.known.size() == 1);
  }
  Trial silent;
  silent.hold(10s);
  silent.pass(70s);
  CHECK(silent.known.empty());
  silent.pass(10s);
  REQUIRE(silent.known.size() == 1);
  CHECK(silent.known.front().measured.real.delayUsec == 0);
}

TEST_CASE("a run that is held again is told as soon as its egress has told, and one that ended never") {
  Trial trial;
  trial.hold(10s);
  trial.pass(1s);
  trial.run().hold = Hold::kByGovernor;
  trial.pass(1s);
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 1, .reset = 1});
  trial.pass(1s);
  CHECK(trial.known.size() == 1);
  trial.signals.runs.clear();
  trial.pass(100s);
  CHECK(trial.known.size() == 1);
}

TEST_CASE("an egress that says that more broke than was there is believed up to all of it") {
  Trial trial;
  trial.hold(10s);
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 1, .reset = 4'000'000});
  trial.pass(10s);
  REQUIRE(trial.known.size() == 1);
  CHECK(trial.known.front().measured.real.tokens == 400);
}

TEST_CASE("of a hold it is told how fast it came and went, what was read back, what broke and what work was at stake") {
  using Order = Standstills::Order;
  Trial trial;
  trial.run().cpuUsec = 3'000'000;
  trial.run().cpuUsecAtSafePoint = 1'000'000;
  trial.interruptions.took({Trial::id(), Order::kFreeze, Microseconds{210}});
  trial.hold(10s);
  trial.interruptions.took({Trial::id(), Order::kThaw, Microseconds{150}});
  trial.run().refaults = 7;
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 2, .reset = 1});
  trial.pass(6s);
  REQUIRE(trial.known.size() == 1);
  const InterruptionMeasured& cost = trial.known.front().measured;
  CHECK(cost.standstillUsec == 210);
  CHECK(cost.resumeUsec == 150);
  CHECK(cost.pagesReadBack == 7);
  CHECK(cost.connections == 2);
  CHECK(cost.brokenConnections == 1);
  CHECK(cost.workCpuUsec == 2'000'000);
  CHECK(cost.workUsec.value_or(0) / 1'000'000 == 12);  // From eight seconds before the first reading up to the hold.
}

TEST_CASE("what nobody could read of a hold is absent, not nothing") {
  Trial trial(false);
  trial.run().refaults.reset();
  trial.hold(10s);
  trial.pass(6s);
  REQUIRE(trial.known.size() == 1);
  const InterruptionMeasured& cost = trial.known.front().measured;
  CHECK(!cost.standstillUsec);
  CHECK(!cost.resumeUsec);
  CHECK(!cost.pagesReadBack);
  CHECK(!cost.connections);
  CHECK(!cost.brokenConnections);
  CHECK(!cost.workCpuUsec);
}

TEST_CASE("the time of one hold is never that of another") {
  using Order = Standstills::Order;
  Trial trial(false);
  trial.interruptions.took({Trial::id(), Order::kFreeze, Microseconds{210}});
  trial.interruptions.took({Trial::id(), Order::kThaw, Microseconds{150}});  // Between two readings: nobody saw it.
  trial.hold(10s);
  trial.pass(6s);
  REQUIRE(trial.known.size() == 1);
  CHECK(!trial.known.front().measured.standstillUsec);
}

TEST_CASE("a kill costs the work since the last safe point, and how fast it came is told when the run is gone") {
  Trial trial;
  const Microseconds now = trial.signals.device.at.boottime;
  trial.run().cpuUsec = 3'000'000;
  trial.run().cpuUsecAtSafePoint = 1'000'000;
  CHECK(!trial.interruptions.ended(Trial::id()));  // Nobody killed it.
  trial.interruptions.killed(trial.run(), trial.costs, now);
  trial.run().cpuUsec = 9'000'000;
  trial.interruptions.killed(trial.run(), trial.costs, now + 1s);  // Ordered again.
  trial.interruptions.took({Trial::id(), Standstills::Order::kKill, Microseconds{900}});
  trial.pass(2s);
  const auto cost = trial.interruptions.ended(Trial::id());
  REQUIRE(cost);
  CHECK(cost->run == Trial::id());
  CHECK(cost->measured.killed);
  CHECK(cost->measured.heldUsec == 0);
  CHECK(cost->measured.standstillUsec == 900);
  CHECK(cost->measured.workCpuUsec == 2'000'000);
  CHECK(cost->measured.real.workCpuUsec == 2'000'000);
  CHECK(cost->measured.real.tokens == 400);
  CHECK(cost->measured.workUsec == cost->measured.real.delayUsec);
  REQUIRE(cost->measured.predicted);
  CHECK(cost->measured.predicted->workCpuUsec == 2'000'000);
  CHECK(!trial.interruptions.ended(Trial::id()));
}

}  // namespace ringfence::supervisor
