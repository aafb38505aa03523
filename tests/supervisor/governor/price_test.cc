#include "supervisor/governor/price.h"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "governor_world.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;
using Catch::Approx;

namespace {

constexpr Microseconds kNow{3600s};

RunSignals doing(Activity activity, bool connectionsKept = true) {
  RunSignals run = quietRun(1);
  run.started = kNow - Microseconds{1000s};
  run.activity = activity;
  run.connectionsKept = connectionsKept;
  return run;
}

Signals at(Microseconds now, const RunSignals& run) {
  Signals signals;
  signals.device.at.boottime = now;
  signals.runs.push_back(run);
  return signals;
}

}  // namespace

TEST_CASE("a freeze breaks streams by how long it lasts, unless the egress keeps them") {
  struct Case {
    Activity activity;
    bool kept;
    Microseconds hold;
    double seconds;  // of the 20 that a turn is taken for
  };
  const std::vector<Case> cases{
      {Activity::kWaitingForPerson, false, 3600s, 0}, {Activity::kWaitingForModel, false, 500ms, 0},
      {Activity::kWaitingForModel, false, 5s, 0},     {Activity::kWaitingForModel, false, 30s, 1},
      {Activity::kWaitingForModel, false, 90s, 6},    {Activity::kStreaming, false, 999ms, 0},
      {Activity::kStreaming, false, 5s, 0.4},         {Activity::kStreaming, false, 30s, 12},
      {Activity::kStreaming, false, 90s, 18},         {Activity::kStreaming, true, 500s, 0},
      {Activity::kStreaming, true, 601s, 18},         {Activity::kWaitingForModel, true, 90s, 0},
      {Activity::kToolRunning, true, 5s, 0},          {Activity::kToolRunning, true, 30s, 0.4},
      {Activity::kToolRunning, false, 90s, 1},
  };
  const CostModel costs;
  for (const Case& example : cases) {
    INFO(static_cast<int>(example.activity) << " kept " << example.kept << " for " << example.hold.count());
    const Price price = costs.predict(doing(example.activity, example.kept), Interruption::kFreeze, example.hold, kNow);
    CHECK(price.seconds == Approx(example.seconds + 0.001));
    CHECK(!price.forbidden);
  }
}

TEST_CASE("reading back what was swapped out costs 3.8 ms a megabyte, and a mere freeze nothing") {
  const CostModel costs;
  RunSignals run = doing(Activity::kWaitingForPerson);
  run.anonymousBytes = 1'000'000'000;
  const Price reclaimed = costs.predict(run, Interruption::kFreezeAndReclaim, 5s, kNow);
  CHECK(reclaimed.seconds == Approx(3.8).margin(0.01));
  CHECK(reclaimed.why == "reading 953.7 MiB back into memory takes 3.8 s");
  CHECK(costs.predict(run, Interruption::kFreeze, 5s, kNow).seconds < 0.01);
}

TEST_CASE("a kill costs what was done since the last safe point, and starting again") {
  const CostModel costs;
  RunSignals run = doing(Activity::kToolRunning);
  run.safePoint = kNow - Microseconds{100s};
  run.cpuUsec = 90'000'000;
  run.cpuUsecAtSafePoint = 20'000'000;
  run.tokens = 7000;
  run.tokensAtSafePoint = 3000;
  Price price = costs.predict(run, Interruption::kKill, {}, kNow);
  CHECK(price.seconds == Approx(102));
  CHECK(price.workCpuSeconds == Approx(70));
  CHECK(price.tokens == Approx(4000));
  CHECK(price.why == "100 s (70.0 s of processor) and 4000 tokens of work since its last safe point");
  SECTION("time in which it was held is not done again") {
    run.hold = Hold::kByGovernor;
    run.heldSince = kNow - Microseconds{60s};
    CHECK(costs.predict(run, Interruption::kKill, {}, kNow).seconds == Approx(42));
  }
  SECTION("without a safe point all of it is lost") {
    run.safePoint.reset();
    price = costs.predict(run, Interruption::kKill, {}, kNow);
    CHECK(price.seconds == Approx(1002));
    CHECK(price.workCpuSeconds == Approx(90));
    CHECK(price.tokens == Approx(7000));
    CHECK(price.why.find("no safe point") != std::string::npos);
  }
}

