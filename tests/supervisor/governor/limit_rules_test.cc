#include "governor_world.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::supervisor::governor;
using namespace ringfence::supervisor::governor::test;

TEST_CASE("a run is paused at 90 % of its memory limit with words that it can act on, once") {
  for (const AtLimit atLimit : {AtLimit::kPause, AtLimit::kDeny, AtLimit::kKill}) {
    World world;
    RunSignals& run = world.add(1);
    run.limits.memory = gibibytes(2);
    run.limits.atLimit = atLimit;
    run.anonymousBytes = 1842 * kMiB;
    CHECK(world.tick().empty());
    run.anonymousBytes = 1844 * kMiB;
    run.memoryPeakBytes = 1844 * kMiB;
    world.tickAfter(100ms);
    REQUIRE(world.find(1, Step::kFreeze) != nullptr);
    CHECK(world.find(1, Step::kFreeze)->cause == Cause::kLimit);
    CHECK(world.find(1, Step::kFreeze)->tellAgent == "peak 1.8 GiB of 2.0 GiB; run fewer tests at once");
    world.obey();
    CHECK(world.run(60s, Step::kResume) == 0);
    // A person lets it go on all the same: not paused again before it was below.
    world.run(1).hold = Hold::kNone;
    CHECK(world.run(60s, Step::kFreeze) == 0);
    world.run(1).anonymousBytes = 1000 * kMiB;
    world.tickAfter(100ms);
    world.run(1).anonymousBytes = 1900 * kMiB;
    CHECK(world.run(1s, Step::kFreeze) == 1);
    world.run(1).limits.memory = gibibytes(8);
    CHECK(world.run(3s, Step::kResume) == 1);
  }
}

TEST_CASE("cached files do not count towards the memory at which a run is paused") {
  World world;
  RunSignals& run = world.add(1);
  run.limits.memory = gibibytes(2);
  run.memoryBytes = 2 * kGiB;
  CHECK(world.tick().empty());
  world.run(1).anonymousBytes.reset();  // then nothing better is known
  CHECK(world.tickAfter(100ms).size() == 1);
}

TEST_CASE("a critical section puts off a hold until it is over, but no hold for memory and no end") {
  World world;
  world.add(1).limits = {.tokens = 100};
  world.run(1).tokens = 100;
  world.run(1).criticalUntil = world.now() + Microseconds{2s};
  CHECK(world.tick().empty());
  CHECK(world.tickAfter(1999ms).empty());
  CHECK(world.tickAfter(1ms).size() == 1);
  REQUIRE(world.find(1, Step::kFreeze) != nullptr);

  World kills;
  kills.add(1).limits = {.tokens = 100, .atLimit = AtLimit::kKill};
  kills.run(1).tokens = 100;
  kills.run(1).criticalUntil = kills.now() + Microseconds{2s};
  kills.tick();
  CHECK(kills.find(1, Step::kKill) != nullptr);

  World eats;
  eats.add(1).criticalUntil = eats.now() + Microseconds{1h};
  eats.device().memoryAvailable = mebibytes(600);
  for (int i = 0; i < 20 && eats.count(Step::kFreeze) == 0; ++i) {
    eats.grow(1, 60 * kMiB);
    eats.tickAfter(20ms);
  }
  CHECK(eats.find(1, Step::kFreeze) != nullptr);
}

TEST_CASE("a hold does not wait for a critical section in which it would lose less than the wait, as the agent says") {
  World world;
  world.add(1).limits = {.tokens = 100};
  world.run(1).tokens = 100;
  world.run(1).criticalUntil = world.now() + Microseconds{10s};
  world.run(1).criticalRedo = 2s;
  world.tick();
  CHECK(world.find(1, Step::kFreeze) != nullptr);

  World dear;
  dear.add(1).limits = {.tokens = 100};
  dear.run(1).tokens = 100;
  dear.run(1).criticalUntil = dear.now() + Microseconds{10s};
  dear.run(1).criticalRedo = 10s;
  CHECK(dear.tick().empty());
}

