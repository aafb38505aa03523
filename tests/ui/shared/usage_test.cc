// Samples as steps of a plot, and many runs as a few bands.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "ui/shared/usage_bins.h"
#include "ui/shared/usage_stack.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace std::chrono_literals;
using Catch::Approx;

namespace {

client::UsageBucket bucketAt(std::chrono::seconds start, std::uint64_t cpuUsec, std::uint64_t memory) {
  return {.run = "r-1",
          .start = start,
          .seconds = 1,
          .cpuUsec = cpuUsec,
          .ioReadBytes = 0,
          .ioWriteBytes = cpuUsec,
          .memoryMean = memory};
}

Band band(const QString& name, std::vector<std::optional<double>> values) { return {name, std::move(values)}; }

}  // namespace

TEST_CASE("counters become rates, and memory a mean, step by step") {
  std::vector<client::UsageBucket> series;
  for (std::uint64_t second = 0; second < 10; ++second)
    series.push_back(bucketAt(std::chrono::seconds(100 + second), second * 500'000, second < 5 ? 1'000 : 3'000));
  const auto binned = binUsage(series, {.from = 100s, .until = 110s, .bins = 5});
  REQUIRE(binned.size() == 1);
  const BinnedUsage& usage = binned.at("r-1");
  REQUIRE(usage.cpu.size() == 5);
  CHECK(*usage.cpu[2] == Approx(50));  // half a second in each second
  CHECK(*usage.io[2] == Approx(500'000));
  CHECK(*usage.memory[0] == Approx(1'000));
  CHECK(*usage.memory[2] == Approx(2'000));
  CHECK(*usage.memory[4] == Approx(3'000));
}

TEST_CASE("a time without samples is not known, and neither is a counter that went back") {
  std::vector<client::UsageBucket> series{bucketAt(0s, 0, 1), bucketAt(1s, 100, 1), bucketAt(60s, 200, 1),
                                          bucketAt(61s, 100, 1)};
  const auto binned = binUsage(series, {.from = 0s, .until = 62s, .bins = 62});
  const BinnedUsage& usage = binned.at("r-1");
  CHECK(usage.cpu[1].has_value());
  CHECK_FALSE(usage.cpu[30].has_value());
  CHECK_FALSE(usage.memory[30].has_value());
  CHECK_FALSE(usage.cpu[60].has_value());
  CHECK_FALSE(usage.cpu[61].has_value());
}

TEST_CASE("a sample from before the span does not count into it, and none is of another run") {
  std::vector<client::UsageBucket> series{bucketAt(0s, 0, 7), bucketAt(100s, 5, 9)};
  series.push_back(bucketAt(100s, 5, 9));
  series.back().run = "r-2";
  const auto binned = binUsage(series, {.from = 100s, .until = 101s, .bins = 1});
  CHECK(binned.size() == 2);
  CHECK(*binned.at("r-1").memory[0] == Approx(9));
}

TEST_CASE("the greatest runs have bands of their own, by name, and the others one together") {
  std::vector<Band> cpu, memory;
  for (int i = 0; i < 10; ++i) {
    cpu.push_back(band(QString("run %1").arg(9 - i), {1.0 * i, 1.0 * i}));
    memory.push_back(band(cpu.back().name, {i == 0 ? 100.0 : 1.0}));
  }
  const auto places = greatestOf(cpu, memory, 3);
  const auto stack = stackOf(cpu, places, "others");
  REQUIRE(stack.size() == 4);
  CHECK(stack[0].name == "run 0");
  CHECK(stack[1].name == "run 1");
  CHECK(stack[2].name == "run 9");  // for its memory
  CHECK(stack[3].name == "others");
  CHECK(*stack[3].values[0] == Approx(1 + 2 + 3 + 4 + 5 + 6 + 7));
}

TEST_CASE("a run that began later was not known before, and what is known of nobody is unknown and not 0") {
  const auto stack = stackOf({band("old", {std::nullopt, 1.0, 2.0}), band("new", {5.0})}, {0, 1}, "others");
  REQUIRE(stack.size() == 2);
  CHECK_FALSE(stack[1].values[0].has_value());
  CHECK_FALSE(stack[1].values[1].has_value());
  CHECK(*stack[1].values[2] == Approx(5));
  const auto rest = stackOf({band("a", {1.0, 1.0}), band("b", {std::nullopt, 2.0})}, {0}, "others");
  CHECK_FALSE(rest[1].values[0].has_value());
  CHECK(*rest[1].values[1] == Approx(2));
}