TEST_CASE("what was not kept at a safe point is lost with a kill, and said to be the agent's own words") {
  const CostModel costs;
  RunSignals run = doing(Activity::kToolRunning);
  run.safePoint = kNow - Microseconds{10s};
  run.redoAtSafePoint = 5s;
  Price price = costs.predict(run, Interruption::kKill, {}, kNow);
  CHECK(price.seconds == Approx(17));
  CHECK(price.claimed == Approx(5));
  CHECK(price.why == "15 s of work since its last safe point, 5.0 s of it not kept there, as it says");
  CHECK(costs.predict(run, Interruption::kFreeze, 5s, kNow).claimed == 0);
  run.safePoint.reset();
  CHECK(costs.predict(run, Interruption::kKill, {}, kNow).claimed == 0);
}

TEST_CASE("what a hold in a critical section loses counts while that lasts, and up to what the run has to lose") {
  const CostModel costs;
  RunSignals run = doing(Activity::kToolRunning);
  run.safePoint = kNow - Microseconds{100s};
  run.criticalRedo = 40s;
  run.criticalUntil = kNow + Microseconds{3s};
  const Amounts basis = costs.predict(run, Interruption::kFreeze, 5s, kNow).basis;
  for (const Interruption hold : {Interruption::kFreeze, Interruption::kFreezeAndReclaim}) {
    const Price price = costs.predict(run, hold, 5s, kNow);
    CHECK(price.seconds == Approx(40));
    CHECK(price.claimed == Approx(40).margin(1.1));
    CHECK(price.why == "it says that a hold now loses 40 s of its work");
    CHECK(price.cheaperAfter == run.criticalUntil);
  }
  SECTION("more than was done since the last safe point is not believed") {
    run.criticalRedo = 1'000'000s;
    const Price price = costs.predict(run, Interruption::kFreeze, 5s, kNow);
    CHECK(price.seconds == Approx(100));
    CHECK(price.seconds < costs.predict(run, Interruption::kKill, {}, kNow).seconds);
    CHECK(price.why.find("not more than that is believed") != std::string::npos);
    run.safePoint = kNow;
    CHECK(costs.predict(run, Interruption::kFreeze, 5s, kNow).seconds < 0.01);
  }
  SECTION("a section that is over, or that tells nothing, costs nothing more") {
    run.criticalUntil = kNow;
    CHECK(costs.predict(run, Interruption::kFreeze, 5s, kNow).claimed == 0);
    run.criticalUntil = kNow + Microseconds{3s};
    run.criticalRedo.reset();
    CHECK(costs.predict(run, Interruption::kFreeze, 5s, kNow).seconds < 0.01);
  }
  SECTION("nothing of it is learned, nor makes a kill cheaper or dearer") {
    CHECK(basis.seconds < 0.01);
    const double kill = costs.predict(run, Interruption::kKill, {}, kNow).seconds;
    run.criticalRedo.reset();
    CHECK(costs.predict(run, Interruption::kKill, {}, kNow).seconds == kill);
  }
}

TEST_CASE("there is no price for a run whose lock somebody outside waits for") {
  RunSignals run = doing(Activity::kToolRunning);
  run.holdsForeignLock = true;
  const Price price = CostModel{}.predict(run, Interruption::kFreeze, 2s, kNow);
  CHECK(price.forbidden);
  CHECK(price.why.find("lock") != std::string::npos);
  CHECK(std::isfinite(price.seconds));
}

