#include "supervisor/core/decide.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <map>

#include "core_world.h"
#include "sdk/base/sha256.h"
#include "supervisor/core/log_keeping.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor::test {
namespace {

using Kinds = std::vector<std::string_view>;
constexpr std::array<std::string_view, 7> kStates{"requested", "starting", "running", "frozen",
                                                  "stopping",  "killed",   "ended"};

Command commandOf(std::string_view verb, const Peer& peer, const RunId& run) {
  if (verb == "freeze") return FreezeRun{peer, run, "why"};
  if (verb == "resume") return ResumeRun{peer, run};
  if (verb == "stop") return StopRun{peer, run, "why"};
  return KillRun{peer, run, "why"};
}

TEST_CASE("a launch is built at once and released only after its admission is durable") {
  CoreWorld world;
  const auto admitted = world.apply(admission(runId(1)));
  REQUIRE(admitted);
  CHECK(kindsOf(*admitted) == Kinds{"run-admitted"});
  REQUIRE(requestsOf<sandbox::Launch>(*admitted).size() == 1);
  CHECK(requestsOf<sandbox::Launch>(*admitted)[0].first == 0);
  REQUIRE(requestsOf<sandbox::Release>(*admitted).size() == 1);
  CHECK(requestsOf<sandbox::Release>(*admitted)[0].first == world.run(runId(1)).admittedSeq);

  const auto built =
      world.apply(LauncherSaid{sandbox::Built{.run = runId(1), .posture = {}, .notes = {}, .held = 0, .initPid = 9}});
  REQUIRE(built);
  CHECK(kindsOf(*built) == Kinds{"run-built"});
  REQUIRE(requestsOf<sandbox::Release>(*built).size() == 1);
  CHECK(requestsOf<sandbox::Release>(*built)[0].first == world.run(runId(1)).admittedSeq);

  REQUIRE(world.apply(LauncherSaid{sandbox::Started{runId(1), 10}}));
  CHECK(world.life(runId(1)) == "running");
  CHECK(commandPid(world.run(runId(1)).life) == 10);

  sandbox::Ended end{.run = runId(1), .exit = {.code = {}, .signal = 9}, .outOfMemory = true, .usage = {}};
  end.usage.cpuUsec = 12;
  const auto ended = world.apply(LauncherSaid{end});
  REQUIRE(ended);
  REQUIRE(requestsOf<sandbox::Forget>(*ended).size() == 1);
  CHECK(requestsOf<sandbox::Forget>(*ended)[0].first == ended->facts[0].seq);
  const auto& state = std::get<EndedState>(world.run(runId(1)).life);
  CHECK(state.exitCode == 137);
  CHECK(state.outOfMemory);
  CHECK(state.usage.cpuUsec == 12);
}

TEST_CASE("every fact is published after itself and numbered without a gap") {
  CoreWorld world;
  world.runIn("frozen");
  world.runIn("ended");
  std::uint64_t seq = 0;
  for (const Fact& fact : world.log) CHECK(fact.seq == ++seq);
  const auto decision = world.apply(admission(runId(99)));
  REQUIRE(decision);
  const auto published = effectsOf<Publish>(*decision);
  REQUIRE(published.size() == 1);
  CHECK(published[0].first == published[0].second.seq);
}

TEST_CASE("an admission is refused in words: who, what, how many") {
  CoreWorld world;
  const auto refusal = [&](AdmitRun command) { return world.apply(command).error(); };
  AdmitRun command = admission(runId(1));

  command.plan.identity.uid = 0;
  CHECK(refusal(command).code == ErrorCode::kInvalid);
  command = admission(runId(1));
  command.peer = kStranger;
  CHECK(refusal(command).code == ErrorCode::kDenied);
  command.peer = kRoot;
  CHECK(world.apply(command));
  CHECK(refusal(admission(runId(1))).message.find("exists already") != std::string::npos);
  command = admission(runId(2));
  command.plan.command.clear();
  CHECK(refusal(command).code == ErrorCode::kInvalid);
  CHECK(refusal(admission(runId(2), kOwner, std::string(200, 'x'))).code == ErrorCode::kInvalid);
  CHECK(refusal(admission(runId(2), kOwner, runId(5).text())).code == ErrorCode::kInvalid);

  REQUIRE(world.apply(LauncherGone{"exited"}));
  const Error away = refusal(admission(runId(2)));
  CHECK(away.code == ErrorCode::kUnavailable);
  CHECK(away.message.starts_with("no launcher"));
}

TEST_CASE("a command up to 256 KiB is recorded whole, a longer one by beginnings and digests") {
  CoreWorld world;
  AdmitRun command = admission(runId(1));
  command.plan.command.emplace_back(120 * 1024, 'x');
  command.plan.command.emplace_back(120 * 1024, 'y');
  REQUIRE(world.apply(command));
  CHECK(world.run(runId(1)).what.command == command.plan.command);

  command = admission(runId(2));
  std::string text = "a";
  while (text.size() < 120 * 1024) text += "é";
  command.plan.command = {"agent", text, "--last"};
  command.plan.command.insert(command.plan.command.end() - 1, 10, text);
  REQUIRE(world.apply(command));
  const auto& recorded = world.run(runId(2)).what.command;
  REQUIRE(recorded.size() == 13);
  CHECK(recorded[0] == "agent");
  CHECK(recorded[1] ==
        text.substr(0, 4095) + "… (" + std::to_string(text.size()) + " bytes, sha256 " + sha256Hex(text) + ")");
  CHECK(recorded[12] == "--last");

  command = admission(runId(3));
  command.plan.command.assign(2000, std::string(900, 'z'));
  REQUIRE(world.apply(command));
  std::size_t bytes = 0;
  for (const std::string& argument : world.run(runId(3)).what.command) bytes += argument.size();
  CHECK(bytes <= kMaxCommandBytes);
  CHECK(world.run(runId(3)).what.command.back().find(" more arguments, ") != std::string::npos);
}

TEST_CASE("live runs are bounded for a user and for all") {
  CoreWorld world;
  unsigned next = 1;
  for (std::size_t i = 0; i < kMaxLiveRunsPerUser; ++i) REQUIRE(world.apply(admission(runId(next++))));
  const Error own = world.apply(admission(runId(next))).error();
  CHECK(own.code == ErrorCode::kUnavailable);
  CHECK(own.message.find("uid 1000") != std::string::npos);
  for (std::uint32_t uid = 2000; world.state.runs.size() < kMaxLiveRuns; ++uid) {
    for (std::size_t i = 0; i < kMaxLiveRunsPerUser; ++i)
      REQUIRE(world.apply(admission(runId(next++), Peer{.uid = uid})));
  }
  const Error all = world.apply(admission(runId(next), Peer{.uid = 9999})).error();
  CHECK(all.code == ErrorCode::kUnavailable);
  CHECK(all.message.find("512") != std::string::npos);
}

TEST_CASE("each verb is accepted in the states where it means something and refused by name in the others") {
  const std::map<std::string_view, std::map<std::string_view, std::string_view>> accepted{
      {"freeze", {{"running", "frozen"}}},
      {"resume", {{"frozen", "running"}}},
      {"stop", {{"requested", "stopping"}, {"starting", "stopping"}, {"running", "stopping"}, {"frozen", "stopping"}}},
      {"kill",
       {{"requested", "stopping"},
        {"starting", "stopping"},
        {"running", "stopping"},
        {"frozen", "stopping"},
        {"stopping", "stopping"},
        {"killed", "stopping"}}}};
  for (const auto& [verb, table] : accepted) {
    for (const std::string_view from : kStates) {
      CAPTURE(verb, from);
      CoreWorld world;
      const RunId run = world.runIn(from);
      const auto decision = world.apply(commandOf(verb, kOwner, run));
      const auto expected = table.find(from);
      REQUIRE(decision.has_value() == (expected != table.end()));
      if (decision) {
        CHECK(world.life(run) == expected->second);
      } else {
        CHECK(decision.error().code == ErrorCode::kInvalid);
        CHECK(decision.error().message.find(run.text()) != std::string::npos);
        CHECK(decision.error().message.find(world.life(run)) != std::string::npos);
      }
    }
  }
}

TEST_CASE("who may not see a run is told what a missing one is told, who may only see it is denied, in every state") {
  for (const std::string_view verb : {"freeze", "resume", "stop", "kill"}) {
    for (const std::string_view from : kStates) {
      CAPTURE(verb, from);
      CoreWorld world;
      const RunId run = world.runIn(from);
      const std::string before = encodeState(world.state);
      const Error hidden = world.apply(commandOf(verb, kStranger, run)).error();
      CHECK(hidden.code == ErrorCode::kNotFound);
      State without = world.state;
      without.runs.erase(run);
      CHECK(decide(without, commandOf(verb, kStranger, run), world.context).error().message == hidden.message);
      CHECK(world.apply(commandOf(verb, kViewer, run)).error().code == ErrorCode::kDenied);
      CHECK(encodeState(world.state) == before);
    }
  }
  CoreWorld world;
  CHECK(world.apply(KillRun{kAdmin, world.runIn("running"), ""}));
  CHECK(world.apply(KillRun{kRoot, world.runIn("running"), ""}));
}

TEST_CASE("freezing and killing wait for no disk, resuming does") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto frozen = world.apply(FreezeRun{kOwner, run, ""});
  REQUIRE(effectsOf<FreezeGroup>(*frozen).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*frozen)[0].first == 0);
  CHECK(effectsOf<FreezeGroup>(*frozen)[0].second.frozen);
  const auto resumed = world.apply(ResumeRun{kOwner, run});
  REQUIRE(effectsOf<FreezeGroup>(*resumed).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*resumed)[0].first == resumed->facts[0].seq);
  CHECK_FALSE(effectsOf<FreezeGroup>(*resumed)[0].second.frozen);
  const auto killed = world.apply(KillRun{kOwner, run, ""});
  REQUIRE(effectsOf<KillGroup>(*killed).size() == 1);
  CHECK(effectsOf<KillGroup>(*killed)[0].first == 0);
}

