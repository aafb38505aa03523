// What agents say of themselves, and for how long it counts.
#include "supervisor/agent_claims.h"

#include <catch2/catch_all.hpp>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

struct Trial {
  AgentClaims claims;
  RunId run = RunId::random();
  Now now{1000s, 1000s, 1000s};
  void pass(Microseconds time) {
    now.wall += time;
    now.monotonic += time;
    now.boottime += time;
  }
  Microseconds begin(Microseconds length) { return claims.begin(run, length, 5s, now); }
};

}  // namespace

TEST_CASE("a critical section lasts as its policy allows, and not again before ten times as long has passed") {
  Trial trial;
  CHECK_FALSE(trial.claims.criticalUntil(trial.run));
  CHECK(trial.begin(60s) == 5s);
  CHECK(trial.claims.criticalUntil(trial.run) == trial.now.boottime + 5s);
  trial.pass(2s);
  CHECK(trial.begin(0s) == 0s);  // It is over.
  CHECK_FALSE(trial.claims.criticalUntil(trial.run));
  CHECK(trial.begin(1s) == 0s);
  trial.pass(20s - 1us);
  CHECK(trial.begin(1s) == 0s);
  trial.pass(1us);
  CHECK(trial.begin(1s) == 1s);
}

TEST_CASE("one that is never said to be over counts as long as it was granted") {
  Trial trial;
  CHECK(trial.begin(5s) == 5s);
  trial.pass(54s);
  CHECK(trial.begin(5s) == 0s);
  trial.pass(1s);
  CHECK(trial.begin(5s) == 5s);
  trial.pass(1s);
  CHECK(trial.begin(5s) == 0s);  // Whoever begins another one ends the first.
}

TEST_CASE("a policy without grace grants nothing") {
  Trial trial;
  CHECK(trial.claims.begin(trial.run, 5s, 0s, trial.now) == 0s);
  CHECK_FALSE(trial.claims.criticalUntil(trial.run));
}

TEST_CASE("what an agent says and what is safe is its last word, and goes with its run") {
  Trial trial;
  trial.claims.say(trial.run, "reading", trial.now);
  trial.pass(1s);
  trial.claims.say(trial.run, "writing", trial.now);
  trial.claims.safe(trial.run, 700, trial.now);
  REQUIRE(trial.claims.words(trial.run) != nullptr);
  CHECK(trial.claims.words(trial.run)->text == "writing");
  CHECK(trial.claims.words(trial.run)->at == trial.now.wall);
  CHECK(trial.claims.safePoint(trial.run)->tokens == 700U);
  trial.claims.say(trial.run, "", trial.now);
  CHECK(trial.claims.words(trial.run) == nullptr);
  trial.claims.forget(trial.run);
  CHECK(trial.claims.safePoint(trial.run) == nullptr);
}

TEST_CASE("a critical section ends with the time that a pause was announced for, and is granted as before without") {
  Trial trial;
  trial.claims.announced(trial.run, Announcer::kGovernor, trial.now.boottime + 2s);
  CHECK(trial.claims.isAnnounced(trial.run));
  CHECK(trial.begin(5s) == 2s);
  trial.claims.announced(trial.run, Announcer::kGovernor, std::nullopt);
  CHECK_FALSE(trial.claims.isAnnounced(trial.run));
  trial.pass(60s);
  CHECK(trial.begin(5s) == 5s);
  trial.pass(600s);
  trial.claims.announced(trial.run, Announcer::kGovernor, trial.now.boottime + 4s);
  trial.claims.announced(trial.run, Announcer::kPerson, trial.now.boottime - 1s);
  CHECK(trial.begin(5s) == 0s);  // By the earlier one of two.
  trial.claims.announced(trial.run, Announcer::kPerson, std::nullopt);
  CHECK(trial.claims.isAnnounced(trial.run));
  CHECK_FALSE(trial.claims.isAnnounced(trial.run, Announcer::kPerson));
}

TEST_CASE("an agent is ready when it says so or is at a safe point, and whether it listens is its connections'") {
  Trial trial;
  CHECK_FALSE(trial.claims.readyAt(trial.run));
  trial.claims.ready(trial.run, trial.now);
  CHECK(trial.claims.readyAt(trial.run) == trial.now.boottime);
  CHECK(trial.claims.safePoint(trial.run) == nullptr);
  trial.pass(1s);
  trial.claims.safe(trial.run, std::nullopt, trial.now);
  CHECK(trial.claims.readyAt(trial.run) == trial.now.boottime);
  trial.claims.hearPauses(trial.run, 2);
  CHECK(trial.claims.hearsPauses(trial.run));
  trial.claims.hearPauses(trial.run, 0);
  CHECK_FALSE(trial.claims.hearsPauses(trial.run));
}
