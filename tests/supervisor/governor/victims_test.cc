#include "supervisor/governor/victims.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "governor_world.h"

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

namespace {

struct Case {
  std::string what;
  std::vector<Candidate> candidates;
  double need;
  std::vector<std::size_t> chosen;
};

}  // namespace

TEST_CASE("victims are the cheapest for what they give, until the need is met") {
  const std::vector<Case> cases{
      {"the cheapest for each byte", {{0, 10, 100}, {1, 5, 100}, {2, 100, 1000}}, 100, {1}},
      {"a large gain makes a cost small", {{0, 10, 10}, {1, 20, 1000}}, 10, {1}},
      {"more when one is not enough", {{0, 1, 50}, {1, 2, 50}, {2, 3, 50}}, 100, {0, 1}},
      {"who gives nothing is never chosen", {{0, 0, 0}, {1, 50, 10}}, 10, {1}},
      {"all, when all are not enough", {{0, 1, 10}, {1, 1, 20}}, 100, {1, 0}},
      {"nobody for no need", {{0, 1, 10}}, 0, {}},
      {"who was left alone the longest", {{0, 1, 10, Microseconds{90}}, {1, 1, 10, Microseconds{80}}}, 5, {1}},
      {"free ones are equals as well", {{0, 0, 10, Microseconds{9}}, {1, 0, 90, Microseconds{8}}}, 5, {1}},
      {"who had its share comes last", {{0, 1, 10, {}, true}, {1, 50, 10}}, 10, {1}},
      {"but not where others are not enough", {{0, 1, 10, {}, true}, {1, 50, 5}}, 10, {0}},
      {"who is not needed any more is let off", {{0, 1, 40}, {1, 4, 100}}, 100, {1}},
  };
  for (const Case& example : cases) {
    INFO(example.what);
    CHECK(chooseVictims(example.candidates, example.need) == example.chosen);
  }
}

TEST_CASE("a watched run and an interactive one cost more than others, an idle one less") {
  const Price price{Amounts{.seconds = 10}};
  RunSignals run;
  const double plain = costOf(price, run);
  run.watched = true;
  CHECK(costOf(price, run) > 2 * plain);
  run.watched = false;
  run.priority = RunClass::kInteractive;
  CHECK(costOf(price, run) > 2 * plain);
  run.priority = RunClass::kIdle;
  CHECK(costOf(price, run) < plain);
}

TEST_CASE("the victims chosen lose at most half of the work that random ones lose") {
  std::mt19937_64 random(7);
  const auto between = [&](double low, double high) { return std::uniform_real_distribution<>(low, high)(random); };
  double chosenWaste = 0, randomWaste = 0;
  for (int scenario = 0; scenario < 1000; ++scenario) {
    const CostModel costs;
    const Microseconds now{std::chrono::hours{5}};
    std::vector<RunSignals> runs;
    std::vector<Candidate> candidates;
    const auto count = static_cast<std::size_t>(between(3, 12));
    for (std::size_t i = 0; i < count; ++i) {
      RunSignals run = quietRun(static_cast<unsigned>(i));
      // Sizes of agents and of how long ago their last turn ended, both from small to large.
      run.anonymousBytes = static_cast<std::uint64_t>(std::exp2(between(7, 11.5))) * kMiB;
      const double since = std::exp(between(0, 7));
      run.safePoint = now - Microseconds{static_cast<Microseconds::rep>(since * 1e6)};
      run.cpuUsecAtSafePoint = 0;
      run.cpuUsec = static_cast<std::uint64_t>(since * between(0.05, 1.5) * 1e6);
      const Price price = costs.predict(run, Interruption::kKill, {}, now);
      candidates.push_back({i, costOf(price, run), static_cast<double>(*run.anonymousBytes)});
      runs.push_back(run);
    }
    // What is lost is counted by the scenario, not by the model.
    const auto lost = [&](std::size_t i) { return static_cast<double>(*runs[i].cpuUsec) / 1e6; };
    const double need = between(64, 1024) * static_cast<double>(kMiB);
    for (const std::size_t i : chooseVictims(candidates, need)) chosenWaste += lost(i);
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), random);
    double given = 0;
    for (std::size_t next = 0; next < count && given < need; ++next) {
      randomWaste += lost(order[next]);
      given += candidates[order[next]].gain;
    }
  }
  INFO("chosen " << chosenWaste << " s, random " << randomWaste << " s");
  CHECK(chosenWaste > 0);
  CHECK(chosenWaste <= 0.5 * randomWaste);
}
