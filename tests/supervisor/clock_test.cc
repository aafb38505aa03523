// The wall clock is set while people are asked and grants are in force. RINGFENCE_CLOCK_JUMPS: how often.
#include <catch2/catch_all.hpp>
#include <cstdlib>
#include <random>

#include "question_world.h"

namespace ringfence::supervisor::test {
namespace {

constexpr Microseconds kYear = std::chrono::hours(24 * 365);

// What a person, a battery that died, a time server and a test of the year 2038 make of the clock.
Microseconds jumped(std::mt19937& random, Microseconds wall) {
  switch (random() % 7) {
    case 0: return wall + kYear;
    case 1: return wall - kYear;
    case 2: return Microseconds(0);
    case 3: return Microseconds(std::chrono::seconds((1LL << 31) - 2));
    case 4: return wall + Microseconds(std::chrono::seconds(1));
    case 5: return wall - std::chrono::hours(1);
    default: return Microseconds(1'790'000'000'000'000);
  }
}

TEST_CASE("however the wall clock is set, a question ends when its time awake is over, and no grant outlives its own") {
  const char* more = std::getenv("RINGFENCE_CLOCK_JUMPS");
  const int jumps = more != nullptr ? std::atoi(more) : 100;
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  QuestionWorld world;
  const RunId run = world.start({.home = "/home/ada", .resolved = "", .unattended = false, .promptTimeoutSec = 30});
  std::uint64_t number = 0;
  int expired = 0, allowed = 0, grantsEnded = 0;
  for (int jump = 0; jump < jumps; ++jump) {
    world.context.now.wall = jumped(random, world.context.now.wall);
    const Microseconds asked = world.context.now.monotonic;
    ++number;
    const std::uint64_t id = world.ask(run, number, "/d" + std::to_string(number));
    world.context.now.wall = jumped(random, world.context.now.wall);
    world.apply(TimePassed{}).value();
    // Nobody's time is over yet, whatever the wall says.
    REQUIRE(world.state.questions.contains(id));
    const bool inTime = random() % 2 == 0;
    // The wall clock alone moves between here and there.
    const Microseconds passes =
        inTime ? Microseconds(std::chrono::seconds(29)) : Microseconds(std::chrono::seconds(31));
    world.context.now.monotonic = asked + passes;
    world.context.now.boottime += passes;
    AnswerCard answer = world.card(id, CardVerdict::kAllow);
    answer.scope = GrantScope::kRun;
    answer.duration = std::chrono::seconds(60);
    const auto answered = world.apply(answer);
    REQUIRE(answered.has_value() == inTime);
    inTime ? ++allowed : ++expired;
    if (inTime) {
      const StandingGrant grant = world.state.grants.rbegin()->second;
      world.context.now.wall = jumped(random, world.context.now.wall);
      // Its boottime is over, or its wall time is: either ends it.
      world.context.now.boottime = grant.issuedAt.boottime + std::chrono::seconds(61);
      world.context.now.monotonic += std::chrono::seconds(61);
      world.apply(TimePassed{}).value();
      REQUIRE_FALSE(world.state.grants.contains(grant.what.id));
      ++grantsEnded;
    } else {
      world.apply(TimePassed{}).value();
    }
    REQUIRE(world.state.questions.empty());
  }
  // Order is seq, and nothing else.
  for (std::size_t i = 1; i < world.log.size(); ++i) REQUIRE(world.log[i].seq == world.log[i - 1].seq + 1);
  CHECK(allowed + expired == jumps);
  CHECK(grantsEnded == allowed);
  CHECK(allowed > 0);
  CHECK(expired > 0);
}

}  // namespace
}  // namespace ringfence::supervisor::test