TEST_CASE("a stopped run is asked, and killed when its time is over") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto stopped = world.apply(StopRun{kOwner, run, ""});
  REQUIRE(requestsOf<sandbox::SignalRun>(*stopped).size() == 1);
  CHECK(requestsOf<sandbox::SignalRun>(*stopped)[0].second.signal == SIGTERM);
  REQUIRE(effectsOf<ArmTimer>(*stopped).size() == 1);
  CHECK(effectsOf<ArmTimer>(*stopped)[0].second.after == kStopGrace);
  CHECK(effectsOf<KillGroup>(*stopped).empty());

  const auto fired = world.apply(TimerFired{run});
  REQUIRE(effectsOf<KillGroup>(*fired).size() == 1);
  CHECK(kindsOf(*fired) == Kinds{"run-stopping"});
  CHECK(std::get<Stopping>(world.run(run).life).killed);

  const auto again = world.apply(TimerFired{run});
  CHECK(effectsOf<KillGroup>(*again).size() == 1);
  CHECK(again->facts.empty());
}

TEST_CASE("a run whose adapter says how is asked to end that way, and has that time") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  world.state.runs.at(run).what.terms.emplace().adapter = AdapterTerms{"codex", {}, 0, StopMethod{SIGINT, 12}};
  const auto stopped = world.apply(StopRun{kOwner, run, ""});
  REQUIRE(requestsOf<sandbox::SignalRun>(*stopped).size() == 1);
  CHECK(requestsOf<sandbox::SignalRun>(*stopped)[0].second.signal == SIGINT);
  CHECK(effectsOf<ArmTimer>(*stopped).at(0).second.after == std::chrono::seconds(12));

  const auto fired = world.apply(TimerFired{run});
  REQUIRE(effectsOf<KillGroup>(*fired).size() == 1);
  CHECK(std::get<RunStopping>(fired->facts.at(0).body).reason == "still there when its time to end was over");
  CHECK(effectsOf<ArmTimer>(*fired).at(0).second.after == kStopGrace);  // A kill is looked at as any other.
}

