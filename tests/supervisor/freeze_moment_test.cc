#include "supervisor/freeze_moment.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

struct Trial {
  AgentClaims claims;
  Run run;
  Now now{1000s, 1000s, 1000s};

  explicit Trial(std::optional<std::uint64_t> grace = 5) {
    run.id = RunId::random();
    run.life = Running{};
    run.what.terms.emplace().bounds.emplace().preemptGraceSec = grace;
  }
  void pass(Microseconds time) { now = {now.wall + time, now.monotonic + time, now.boottime + time}; }
  std::optional<FreezeMoment> asked() { return putOff(claims, run, now.boottime); }
  bool due(const FreezeMoment& moment) { return isDue(claims, &run, moment, now.boottime); }
};

}  // namespace

TEST_CASE("a person's freeze comes at once where nobody asked for anything else, or the policy gives no grace") {
  Trial idle, graceless(std::nullopt);
  CHECK_FALSE(idle.asked());
  graceless.claims.hearPauses(graceless.run.id, 1);
  CHECK_FALSE(graceless.asked());
  idle.claims.hearPauses(idle.run.id, 1);
  idle.run.life = Frozen{};
  CHECK_FALSE(idle.asked());
}

TEST_CASE("a critical section puts a person's freeze off until it is over, and not beyond the grace") {
  Trial trial;
  CHECK(trial.claims.begin(trial.run.id, 60s, 5s, trial.now) == 5s);
  trial.pass(1s);
  const auto moment = trial.asked();
  REQUIRE(moment);
  CHECK(moment->until == trial.now.boottime + 5s);
  CHECK(nextLook(trial.claims, trial.run.id, *moment) == trial.now.boottime + 4s);
  CHECK_FALSE(trial.due(*moment));
  trial.pass(1s);
  (void)trial.claims.begin(trial.run.id, 0s, 5s, trial.now);
  CHECK(trial.due(*moment));
}

TEST_CASE("an agent that is told of pauses has until it is ready, and not beyond the grace") {
  Trial trial;
  trial.claims.hearPauses(trial.run.id, 1);
  trial.claims.ready(trial.run.id, trial.now);  // That was about an earlier one.
  trial.pass(1s);
  const auto moment = trial.asked();
  REQUIRE(moment);
  CHECK_FALSE(trial.due(*moment));
  CHECK(nextLook(trial.claims, trial.run.id, *moment) == moment->until);
  trial.pass(1s);
  trial.claims.safe(trial.run.id, std::nullopt, trial.now);
  CHECK(trial.due(*moment));

  Trial silent;
  silent.claims.hearPauses(silent.run.id, 1);
  const auto other = silent.asked();
  REQUIRE(other);
  silent.pass(5s - 1us);
  CHECK_FALSE(silent.due(*other));
  silent.pass(1us);
  CHECK(silent.due(*other));
}

TEST_CASE("a run that is gone or held already waits for nothing") {
  Trial trial;
  trial.claims.hearPauses(trial.run.id, 1);
  const auto moment = trial.asked();
  REQUIRE(moment);
  CHECK(isDue(trial.claims, nullptr, *moment, trial.now.boottime));
  trial.run.life = Frozen{};
  CHECK(trial.due(*moment));
}
