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

}  // namespace ringfence::supervisor
