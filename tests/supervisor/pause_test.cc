// A person's freeze that comes at a moment of the agent's: what the log has of it, and who ends it.
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "core_world.h"

namespace ringfence::supervisor::test {
namespace {

using Kinds = std::vector<std::string_view>;
using namespace std::chrono_literals;

FreezeRun patient(const RunId& run, const Peer& peer = kOwner) { return {peer, run, "asked", Milliseconds(5000)}; }

PreemptRun governed(const RunId& run, PreemptStep step) {
  return {.run = run, .step = step, .cause = PreemptCause::kMemory, .reason = "memory"};
}

}  // namespace

TEST_CASE("a freeze with a grace holds nobody, is in the log, and is performed in the name of who asked") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto asked = world.apply(patient(run));
  REQUIRE(asked);
  CHECK(kindsOf(*asked) == Kinds{"run-pausing"});
  CHECK(effectsOf<FreezeGroup>(*asked).empty());
  CHECK(world.life(run) == "running");
  const Pausing* pausing = findPausing(world.state, run);
  REQUIRE(pausing != nullptr);
  CHECK(latestOf(*pausing) == pausing->at.boottime + 5s);

  const auto due = world.apply(PauseDue{run});
  REQUIRE(due);
  CHECK(std::get<RunFrozen>(due->facts.at(0).body) == RunFrozen{1000, "asked"});
  REQUIRE(effectsOf<FreezeGroup>(*due).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*due)[0].first == 0);  // It waits for no disk.
  CHECK(findPausing(world.state, run) == nullptr);
  CHECK(world.apply(PauseDue{run})->facts.empty());
}

TEST_CASE("a second freeze waits for no grace, whoever asks for it") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(patient(run)));
  const auto again = world.apply(patient(run, kAdmin));
  REQUIRE(again);
  CHECK(kindsOf(*again) == Kinds{"run-frozen"});
  CHECK(std::get<RunFrozen>(again->facts[0].body).byUid == kAdmin.uid);
  CHECK(findPausing(world.state, run) == nullptr);
}

TEST_CASE("a pause that has not come is taken back by whoever may resume, and nothing is let go of") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(patient(run)));
  CHECK_FALSE(world.apply(ResumeRun{kStranger, run}));
  Peer away = kOwner;
  away.login = Login::kAbsent;
  CHECK_FALSE(world.apply(ResumeRun{away, run}));
  CHECK(findPausing(world.state, run) != nullptr);
  const auto back = world.apply(ResumeRun{kOwner, run});
  REQUIRE(back);
  CHECK(kindsOf(*back) == Kinds{"run-resumed"});
  CHECK(effectsOf<FreezeGroup>(*back).empty());
  CHECK(world.apply(PauseDue{run})->facts.empty());
  CHECK_FALSE(world.apply(ResumeRun{kOwner, run}));
}

TEST_CASE("a pause is the person's also where the governor came to hold the run meanwhile, or lets it go") {
  CoreWorld world;
  const RunId run = world.runIn("running"), other = world.runIn("running");
  for (const RunId& one : {run, other}) {
    REQUIRE(world.apply(patient(one)));
    REQUIRE(world.apply(governed(one, PreemptStep::kFreeze)));
    CHECK(findPausing(world.state, one) != nullptr);
  }
  REQUIRE(world.apply(PauseDue{run}));
  CHECK(world.apply(governed(run, PreemptStep::kResume))->facts.empty());
  CHECK(world.life(run) == "frozen");

  REQUIRE(world.apply(governed(other, PreemptStep::kResume)));
  CHECK(findPausing(world.state, other) != nullptr);
  REQUIRE(world.apply(PauseDue{other}));
  CHECK(world.life(other) == "frozen");
}

TEST_CASE("the emergency stop, the brake, a stop, a kill and an end wait for no pause, and are the end of it") {
  const std::vector<std::function<Command(const RunId&)>> others = {
      [](const RunId&) { return StopHeard{EmergencyStopped{.trigger = "key"}}; },
      [](const RunId& run) {
        return AgentStops{run, "it deletes the wrong files"};
      },
      [](const RunId& run) {
        return StopRun{kOwner, run, ""};
      },
      [](const RunId& run) {
        return KillRun{kOwner, run, ""};
      },
      [](const RunId& run) {
        return LauncherSaid{
            sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}};
      },
  };
  for (const auto& other : others) {
    CoreWorld world;
    const RunId run = world.runIn("running");
    REQUIRE(world.apply(patient(run)));
    REQUIRE(world.apply(other(run)));
    CHECK(world.life(run) != "running");
    CHECK(findPausing(world.state, run) == nullptr);
    CHECK(world.apply(PauseDue{run})->facts.empty());
  }
}

TEST_CASE("a pause that has not come is in the snapshots of the log, and only of a run that lives") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(patient(run)));
  const std::string encoded = encodeState(world.state);
  const auto decoded = decodeState(encoded);
  REQUIRE(decoded);
  CHECK(encodeState(*decoded) == encoded);
  REQUIRE(findPausing(*decoded, run) != nullptr);
  CHECK(findPausing(*decoded, run)->what == RunPausing{1000, "asked", 5000});
  CHECK_FALSE(decodeState(R"({"pausing":[{"run":"r-0000000000000001"}]})"));
}

}  // namespace ringfence::supervisor::test
