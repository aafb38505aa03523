#include <catch2/catch_test_macros.hpp>

#include "core_world.h"

namespace ringfence::supervisor::test {
namespace {

using Kinds = std::vector<std::string_view>;
using sandbox::KeptRun;
using sandbox::KeptState;

KeptRun kept(const RunId& run, KeptState state) {
  KeptRun one;
  one.run = run;
  one.state = state;
  one.initPid = 200;
  one.pid = 201;
  return one;
}

// A new launcher, or the old one after a restart of the daemon.
Decision connect(CoreWorld& world, std::vector<KeptRun> keptRuns,
                 std::optional<std::set<RunId>> frozen = std::nullopt) {
  return world.apply(LauncherConnected{.pid = 8, .kept = std::move(keptRuns), .frozenGroups = std::move(frozen)})
      .value();
}

TEST_CASE("a launcher that keeps what the log says live has it adopted, whatever its state") {
  for (const std::string_view from : {"requested", "starting", "running", "frozen", "stopping", "killed"}) {
    CAPTURE(from);
    CoreWorld world;
    const RunId run = world.runIn(from);
    const Decision decision = connect(world, {kept(run, KeptState::kRunning)});
    CHECK(isLive(world.run(run)));
    CHECK(commandPid(world.run(run).life) == 201);
    CHECK(kindsOf(decision).back() == "run-adopted");
    CHECK(effectsOf<KillGroup>(decision).size() == (from == "killed" ? 1 : 0));
    CHECK(effectsOf<ArmTimer>(decision).size() == (from == "killed" || from == "stopping" ? 1 : 0));
    if (from == "frozen") {
      CHECK(effectsOf<FreezeGroup>(decision).at(0).second.frozen);
      CHECK(world.life(run) == "frozen");
    }
    CHECK(world.state.launcherReady);
  }
}

TEST_CASE("a run whose reading of the walls was lost is adopted with a difference") {
  CoreWorld world;
  const RunId run = world.runIn("requested");
  CHECK(kindsOf(connect(world, {kept(run, KeptState::kRunning)})) ==
        Kinds{"launcher-ready", "difference-found", "run-started", "run-adopted"});
}

TEST_CASE("a live run that no launcher has is ended, with the difference") {
  for (const std::string_view from : {"requested", "starting", "running", "frozen", "stopping", "killed"}) {
    CAPTURE(from);
    CoreWorld world;
    const RunId run = world.runIn(from);
    const Decision decision = connect(world, {});
    CHECK(kindsOf(decision) == Kinds{"launcher-ready", "difference-found", "run-ended"});
    CHECK(effectsOf<RemoveGroup>(decision).size() == 1);
    CHECK(std::get<EndedState>(world.run(run).life).note == "the launcher no longer has it");
  }
}

TEST_CASE("a run that the log does not know, or has as ended, is killed, with the difference") {
  CoreWorld world;
  for (const RunId& run : {runId(300), world.runIn("ended")}) {
    for (const KeptState state : {KeptState::kBuilt, KeptState::kRunning}) {
      const Decision decision = connect(world, {kept(run, state)});
      CHECK(kindsOf(decision) == Kinds{"launcher-ready", "difference-found"});
      CHECK(effectsOf<KillGroup>(decision).size() == 1);
      CHECK(effectsOf<RemoveGroup>(decision).size() == 1);
      CHECK(requestsOf<sandbox::Abandon>(decision).size() == 1);
      CHECK(requestsOf<sandbox::Forget>(decision).size() == 1);
    }
  }
}

TEST_CASE("an end that happened while the daemon was away is recorded with its status, and then forgotten") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  KeptRun one = kept(run, KeptState::kEnded);
  one.exit.code = 3;
  one.usage.cpuUsec = 5;
  const Decision decision = connect(world, {one});
  CHECK(kindsOf(decision) == Kinds{"launcher-ready", "run-ended"});
  CHECK(requestsOf<sandbox::Forget>(decision).at(0).first == decision.facts[1].seq);
  CHECK(std::get<EndedState>(world.run(run).life).exitCode == 3);
  CHECK(std::get<EndedState>(world.run(run).life).usage.cpuUsec == 5);
  const Decision again = connect(world, {one});
  CHECK(kindsOf(again) == Kinds{"launcher-ready"});
  CHECK(requestsOf<sandbox::Forget>(again).at(0).first == again.facts[0].seq);
}

TEST_CASE("a run that was built and not released before a restart never begins") {
  for (const std::string_view from : {"requested", "starting", "running"}) {
    CAPTURE(from);
    CoreWorld world;
    const RunId run = world.runIn(from);
    const Decision decision = connect(world, {kept(run, KeptState::kBuilt)});
    CHECK(kindsOf(decision) == Kinds{"launcher-ready", "difference-found", "run-refused"});
    CHECK(requestsOf<sandbox::Release>(decision).empty());
    CHECK(requestsOf<sandbox::Abandon>(decision).size() == 1);
    CHECK(effectsOf<KillGroup>(decision).size() == 1);
    CHECK(std::get<EndedState>(world.run(run).life).token == "restart");
  }
}

TEST_CASE("what the kernel holds frozen stays frozen until a person resumes it") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const Decision decision = connect(world, {kept(run, KeptState::kRunning)}, std::set<RunId>{run});
  CHECK(kindsOf(decision) == Kinds{"launcher-ready", "run-adopted", "difference-found", "run-frozen"});
  CHECK(world.life(run) == "frozen");
  const Decision thawed = connect(world, {kept(run, KeptState::kRunning)}, std::set<RunId>{});
  CHECK(kindsOf(thawed) == Kinds{"launcher-ready", "run-adopted", "difference-found"});
  CHECK(effectsOf<FreezeGroup>(thawed).at(0).second.frozen);
}

TEST_CASE("a launcher that is gone leaves live runs as they are") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  CHECK(kindsOf(*world.apply(LauncherGone{"killed"})) == Kinds{"launcher-lost"});
  CHECK_FALSE(world.state.launcherReady);
  CHECK(world.life(run) == "running");
  CHECK(world.apply(LauncherGone{"killed"})->facts.empty());
}

TEST_CASE(
    "a daemon that begins after a reboot ends every run of the old boot by name; one on the same boot waits for the "
    "launcher") {
  CoreWorld world;
  const RunId running = world.runIn("running");
  const RunId frozen = world.runIn("frozen");
  world.runIn("ended");
  CHECK(kindsOf(*world.apply(DaemonBegan{"1", "6"})) == Kinds{"daemon-started"});
  CHECK_FALSE(world.state.launcherReady);
  CHECK(world.life(running) == "running");
  world.context.bootId = "boot-2";
  const auto decision = world.apply(DaemonBegan{"1", "6"});
  CHECK(kindsOf(*decision) ==
        Kinds{"daemon-started", "difference-found", "run-ended", "difference-found", "run-ended"});
  CHECK(world.life(running) == "ended");
  CHECK(world.life(frozen) == "ended");
  CHECK(world.state.bootId == "boot-2");
}

TEST_CASE("a state that never saw a boot ends nothing at its first start") {
  State empty;
  const auto decision = decide(empty, DaemonBegan{"1", "6"}, {.now = {}, .bootId = "boot-1"});
  CHECK(kindsOf(*decision) == Kinds{"daemon-started"});
}

}  // namespace
}  // namespace ringfence::supervisor::test