TEST_CASE("a timer that fires for a run that does not stop changes nothing") {
  for (const std::string_view from : {"requested", "starting", "running", "frozen", "ended"}) {
    CAPTURE(from);
    CoreWorld world;
    const auto decision = world.apply(TimerFired{world.runIn(from)});
    REQUIRE(decision);
    CHECK(decision->facts.empty());
    CHECK(decision->effects.empty());
  }
}

TEST_CASE("a frozen run that is stopped thaws once that is durable, so that it can end") {
  CoreWorld world;
  const auto stopped = world.apply(StopRun{kOwner, world.runIn("frozen"), ""});
  REQUIRE(effectsOf<FreezeGroup>(*stopped).size() == 1);
  CHECK_FALSE(effectsOf<FreezeGroup>(*stopped)[0].second.frozen);
  CHECK(effectsOf<FreezeGroup>(*stopped)[0].first == stopped->facts[0].seq);
  CHECK(effectsOf<ArmTimer>(*stopped)[0].first == 0);
}

TEST_CASE("a run that is stopped before it runs never starts") {
  for (const std::string_view from : {"requested", "starting"}) {
    CAPTURE(from);
    CoreWorld world;
    const RunId run = world.runIn(from);
    const auto stopped = world.apply(StopRun{kOwner, run, ""});
    CHECK(requestsOf<sandbox::Abandon>(*stopped).size() == 1);
    CHECK(effectsOf<KillGroup>(*stopped).size() == 1);
    const auto built =
        world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 9}});
    CHECK(requestsOf<sandbox::Release>(*built).empty());
    CHECK(requestsOf<sandbox::Abandon>(*built).size() == 1);
    const auto failed = world.apply(LauncherSaid{sandbox::LaunchFailed{run, "cgroup", "killed", 0, 125}});
    CHECK(kindsOf(*failed) == Kinds{"run-refused"});
    CHECK(std::get<EndedState>(world.run(run).life).token == "stopped");
  }
}