TEST_CASE("what happens when the time or the tokens of a run are used up is what its policy says") {
  struct Case {
    AtLimit atLimit;
    Step step;
  };
  for (const Case& example : {Case{AtLimit::kPause, Step::kFreeze}, Case{AtLimit::kDeny, Step::kDeferModelCall},
                              Case{AtLimit::kKill, Step::kKill}}) {
    World time;
    time.add(1).limits = {.wallTime = Microseconds{4h}, .atLimit = example.atLimit};
    time.run(1).started = time.now();
    CHECK(time.tickAfter(Microseconds{4h} - Microseconds{1}).empty());
    time.tickAfter(1us);
    REQUIRE(time.find(1, example.step) != nullptr);
    CHECK(time.last.size() == 1);
    CHECK(time.last[0].reason.find("it has run for 4.0 h, as long as it may") == 0);

    World tokens;
    tokens.add(1).limits = {.tokens = 2'000'000, .atLimit = example.atLimit};
    tokens.run(1).tokens = 1'999'999;
    CHECK(tokens.tick().empty());
    tokens.run(1).tokens.reset();
    CHECK(tokens.tickAfter(100ms).empty());
    tokens.run(1).tokens = 2'000'000;
    tokens.tickAfter(100ms);
    REQUIRE(tokens.find(1, example.step) != nullptr);
    CHECK(tokens.last[0].tellAgent.find("2000000 of 2000000 tokens are used") == 0);
    CHECK(tokens.last[0].cause == Cause::kLimit);
  }
}

TEST_CASE("no more model calls is said once, and again when a higher limit was reached as well") {
  World world;
  world.add(1).limits = {.tokens = 100, .atLimit = AtLimit::kDeny};
  world.run(1).tokens = 100;
  CHECK(world.run(10s, Step::kDeferModelCall) == 1);
  world.run(1).limits.tokens = 200;
  world.tickAfter(100ms);
  REQUIRE(world.last.size() == 1);
  CHECK(world.last[0].step == Step::kDeferModelCall);
  CHECK(world.last[0].cause == Cause::kRelieved);
  CHECK(world.run(1s, Step::kDeferModelCall) == 0);
  world.run(1).tokens = 200;
  CHECK(world.run(1s, Step::kDeferModelCall) == 1);
}

TEST_CASE("a run that a raised limit lets go on is resumed") {
  World world;
  world.add(1).limits = {.tokens = 100};
  world.run(1).tokens = 100;
  world.tick();
  world.obey();
  CHECK(world.run(5s, Step::kResume) == 0);
  world.run(1).limits.tokens = 1000;
  CHECK(world.run(1s, Step::kResume) == 1);
}

TEST_CASE("at the end of money and of what a day may use a run is paused, in the words of that budget") {
  struct Case {
    const char* limit;
    const char* reason;
    void (*use)(RunSignals&, std::uint64_t);
  };
  const Case cases[] = {
      {"cost", "it has used $1.50 of $1.50", [](RunSignals& run, std::uint64_t used) { run.costMicroUsd = used; }},
      {"cost_per_day", "runs of its policy have used $1.50 of $1.50 for today",
       [](RunSignals& run, std::uint64_t used) { run.costTodayMicroUsd = used; }},
      {"tokens_per_day", "runs of its policy have used 1500000 of 1500000 tokens for today",
       [](RunSignals& run, std::uint64_t used) { run.tokensToday = used; }}};
  for (const Case& example : cases) {
    World world;
    const std::string limit = example.limit;
    std::optional<std::uint64_t>& bound = limit == "cost"           ? world.add(1).limits.costMicroUsd
                                          : limit == "cost_per_day" ? world.add(1).limits.costPerDayMicroUsd
                                                                    : world.add(1).limits.tokensPerDay;
    bound = 1'500'000;
    CHECK(world.tick().empty());  // Nothing is known of it.
    example.use(world.run(1), 1'499'999);
    CHECK(world.tickAfter(100ms).empty());
    example.use(world.run(1), 1'500'000);
    world.tickAfter(100ms);
    REQUIRE(world.find(1, Step::kFreeze) != nullptr);
    CHECK(world.find(1, Step::kFreeze)->limit == limit);
    CHECK(world.find(1, Step::kFreeze)->reason == example.reason);
  }
}

TEST_CASE("at the end of a day's time every run that shares it is held, and goes on when the next day begins") {
  World world;
  for (const unsigned number : {1U, 2U}) {
    world.add(number).limits = {.wallTimePerDay = Microseconds{1h}};
    CHECK(world.tick().empty());  // Nothing is known of it.
    world.run(number).wallTimeToday = Microseconds{1h} - Microseconds{1};
  }
  CHECK(world.tickAfter(100ms).empty());
  for (const unsigned number : {1U, 2U}) world.run(number).wallTimeToday = Microseconds{1h};
  world.tickAfter(100ms);
  for (const unsigned number : {1U, 2U}) {
    REQUIRE(world.find(number, Step::kFreeze) != nullptr);
    CHECK(world.find(number, Step::kFreeze)->limit == "wall_time_per_day");
    CHECK(world.find(number, Step::kFreeze)->reason ==
          "runs of its policy have run for 60 min today, as long as they may (60 min)");
  }
  world.obey();
  CHECK(world.run(5s, Step::kResume) == 0);
  for (const unsigned number : {1U, 2U}) world.run(number).wallTimeToday = Microseconds{2s};
  CHECK(world.run(5s, Step::kResume) == 2);
}