TEST_CASE("waiting is cheaper up to when a stream or a turn of this run usually ends") {
  CostModel costs;
  RunSignals run = doing(Activity::kToolRunning, false);
  Microseconds now = kNow;
  const auto pass = [&](Microseconds time, Activity activity) {
    for (Microseconds passed{}; passed < time; passed += Microseconds{1s}) {
      now += Microseconds{1s};
      run.activity = activity;
      costs.observe(at(now, run));
    }
  };
  for (int turn = 0; turn < 5; ++turn) {
    pass(10s, Activity::kToolRunning);
    pass(30s, Activity::kStreaming);
    run.safePoint = now;
    costs.observe(at(now, run));
  }
  pass(10s, Activity::kToolRunning);
  pass(5s, Activity::kStreaming);
  const Price freeze = costs.predict(run, Interruption::kFreeze, 30s, now);
  REQUIRE(freeze.cheaperAfter);
  CHECK(*freeze.cheaperAfter - now == Microseconds{26s});  // it was seen to begin 4 s ago
  const Price kill = costs.predict(run, Interruption::kKill, {}, now);
  REQUIRE(kill.cheaperAfter);
  CHECK(*kill.cheaperAfter - now == Microseconds{25s});
  // A time that costs next to nothing is as good as any.
  CHECK(!costs.predict(run, Interruption::kFreeze, 500ms, now).cheaperAfter);
  // Held meanwhile: its stream ends as much later.
  run.hold = Hold::kByGovernor;
  pass(20s, Activity::kStreaming);
  run.hold = Hold::kNone;
  costs.observe(at(now, run));
  CHECK(*costs.predict(run, Interruption::kKill, {}, now).cheaperAfter - now == Microseconds{25s});
  CHECK(*costs.predict(run, Interruption::kFreeze, 30s, now).cheaperAfter - now == Microseconds{26s});
  // Longer than it ever lasted: nobody knows.
  pass(60s, Activity::kStreaming);
  CHECK(!costs.predict(run, Interruption::kFreeze, 30s, now).cheaperAfter);
}

TEST_CASE("a run learns from itself, new runs from all, and one odd measurement changes nothing") {
  CostModel costs;
  const RunSignals known = doing(Activity::kToolRunning);
  RunSignals fresh = known;
  fresh.run = runId(2);
  const auto predicted = [&](const RunSignals& run) {
    return costs.predict(run, Interruption::kFreeze, 5s, kNow).seconds;
  };
  for (int i = 0; i < 5; ++i)
    costs.learn(
        {known.run, Interruption::kFreeze, Activity::kToolRunning, 5s, Amounts{.seconds = 3}, {.seconds = 0.001}});
  CHECK(predicted(known) == Approx(3));
  CHECK(predicted(fresh) == Approx(3));
  CHECK(costs.predict(known, Interruption::kFreeze, 5s, kNow).why ==
        "interruptions like it did cost 3.0 s more than the hold");
  costs.learn(
      {known.run, Interruption::kFreeze, Activity::kToolRunning, 5s, Amounts{.seconds = 900}, {.seconds = 0.001}});
  CHECK(predicted(known) == Approx(3));
  // Other holds, activities and interruptions are other things.
  CHECK(costs.predict(known, Interruption::kFreeze, 500ms, kNow).seconds < 0.01);
  CHECK(costs.predict(doing(Activity::kWaitingForPerson), Interruption::kFreeze, 5s, kNow).seconds < 0.01);
  for (int i = 0; i < 100; ++i)
    costs.learn(
        {runId(3), Interruption::kFreeze, Activity::kToolRunning, 5s, Amounts{.seconds = 1}, {.seconds = 0.001}});
  CHECK(predicted(known) == Approx(3));
  CHECK(predicted(fresh) == Approx(1));
  costs.forget(known.run);
  CHECK(predicted(known) == Approx(1));
}

TEST_CASE("what is not a cost is not learned") {
  CostModel costs;
  for (const double wrong : {std::nan(""), -1.0, std::numeric_limits<double>::infinity()})
    for (int i = 0; i < 20; ++i)
      costs.learn({runId(1), Interruption::kFreeze, Activity::kUnknown, 5s, Amounts{.seconds = wrong}, {}});
  CHECK(costs.predict(doing(Activity::kUnknown), Interruption::kFreeze, 5s, kNow).seconds < 0.01);
}