TEST_CASE("a foreground run without a terminal goes with its client, others stay") {
  CoreWorld world;
  const RunId piped = world.runIn("running");
  const auto lost = world.apply(ClientLost{piped});
  REQUIRE(requestsOf<sandbox::SignalRun>(*lost).size() == 1);
  CHECK(requestsOf<sandbox::SignalRun>(*lost)[0].second.signal == SIGHUP);
  CHECK(world.life(piped) == "stopping");
  for (const auto stdio : {sandbox::Stdio::kTerminal, sandbox::Stdio::kCaptured}) {
    const RunId run = world.runIn("running", stdio);
    REQUIRE(world.apply(ClientLost{run}));
    CHECK(world.life(run) == "running");
  }
  REQUIRE(world.apply(ClientLost{runId(77)}));
}

TEST_CASE("a wall that is down and was not admitted as weakened ends the launch with its name") {
  CoreWorld world;
  const RunId run = world.runIn("requested");
  const sandbox::WallReading down{
      .wall = sandbox::Wall::kLandlock, .wanted = "abi 6", .got = "none", .probed = true, .up = false};
  const auto built =
      world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {down}, .notes = {}, .held = 0, .initPid = 9}});
  REQUIRE(built);
  CHECK(requestsOf<sandbox::Release>(*built).empty());
  CHECK(requestsOf<sandbox::Abandon>(*built).size() == 1);
  CHECK(effectsOf<RemoveGroup>(*built).size() == 1);  // Which kills: it may have begun by then.
  CHECK(std::get<EndedState>(world.run(run).life).token == "landlock");

  AdmitRun weak = admission(runId(50));
  weak.plan.weakened = {{sandbox::Wall::kLandlock, "this kernel has none"}};
  REQUIRE(world.apply(weak));
  const auto allowed = world.apply(
      LauncherSaid{sandbox::Built{.run = runId(50), .posture = {down}, .notes = {}, .held = 0, .initPid = 9}});
  CHECK(requestsOf<sandbox::Release>(*allowed).size() == 1);
}

TEST_CASE("a failed launch is recorded with token and exit code, its groups go, the launcher may forget it") {
  CoreWorld world;
  const RunId run = world.runIn("requested");
  const auto failed = world.apply(LauncherSaid{sandbox::LaunchFailed{run, "executable", "no such program", 2, 127}});
  CHECK(kindsOf(*failed) == Kinds{"run-refused"});
  CHECK(effectsOf<RemoveGroup>(*failed).size() == 1);
  CHECK(requestsOf<sandbox::Forget>(*failed)[0].first == failed->facts[0].seq);
  const auto& ended = std::get<EndedState>(world.run(run).life);
  CHECK(ended.refused);
  CHECK(ended.exitCode == 127);
}

TEST_CASE("reports about unknown or ended runs change no state; what lives of them is killed") {
  CoreWorld world;
  for (const RunId& run : {runId(500), world.runIn("ended")}) {
    const std::string before = encodeState(world.state);
    const auto ended =
        world.apply(LauncherSaid{sandbox::Ended{.run = run, .exit = {}, .outOfMemory = false, .usage = {}}});
    CHECK(ended->facts.empty());
    CHECK(requestsOf<sandbox::Forget>(*ended).size() == 1);
    CHECK(world.apply(LauncherSaid{sandbox::LaunchFailed{run, "cgroup", "", 0, 125}})->facts.empty());
    const auto built =
        world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 9}});
    CHECK(built->facts.empty());
    CHECK(requestsOf<sandbox::Release>(*built).empty());
    CHECK(encodeState(world.state) == before);
    const auto started = world.apply(LauncherSaid{sandbox::Started{run, 9}});
    CHECK(kindsOf(*started) == Kinds{"difference-found"});
    CHECK(effectsOf<KillGroup>(*started).size() == 2);
  }
}

