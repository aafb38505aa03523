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
  Microseconds begin(Microseconds length, std::optional<Microseconds> redo = {}) {
    return claims.begin(run, {length, redo}, 5s, now);
  }
  // Of a run that began at 1000 s; what is believed of it.
  Microseconds safe(Microseconds redo) {
    claims.safe(run, {.at = now.boottime, .redo = redo}, 1000s);
    return claims.safePoint(run)->redo;
  }
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
  CHECK(trial.claims.begin(trial.run, {5s}, 0s, trial.now) == 0s);
  CHECK_FALSE(trial.claims.criticalUntil(trial.run));
}

TEST_CASE("what an agent says and what is safe is its last word, and goes with its run") {
  Trial trial;
  trial.claims.say(trial.run, "reading", trial.now);
  trial.pass(1s);
  trial.claims.say(trial.run, "writing", trial.now);
  trial.claims.safe(trial.run, {.at = trial.now.boottime, .tokens = 700}, 1000s);
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
  trial.safe(0s);
  CHECK(trial.claims.readyAt(trial.run) == trial.now.boottime);
  trial.claims.hearPauses(trial.run, 2);
  CHECK(trial.claims.hearsPauses(trial.run));
  trial.claims.hearPauses(trial.run, 0);
  CHECK_FALSE(trial.claims.hearsPauses(trial.run));
}

TEST_CASE("what a safe point leaves undone is believed up to what would be lost without it") {
  Trial trial;
  trial.pass(10s);
  CHECK(trial.safe(4s) == 4s);
  trial.pass(3s);
  CHECK(trial.safe(60s) == 7s);  // What was left undone, and all since.
  trial.pass(1s);
  CHECK(trial.safe(0s) == 0s);
  CHECK(trial.safe(60s) == 0s);
  CHECK(trial.safe(-5s) == 0s);
}

TEST_CASE("whoever claims the most at each safe point stands where it would have stood without any, and never dearer") {
  Trial trial;
  for (int turn = 0; turn < 1000; ++turn) {
    trial.pass(1s);
    CHECK(trial.safe(1'000'000s) == trial.now.boottime - 1000s);  // As much as it has done since its start.
  }
  CHECK(trial.safe(0s) == 0s);
  trial.pass(1s);
  CHECK(trial.safe(1'000'000s) == 1s);  // What was kept once is kept.
}

TEST_CASE("what a hold within a critical section would lose goes with the section, and counts where it is granted") {
  Trial trial;
  CHECK(trial.begin(3s) == 3s);
  CHECK_FALSE(trial.claims.criticalRedo(trial.run));
  CHECK(trial.begin(0s) == 0s);
  trial.pass(30s);
  CHECK(trial.begin(3s, 40s) == 3s);
  CHECK(trial.claims.criticalRedo(trial.run) == 40s);
  trial.pass(1s);
  CHECK(trial.begin(3s, 1'000'000s) == 0s);  // It ends the first, and is granted nothing.
  CHECK_FALSE(trial.claims.criticalRedo(trial.run));
  trial.pass(30s);
  CHECK(trial.begin(3s) == 3s);
  CHECK_FALSE(trial.claims.criticalRedo(trial.run));  // Not that of an earlier one.
}

TEST_CASE("whoever claims the most as often as it can is believed for a tenth of the time at most") {
  Trial trial;
  int believed = 0;
  constexpr int kLooks = 20'000;
  for (int look = 0; look < kLooks; ++look, trial.pass(100ms)) {
    const auto until = trial.claims.criticalUntil(trial.run);
    const bool isInside = until && *until > trial.now.boottime;
    if (!isInside) (void)trial.begin(1h, 1'000'000s);
    believed += trial.claims.criticalUntil(trial.run).value_or(0s) > trial.now.boottime ? 1 : 0;
  }
  CHECK(believed > 0);
  CHECK(believed <= kLooks / 10);
}