namespace {

// An agent as a script: what an interruption really costs it comes from its own constants, which the model never sees,
// and from chance.
struct ScriptedAgent {
  double redoSpeed;     // doing lost work again against doing it first: caches help
  double restart;       // seconds
  double touchedAgain;  // part of its pages
  double refaultPerMb;  // seconds
  double tokensAgain;   // part of them
  double wakeUp;        // seconds after a hold over 1 s: it notices and looks at everything anew
};

ScriptedAgent agentFrom(std::mt19937_64& random) {
  const auto between = [&](double low, double high) { return std::uniform_real_distribution<>(low, high)(random); };
  return {between(0.5, 1.1), between(1, 6), between(0.4, 0.9), between(0.003, 0.006), between(0.6, 1), between(0.2, 2)};
}

struct Event {
  RunSignals run;
  Interruption interruption{};
  Microseconds hold{};
  Amounts real;
};

Event eventOf(const ScriptedAgent& agent, unsigned number, std::mt19937_64& random) {
  const auto between = [&](double low, double high) { return std::uniform_real_distribution<>(low, high)(random); };
  Event event{.run = quietRun(number)};
  RunSignals& run = event.run;
  const Activity activities[] = {Activity::kWaitingForPerson, Activity::kStreaming, Activity::kToolRunning};
  const Interruption interruptions[] = {Interruption::kFreeze, Interruption::kFreezeAndReclaim, Interruption::kKill};
  run.activity = activities[random() % 3];
  event.interruption = interruptions[random() % 3];
  const double since = std::exp(between(1.5, 6));
  run.safePoint = kNow - Microseconds{static_cast<Microseconds::rep>(since * 1e6)};
  run.cpuUsecAtSafePoint = 0;
  run.cpuUsec = static_cast<std::uint64_t>(since * between(0.1, 0.9) * 1e6);
  run.tokensAtSafePoint = 0;
  run.tokens = static_cast<std::uint64_t>(since * between(20, 60));
  run.anonymousBytes = static_cast<std::uint64_t>(std::exp2(between(7, 11))) * kMiB;
  event.hold = Microseconds{static_cast<Microseconds::rep>(std::exp(between(0.7, 5)) * 1e6)};
  const double noise = between(0.9, 1.1) * (random() % 20 == 0 ? 5 : 1);  // one in twenty goes badly
  if (event.interruption == Interruption::kKill) {
    event.real = {(agent.restart + since * agent.redoSpeed) * noise,
                  static_cast<double>(*run.tokens) * agent.tokensAgain * noise,
                  static_cast<double>(*run.cpuUsec) / 1e6 * noise};
  } else {
    event.real.seconds = agent.wakeUp * noise;
    if (event.interruption == Interruption::kFreezeAndReclaim)
      event.real.seconds +=
          static_cast<double>(*run.anonymousBytes) / 1e6 * agent.refaultPerMb * agent.touchedAgain * noise;
  }
  return event;
}

double errorOf(double predicted, double real) { return std::abs(predicted - real) / std::max(real, 0.05); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("the cost of interrupting scripted agents that were held out is predicted within 20 percent in the median") {
  std::mt19937_64 random(11);
  std::vector<double> unlearned, learned;
  CostModel costs;
  constexpr unsigned kAgents = 40;
  for (unsigned number = 0; number < kAgents; ++number) {
    const ScriptedAgent agent = agentFrom(random);
    // The first half is what all learn from. Of the others each is met as a stranger, learns from its own first sixty
    // interruptions, and is asked about others.
    const bool heldOut = number >= kAgents / 2;
    for (int i = 0; i < 100; ++i) {
      const Event event = eventOf(agent, number, random);
      const Price price = costs.predict(event.run, event.interruption, event.hold, kNow);
      if (heldOut && i >= 60) {
        learned.push_back(errorOf(price.seconds, event.real.seconds));
        unlearned.push_back(errorOf(price.basis.seconds, event.real.seconds));
        continue;
      }
      costs.learn({event.run.run, event.interruption, event.run.activity, event.hold, event.real, price.basis});
    }
  }
  INFO("median error " << median(learned) << ", of the priors alone " << median(unlearned));
  CHECK(learned.size() == 800);
  CHECK(median(learned) <= 0.2);
  CHECK(median(learned) < median(unlearned));
}

TEST_CASE("an agent that the model meets for the first time is predicted better after others were seen") {
  std::mt19937_64 random(12);
  CostModel costs;
  std::vector<double> pooled, priors;
  for (unsigned number = 0; number < 400; ++number) {
    const ScriptedAgent agent = agentFrom(random);
    if (number < 200) {
      for (int i = 0; i < 20; ++i) {
        const Event event = eventOf(agent, number, random);
        const Price price = costs.predict(event.run, event.interruption, event.hold, kNow);
        costs.learn({event.run.run, event.interruption, event.run.activity, event.hold, event.real, price.basis});
      }
      continue;
    }
    const Event event = eventOf(agent, number, random);
    const Price price = costs.predict(event.run, event.interruption, event.hold, kNow);
    pooled.push_back(errorOf(price.seconds, event.real.seconds));
    priors.push_back(errorOf(price.basis.seconds, event.real.seconds));
  }
  INFO("median error " << median(pooled) << ", of the priors alone " << median(priors));
  CHECK(median(pooled) < median(priors));
}

TEST_CASE("connections that broke over holds although they were kept are learned as a chance, and told as the reason") {
  CostModel costs;
  RunSignals run = doing(Activity::kStreaming);
  run.safePoint = kNow - Microseconds{10s};
  const auto price = [&](Microseconds hold) { return costs.predict(run, Interruption::kFreeze, hold, kNow); };
  const auto hold = [&](double broken) {
    costs.learn({run.run,
                 Interruption::kFreeze,
                 Activity::kStreaming,
                 5s,
                 Amounts{.seconds = 0.001},
                 {.seconds = 0.001},
                 broken});
  };
  CHECK(price(5s).seconds < 0.01);
  CHECK(price(5s).again.seconds == Approx(10));
  for (int i = 0; i < 6; ++i) hold(i % 2);
  // Three of its six, beside four that went like those of all: three of six, beside four that broke nothing.
  CHECK(price(5s).seconds == Approx(4.2).epsilon(0.01));
  CHECK(price(5s).why.starts_with("its stream breaks with a chance of 42 %"));
  // Not of other lengths, nor of what waits for no answer.
  CHECK(price(30s).seconds < 0.01);
  run.activity = Activity::kToolRunning;
  CHECK(price(5s).seconds < 1);
  run.activity = Activity::kStreaming;
  // Another run begins with what all saw; and what was is outweighed by what is.
  run.run = runId(77);
  CHECK(price(5s).seconds == Approx(3).epsilon(0.01));
  for (int i = 0; i < 60; ++i) hold(0);
  CHECK(price(5s).seconds < 0.3);
  hold(std::numeric_limits<double>::quiet_NaN());
  hold(-1);
  hold(7);
  CHECK(price(5s).seconds < 0.3);
}

TEST_CASE(
    "what breaks now and then is priced within a fifth of what it costs on average, of agents that were held out") {
  std::mt19937_64 random(21);
  CostModel costs;
  std::vector<double> learned, unlearned;
  for (unsigned number = 0; number < 40; ++number) {
    const double chance = std::uniform_real_distribution<>(0.3, 0.7)(random);
    RunSignals run = quietRun(number);
    run.activity = Activity::kStreaming;
    for (int i = 0; i < 80; ++i) {
      run.safePoint = kNow - Microseconds{static_cast<Microseconds::rep>(1e6 * double(2 + random() % 18))};
      const Price price = costs.predict(run, Interruption::kFreeze, 5s, kNow);
      if (number >= 20 && i >= 60) {
        learned.push_back(errorOf(price.seconds, chance * price.again.seconds));
        unlearned.push_back(errorOf(price.basis.seconds, chance * price.again.seconds));
        continue;
      }
      const double broken = std::bernoulli_distribution(chance)(random) ? 1 : 0;
      costs.learn({run.run, Interruption::kFreeze, run.activity, 5s, Amounts{.seconds = 0.001}, price.basis, broken});
    }
  }
  INFO("median error " << median(learned) << ", of the priors alone " << median(unlearned));
  CHECK(median(learned) <= 0.2);
  CHECK(median(unlearned) > 0.9);
}