TEST_CASE("long text of a person is cut in the log, and a long command in the memory of an ended run") {
  CoreWorld world;
  AdmitRun command = admission(runId(60));
  command.plan.command = {"agent", std::string(3000, 'a'), std::string(3000, 'b'), "last"};
  REQUIRE(world.apply(command));
  CHECK(world.run(runId(60)).what.command == command.plan.command);
  const auto killed = world.apply(KillRun{kOwner, runId(60), std::string(5000, 'x')});
  CHECK(std::get<RunStopping>(killed->facts[0].body).reason.size() < 1100);
  REQUIRE(world.apply(LauncherSaid{sandbox::LaunchFailed{runId(60), "cgroup", "", 0, 125}}));
  CHECK(world.run(runId(60)).what.command == std::vector<std::string>{"agent", std::string(3000, 'a'), "…"});
}

TEST_CASE("trust is recorded for the caller alone, in a valid form, and bounded") {
  CoreWorld world;
  const std::string hash(64, 'c');
  REQUIRE(world.apply(TrustPolicy{kOwner, "/p/.ringfence.toml", hash}));
  CHECK(world.state.trusted.at({1000, "/p/.ringfence.toml"}) == hash);
  CHECK(world.apply(TrustPolicy{kOwner, "relative", hash}).error().code == ErrorCode::kInvalid);
  CHECK(world.apply(TrustPolicy{kOwner, "/p", "xyz"}).error().code == ErrorCode::kInvalid);
  for (std::size_t i = 1; i < kMaxTrustedPerUser; ++i)
    REQUIRE(world.apply(TrustPolicy{kOwner, "/p" + std::to_string(i), hash}));
  CHECK(world.apply(TrustPolicy{kOwner, "/one-more", hash}).error().code == ErrorCode::kUnavailable);
  CHECK(world.apply(TrustPolicy{kOwner, "/p1", std::string(64, 'd')}));
}

TEST_CASE("a run is found by id, by name among the live, then among the ended; an ambiguous name lists the ids") {
  CoreWorld world;
  const RunId old = world.runIn("ended");
  CHECK((*findRun(world.state, kOwner, "run1"))->id == old);
  CHECK((*findRun(world.state, kOwner, old.text()))->id == old);
  REQUIRE(world.apply(admission(runId(40), kOwner, "run1")));
  CHECK((*findRun(world.state, kOwner, "run1"))->id == runId(40));
  REQUIRE(world.apply(admission(runId(41), kOwner, "run1")));
  const auto two = findRun(world.state, kOwner, "run1");
  CHECK(two.error().code == ErrorCode::kInvalid);
  CHECK(two.error().message.find(runId(41).text()) != std::string::npos);
  CHECK(findRun(world.state, kStranger, "run1").error().code == ErrorCode::kNotFound);
  CHECK(findRun(world.state, kOwner, "").error().code == ErrorCode::kInvalid);
  CHECK(findRun(world.state, kOwner, "\x1b[2J").error().message.find('\x1b') == std::string::npos);
}

TEST_CASE("a snapshot is due every 10,000 facts, and a segment retires only below one") {
  CoreWorld world;
  CHECK_FALSE(draftSnapshot(world.state, world.context));
  world.state.lastSeq = kFactsPerSnapshot;
  const auto draft = draftSnapshot(world.state, world.context);
  REQUIRE(draft);
  CHECK(draft->fact.seq == kFactsPerSnapshot + 1);
  CHECK(draft->state == encodeState(world.state));
  CHECK_FALSE(draftRetirement(world.state, {.upToSeq = 100, .headHash = ""}, world.context));
  world.state = evolve(std::move(world.state), draft->fact);
  CHECK_FALSE(draftSnapshot(world.state, world.context));
  CHECK(draftRetirement(world.state, {.upToSeq = 100, .headHash = ""}, world.context));
  CHECK_FALSE(draftRetirement(world.state, {.upToSeq = kFactsPerSnapshot + 1, .headHash = ""}, world.context));
}

}  // namespace
}  // namespace ringfence::supervisor::test