TEST_CASE("whoever resumes a run at the end of a budget moves that end, and the next one holds it at once") {
  World world;
  world.add(1).limits = {.tokens = 100};
  world.run(1).tokens = 100;
  world.tick();
  world.obey();
  world.tickAfter(1s);
  world.run(1).hold = Hold::kNone;
  world.run(1).limits.tokens = 200;
  CHECK(world.tickAfter(100ms).empty());
  world.run(1).tokens = 200;
  world.tickAfter(100ms);
  CHECK(world.find(1, Step::kFreeze) != nullptr);

  // So does one that was spent before anybody looked again.
  World fast;
  fast.add(1).limits = {.tokens = 100};
  fast.run(1).tokens = 100;
  fast.tick();
  fast.obey();
  fast.tickAfter(1s);
  fast.run(1).hold = Hold::kNone;
  fast.run(1).limits.tokens = 200;
  fast.run(1).tokens = 250;
  fast.tickAfter(100ms);
  CHECK(fast.find(1, Step::kFreeze) != nullptr);
}

TEST_CASE("a run that is paused at what a day may use goes on when the next day begins") {
  World world;
  world.add(1).limits = {.tokensPerDay = 100};
  world.run(1).tokensToday = 100;
  world.tick();
  world.obey();
  CHECK(world.run(5s, Step::kResume) == 0);
  world.run(1).tokensToday.reset();
  CHECK(world.run(1s, Step::kResume) == 1);
}

namespace {

// Writes as fast as `each` in a tick of 100 ms whenever it runs; how much that is in the end.
std::uint64_t writeFor(World& world, Microseconds time, std::uint64_t each, std::size_t* freezes = nullptr) {
  const Microseconds begin = world.now();
  while (world.now() < begin + time) {
    if (world.run(1).hold == Hold::kNone) *world.run(1).fileBytesWritten += each;
    world.tickAfter(100ms);
    if (freezes != nullptr) *freezes += world.count(Step::kFreeze);
    world.obey();
  }
  return *world.run(1).fileBytesWritten;
}

}  // namespace

TEST_CASE("a run that writes to files faster than it may is paused so that on average it does not") {
  World world;
  world.add(1).limits.fileWritesPerSec = mebibytes(10);
  world.run(1).fileBytesWritten = 0;
  std::size_t freezes = 0;
  const auto written = static_cast<double>(writeFor(world, 600s, 20 * kMiB, &freezes));
  CHECK(written > 600.0 * 9 * kMiB);
  CHECK(written < 600.0 * 11 * kMiB);
  CHECK(freezes > 10);
  CHECK(freezes < 150);  // Each is a line in the log.
}

TEST_CASE("a run at its limit of writing is not paused, and why one is, is told it once a minute") {
  World at;
  at.add(1).limits.fileWritesPerSec = mebibytes(10);
  at.run(1).fileBytesWritten = 0;
  std::size_t freezes = 0;
  writeFor(at, 600s, kMiB, &freezes);
  CHECK(freezes == 0);

  World over;
  over.add(1).limits.fileWritesPerSec = mebibytes(10);
  over.run(1).fileBytesWritten = 0;
  std::size_t told = 0;
  for (int i = 0; i < 600; ++i) {
    if (over.run(1).hold == Hold::kNone) *over.run(1).fileBytesWritten += 20 * kMiB;
    over.tickAfter(100ms);
    if (const Proposal* freeze = over.find(1, Step::kFreeze)) {
      CHECK(freeze->cause == Cause::kLimit);
      CHECK(freeze->limit == "io_write");
      CHECK(freeze->reason.find("it writes to files faster than it may") == 0);
      told += freeze->tellAgent.empty() ? 0 : 1;
    }
    over.obey();
  }
  CHECK(told == 1);
}

TEST_CASE("what cannot be read of a run's writing pauses nobody") {
  World world;
  world.add(1).limits.fileWritesPerSec = mebibytes(1);
  CHECK(world.run(60s, Step::kFreeze) == 0);
}

TEST_CASE("a run that a person resumes may write on until it has its share saved up again") {
  World world;
  world.add(1).limits.fileWritesPerSec = mebibytes(10);
  world.run(1).fileBytesWritten = 0;
  while (world.run(1).hold == Hold::kNone) writeFor(world, 100ms, 20 * kMiB);
  world.tickAfter(100ms);
  world.run(1).hold = Hold::kNone;
  std::size_t freezes = 0;
  writeFor(world, 30s, 20 * kMiB, &freezes);
  CHECK(freezes == 0);
  writeFor(world, 400s, 0, &freezes);
  CHECK(freezes == 0);
  writeFor(world, 30s, 20 * kMiB, &freezes);
  CHECK(freezes > 0);
}
