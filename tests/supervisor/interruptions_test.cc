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

// The same run, read ten times a second; what it read back is in each twentieth reading alone, as of a group that is
// read in full each two seconds. `ahead`: readings from the first hold to the next of these.
struct QuickTrial : Trial {
  std::uint64_t refaults = 40;
  int reading = 0;

  explicit QuickTrial(int ahead) : Trial(false), reading(-ahead) { quick(40); }
  void quick(int readings) {
    for (int i = 0; i < readings; ++i, ++reading) {
      signals.device.at.boottime += Microseconds{100'000};
      run().refaults = reading % 20 == 0 ? std::optional(refaults) : std::nullopt;
      costs.observe(signals);
      for (InterruptionCost& cost : interruptions.tick(signals, costs)) known.push_back(std::move(cost));
    }
  }
  void quickHold(int readings) {
    run().hold = Hold::kByGovernor;
    run().heldSince = signals.device.at.boottime;
    quick(readings);
    run().hold = Hold::kNone;
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
  CHECK(cost.real.value().delayUsec == 5'600'000 + 1'500'000);
  CHECK(cost.real.value().tokens == 200);
  CHECK(cost.real.value().why.starts_with("1 of 2 connections broke, so "));
  CHECK(trial.price() > before);
}

TEST_CASE("an answer that its server ended is not taken for a broken one, and costs nothing") {
  Trial trial;
  trial.hold(10s);
  trial.interruptions.told(Trial::id(), {.heldMs = 10'000, .connections = 3, .closed = 3});
  trial.pass(10s);
  REQUIRE(trial.known.size() == 1);
  CHECK(trial.known.front().measured.real.value().delayUsec == 0);
  CHECK(trial.known.front().measured.real.value().why.empty());
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
  CHECK(silent.known.front().measured.real.value().delayUsec == 0);
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
  CHECK(trial.known.front().measured.real.value().tokens == 400);
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
  trial.pass(9s);
  REQUIRE(trial.known.size() == 1);
  const InterruptionMeasured& cost = trial.known.front().measured;
  CHECK(!cost.standstillUsec);
  CHECK(!cost.resumeUsec);
  CHECK(!cost.pagesReadBack);
  CHECK(!cost.real);
  CHECK(!cost.connections);
  CHECK(!cost.brokenConnections);
  CHECK(!cost.workCpuUsec);
}

TEST_CASE("what a hold cost is known though few readings say what was read back") {
  for (int ahead = 0; ahead < 20; ++ahead) {
    for (const int held : {3, 100}) {
      CAPTURE(ahead, held);
      QuickTrial trial(ahead);
      trial.quickHold(held);
      trial.refaults += 1'000'000;
      trial.quick(80);
      REQUIRE(trial.known.size() == 1);
      CHECK(trial.known.front().measured.pagesReadBack == 1'000'000);
      REQUIRE(trial.known.front().measured.real);
      CHECK(trial.known.front().measured.real->delayUsec == 5'600'000);
    }
  }
}

TEST_CASE("of two holds close together each is told what was read back after it, or that nobody knows") {
  for (int ahead = 0; ahead < 20; ++ahead) {
    for (const int between : {3, 30}) {
      CAPTURE(ahead, between);
      QuickTrial trial(ahead);
      trial.quickHold(30);
      trial.refaults += 1000;
      trial.quick(between);
      trial.quickHold(30);
      trial.refaults += 7;
      trial.quick(90);
      REQUIRE(trial.known.size() == 2);
      CHECK(trial.known[0].measured.pagesReadBack == 1000);
      CHECK(trial.known[1].measured.pagesReadBack == 7);
    }
    QuickTrial trial(ahead);
    trial.quickHold(30);
    trial.refaults += 1000;
    for (int i = 0; i < 4; ++i) {
      trial.quick(2);
      trial.quickHold(2);
    }
    trial.quick(90);
    for (const InterruptionCost& cost : trial.known) {
      const auto& pages = cost.measured.pagesReadBack;
      CHECK((!pages || *pages == 1000 || *pages == 0));
    }
  }
}

TEST_CASE("holds of which nobody could read what they cost do not make the next one cheap") {
  Trial trial(false);
  for (int i = 0; i < 4; ++i) {
    trial.run().refaults = 1'000'000 * static_cast<std::uint64_t>(i);
    trial.hold(10s);
    trial.run().refaults = 1'000'000 * static_cast<std::uint64_t>(i + 1);
    trial.pass(10s);
  }
  REQUIRE(trial.known.size() == 4);
  const double learned = trial.price();
  CHECK(learned > 5);
  for (int i = 0; i < 8; ++i) {
    trial.run().refaults.reset();
    trial.hold(10s);
    trial.pass(10s);
  }
  REQUIRE(trial.known.size() == 12);
  CHECK_FALSE(trial.known.back().measured.real);
  CHECK(trial.price() == learned);
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
  CHECK(cost->measured.real.value().workCpuUsec == 2'000'000);
  CHECK(cost->measured.real.value().tokens == 400);
  CHECK(cost->measured.workUsec == cost->measured.real.value().delayUsec);
  REQUIRE(cost->measured.predicted);
  CHECK(cost->measured.predicted->workCpuUsec == 2'000'000);
  CHECK(!trial.interruptions.ended(Trial::id()));
}

}  // namespace ringfence::supervisor
