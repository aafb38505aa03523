#include <catch2/catch_test_macros.hpp>

#include "question_world.h"
#include "supervisor/core/latch.h"

namespace ringfence::supervisor::test {
namespace {

using Kinds = std::vector<std::string_view>;

StopHeard pressed(bool kills = false) {
  StopHeard heard{{.trigger = "keyboard", .uid = 1000, .runs = 1, .processes = 3, .writeUsec = 40, .tookUsec = 900}};
  heard.stop.verified = true;
  if (kills) heard.stop.killed = true;
  return heard;
}

// Read back: `owner` ended what is theirs.
StopHeard killedOwn(std::uint32_t owner) {
  StopHeard heard = pressed();
  heard.stop.uid = owner;
  heard.stop.killedOf = {{owner}};
  heard.stop.killedRuns = 1;
  return heard;
}

StopHeard pressedBy(const Peer& peer) {
  StopHeard heard = pressed();
  heard.stop.uid = peer.uid;
  return heard;
}

bool isRefusedTo(CoreWorld& world, const Peer& peer) {
  const auto answer = world.apply(RearmStop{peer});
  return !answer && answer.error().code == ErrorCode::kDenied;
}

const Frozen& frozen(const CoreWorld& world, const RunId& run) { return std::get<Frozen>(world.run(run).life); }

// Somebody who may says that it may go on, and ringfence-stop lets go.
void rearm(CoreWorld& world, const Peer& peer = kAdmin) {
  REQUIRE(world.apply(RearmStop{peer}));
  REQUIRE(world.apply(LatchOpened{}));
  REQUIRE_FALSE(world.state.latch);
}

}  // namespace

TEST_CASE("an emergency stop is a fact, and every live run is held by it, whoever held it before") {
  CoreWorld world;
  const RunId running = world.runIn("running"), persons = world.runIn("frozen"), governors = world.runIn("running");
  REQUIRE(world.apply(
      PreemptRun{.run = governors, .step = PreemptStep::kFreeze, .cause = PreemptCause::kMemory, .reason = "memory"}));
  const auto stopped = world.apply(pressed());
  REQUIRE(stopped);
  CHECK(kindsOf(*stopped) == Kinds{"emergency-stopped", "run-frozen", "run-frozen", "run-frozen"});
  CHECK(stopped->facts[0].run.empty());
  for (const RunId& run : {running, persons, governors}) {
    CHECK(frozen(world, run).itself == SelfHeld::kEmergencyStop);
    CHECK_FALSE(frozen(world, run).preemption);
    CHECK(frozen(world, run).reason == "emergency stop: keyboard");
    CHECK(frozen(world, run).byUid == 1000);
  }
  REQUIRE(world.state.latch);
  CHECK(world.state.latch->stop.trigger == "keyboard");
}

TEST_CASE("holding waits for no disk and takes the guards along; connections are cut at once") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto stopped = world.apply(pressed());
  REQUIRE(stopped);
  const auto freezes = effectsOf<FreezeGroup>(*stopped);
  REQUIRE(freezes.size() == 1);
  CHECK(freezes[0].first == 0);
  CHECK(freezes[0].second.frozen);
  CHECK(freezes[0].second.extent == Extent::kRun);
  const auto cuts = effectsOf<CutConnections>(*stopped);
  REQUIRE(cuts.size() == 1);
  CHECK(cuts[0].first == 0);
  CHECK(cuts[0].second.run == run);
}

TEST_CASE("while it is latched nothing is admitted and nothing resumed, and the words say how to go on") {
  CoreWorld world;
  const RunId run = world.runIn("frozen");
  REQUIRE(world.apply(pressed()));
  for (const Command& command :
       {Command(admission(runId(900))), Command(ResumeRun{kOwner, run}), Command(ResumeRun{kAdmin, run})}) {
    const auto refused = world.apply(command);
    REQUIRE_FALSE(refused);
    CHECK(isRefusedByLatch(refused.error()));
    CHECK(refused.error().message.find("keyboard") != std::string::npos);
    CHECK(refused.error().message.find("ringfence rearm") != std::string::npos);
  }
  CHECK(world.life(run) == "frozen");
  // Who may not see it learns nothing of it this way either.
  const auto hidden = world.apply(ResumeRun{kStranger, run});
  REQUIRE_FALSE(hidden);
  CHECK(hidden.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a launch that the stop meets ends, however far it is, and says latched with status 7") {
  for (const char* state : {"requested", "starting"}) {
    CAPTURE(state);
    CoreWorld world;
    const RunId run = world.runIn(state);
    const auto stopped = world.apply(pressed());
    REQUIRE(stopped);
    CHECK(requestsOf<sandbox::Abandon>(*stopped).size() == 1);
    REQUIRE(effectsOf<KillGroup>(*stopped).size() == 1);
    CHECK(effectsOf<KillGroup>(*stopped)[0].first == 0);
    // A report that was on its way changes nothing.
    const auto built =
        world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 100}});
    REQUIRE(built);
    CHECK(requestsOf<sandbox::Release>(*built).empty());
    REQUIRE(world.apply(LauncherSaid{sandbox::LaunchFailed{run, "abandoned", "", 0, 125}}));
    const auto& ended = std::get<EndedState>(world.run(run).life);
    CHECK(ended.refused);
    CHECK(ended.token == "latched");
    CHECK(ended.exitCode == 7);
  }
}

TEST_CASE("a command that had begun when the stop met its launch is killed") {
  CoreWorld world;
  const RunId run = world.runIn("starting");
  REQUIRE(world.apply(pressed()));
  const auto started = world.apply(LauncherSaid{sandbox::Started{run, 101}});
  REQUIRE(started);
  CHECK(effectsOf<KillGroup>(*started).size() == 1);
  CHECK(world.life(run) == "stopping");
}

TEST_CASE("open questions are settled as stopped, and later asks are refused so until it is re-armed") {
  QuestionWorld world;
  const RunId run = world.start();
  world.ask(run, 1, "/home/ada/Documents/x");
  const auto stopped = world.apply(pressed());
  REQUIRE(stopped);
  REQUIRE(answersOf(*stopped).size() == 1);
  const Told told = answersOf(*stopped)[0];
  CHECK(told.answer.outcome == sandbox::Outcome::kStopped);
  CHECK(told.answer.say == "emergency stop");
  CHECK(told.afterSeq > 0);
  CHECK(world.state.questions.empty());
  const auto late = world.apply(world.card(world.state.lastQuestion, CardVerdict::kAllow));
  REQUIRE_FALSE(late);
  CHECK(late.error().message.find("was stopped") != std::string::npos);

  const auto ask = askFor(2, "/home/ada/Documents/y");
  CHECK(whyRefused(world.state, world.run(run), sandbox::GuardKind::kWarden, ask, world.context));
  const auto refused = world.raise(run, ask);
  REQUIRE(answersOf(refused).size() == 1);
  CHECK(answersOf(refused)[0].answer.outcome == sandbox::Outcome::kStopped);
  CHECK(world.state.questions.empty());

  rearm(world);
  world.raise(run, askFor(3, "/home/ada/Documents/z"));
  CHECK(world.state.questions.size() == 1);
}

TEST_CASE("the governor lets nothing go that an emergency stop holds, neither latched nor re-armed") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(
      PreemptRun{.run = run, .step = PreemptStep::kFreeze, .cause = PreemptCause::kMemory, .reason = "memory"}));
  REQUIRE(world.apply(pressed()));
  const PreemptRun resume{.run = run, .step = PreemptStep::kResume, .cause = PreemptCause::kRelieved, .reason = "over"};
  CHECK(effectsOf<FreezeGroup>(*world.apply(resume)).empty());
  rearm(world);
  CHECK(effectsOf<FreezeGroup>(*world.apply(resume)).empty());
  CHECK(world.life(run) == "frozen");
  REQUIRE(world.apply(ResumeRun{kOwner, run}));
  CHECK(world.life(run) == "running");
}

TEST_CASE("a run that is asked to end while it is latched is not let go for that, and is killed in time") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(pressed()));
  const auto stopping = world.apply(StopRun{kOwner, run, "asked"});
  REQUIRE(stopping);
  CHECK(effectsOf<FreezeGroup>(*stopping).empty());
  REQUIRE(effectsOf<ArmTimer>(*stopping).size() == 1);
  CHECK(effectsOf<KillGroup>(*world.apply(TimerFired{run})).size() == 1);
}

TEST_CASE("re-arming resumes nothing: it is recorded, then the latch is released, then each run is resumed by itself") {
  CoreWorld world;
  const RunId run = world.runIn("running"), other = world.runIn("running");
  REQUIRE(world.apply(pressed()));
  const auto rearmed = world.apply(RearmStop{kOwner});
  REQUIRE(rearmed);
  CHECK(kindsOf(*rearmed) == Kinds{"rearmed"});
  const auto releases = effectsOf<ReleaseLatch>(*rearmed);
  REQUIRE(releases.size() == 1);
  CHECK(releases[0].first == rearmed->facts[0].seq);
  CHECK(effectsOf<FreezeGroup>(*rearmed).empty());
  // Until ringfence-stop has let go, it is as it was.
  REQUIRE(world.state.latch);
  CHECK_FALSE(world.apply(ResumeRun{kOwner, run}));
  CHECK_FALSE(world.apply(admission(runId(900))));

  const auto opened = world.apply(LatchOpened{});
  REQUIRE(opened);
  CHECK(kindsOf(*opened) == Kinds{"latch-released"});
  CHECK(effectsOf<FreezeGroup>(*opened).empty());
  CHECK(world.life(run) == "frozen");
  REQUIRE(world.apply(ResumeRun{kOwner, run}));
  CHECK(world.life(run) == "running");
  CHECK(world.life(other) == "frozen");
  CHECK(world.apply(admission(runId(900))));
}

TEST_CASE("a stop that comes while it is being re-armed counts: a release that was on its way opens nothing") {
  CoreWorld world;
  REQUIRE(world.apply(pressed()));
  REQUIRE(world.apply(RearmStop{kAdmin}));
  const auto again = world.apply(pressed());
  REQUIRE(again);
  CHECK(kindsOf(*again) == Kinds{"emergency-stopped"});
  CHECK(world.apply(LatchOpened{})->facts.empty());
  CHECK(world.state.latch);
}

TEST_CASE("who stops again and again writes the log once; one that kills after one that froze is recorded") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(pressed()));
  CHECK(world.apply(pressed())->facts.empty());
  const auto killed = world.apply(pressed(true));
  REQUIRE(killed);
  CHECK(kindsOf(*killed) == Kinds{"emergency-stopped", "run-stopping"});
  CHECK(effectsOf<KillGroup>(*killed).size() == 1);
  CHECK(world.life(run) == "stopping");
}

TEST_CASE("who ended the own runs is who ended them, whoever had stopped everything; those of others are held") {
  CoreWorld world;
  const RunId own = world.runIn("running"), half = world.runIn("starting");
  const RunId theirs = world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
  REQUIRE(world.apply(pressedBy(kStranger)));
  // It is heard before anybody ends, so that it is known whose doing that was.
  const auto killing = world.apply(StopKills{"asked: mine", kOwner.uid, kOwner.uid});
  REQUIRE(killing);
  CHECK(kindsOf(*killing) == Kinds{"run-stopping"});  // The half-built one ends by the stop already.
  const auto& stopping = std::get<RunStopping>(killing->facts[0].body);
  CHECK(killing->facts[0].run == own);
  CHECK(stopping.byUid == kOwner.uid);
  CHECK(stopping.kill);
  CHECK(stopping.reason == "emergency stop: asked: mine");
  CHECK(world.life(theirs) == "frozen");
  const auto ended = world.apply(
      LauncherSaid{sandbox::Ended{.run = own, .exit = {.code = {}, .signal = 9}, .outOfMemory = false, .usage = {}}});
  REQUIRE(ended);
  CHECK(kindsOf(*ended) == Kinds{"run-ended"});
  const auto heard = world.apply(killedOwn(kOwner.uid));
  REQUIRE(heard);
  CHECK(kindsOf(*heard) == Kinds{"emergency-stopped"});
  CHECK(world.life(theirs) == "frozen");
  CHECK(world.life(half) == "stopping");
  CHECK(world.state.latch->stop.killedOf == std::vector<std::uint32_t>{kOwner.uid});
}

TEST_CASE("the own runs that are still there when the end of them is heard of are ended, and no others") {
  CoreWorld world;
  const RunId own = world.runIn("running");
  const RunId theirs = world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
  StopHeard heard = killedOwn(kOwner.uid);
  heard.stop.uid = kStranger.uid;  // The first to stop was somebody else.
  const auto stopped = world.apply(heard);
  REQUIRE(stopped);
  CHECK(kindsOf(*stopped) == Kinds{"emergency-stopped", "run-stopping", "run-frozen"});
  CHECK(std::get<RunStopping>(stopped->facts[1].body).byUid == kOwner.uid);
  REQUIRE(effectsOf<KillGroup>(*stopped).size() == 1);
  CHECK(effectsOf<KillGroup>(*stopped)[0].second.run == own);
  CHECK(frozen(world, theirs).byUid == kStranger.uid);
  // Everybody's end, and that of nobody who has something here.
  CHECK(kindsOf(*world.apply(StopKills{"asked", 4711, 4711})).empty());
  CHECK(kindsOf(*world.apply(StopKills{"keyboard", {}, {}})) == Kinds{"run-stopping"});
  CHECK(world.life(theirs) == "stopping");
}

TEST_CASE("who ended the own runs was met by the stop, so that nobody else re-arms it") {
  CoreWorld world;
  const RunId own = world.runIn("running");
  world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
  REQUIRE(world.apply(StopKills{"asked", kOwner.uid, kOwner.uid}));
  REQUIRE(world.apply(
      LauncherSaid{sandbox::Ended{.run = own, .exit = {.code = {}, .signal = 9}, .outOfMemory = false, .usage = {}}}));
  REQUIRE(world.apply(killedOwn(kOwner.uid)));
  CHECK(isRefusedTo(world, kStranger));
  CHECK(isRefusedTo(world, kOwner));
  // The next one who does is added, and what ended everything stays that.
  REQUIRE(world.apply(killedOwn(kStranger.uid)));
  CHECK(world.state.latch->stop.killedOf == std::vector<std::uint32_t>{kStranger.uid, kOwner.uid});
  REQUIRE(world.apply(pressed(true)));
  CHECK(world.state.latch->stop.killed == true);
  CHECK(isKilledBy(world.state.latch->stop, 4711));
  rearm(world, kAdmin);
  REQUIRE(world.apply(pressedBy(kStranger)));
  CHECK_FALSE(world.state.latch->stop.killedOf);
}

TEST_CASE("who may re-arm: an administrator, or whoever owns every run that the stop met, whoever stopped") {
  CoreWorld world;
  REQUIRE_FALSE(world.apply(RearmStop{kAdmin}));  // Nothing is latched.
  for (const Peer& stopper : {kOwner, kStranger, kRoot}) {
    CAPTURE(stopper.uid);
    world.runIn("running");
    REQUIRE(world.apply(pressedBy(stopper)));
    CHECK(isRefusedTo(world, kStranger));
    CHECK(isRefusedTo(world, kViewer));
    rearm(world, kOwner);
  }
  world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
  REQUIRE(world.apply(pressedBy(kOwner)));
  CHECK(isRefusedTo(world, kOwner));
  CHECK(isRefusedTo(world, kStranger));
  rearm(world, kAdmin);
}

TEST_CASE("a stop that met a run of somebody else is not re-armed by others, also when that run is gone since") {
  for (const bool kills : {false, true}) {
    CAPTURE(kills);
    CoreWorld world;
    const RunId own = world.runIn("running");
    const RunId theirs = world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
    REQUIRE(world.apply(pressedBy(kOwner)));
    if (kills) REQUIRE(world.apply(pressed(true)));
    for (const RunId& run : {own, theirs}) {
      REQUIRE(world.apply(LauncherSaid{
          sandbox::Ended{.run = run, .exit = {.code = {}, .signal = 9}, .outOfMemory = false, .usage = {}}}));
    }
    CHECK(isRefusedTo(world, kOwner));
    CHECK(isRefusedTo(world, kStranger));
    REQUIRE(decodeState(encodeState(world.state)));
    world.state = *decodeState(encodeState(world.state));
    CHECK(isRefusedTo(world, kOwner));
    rearm(world, kAdmin);
    // The next emergency is another one.
    REQUIRE(world.apply(pressedBy(kOwner)));
    rearm(world, kOwner);
  }
}

TEST_CASE("whoever stops while nobody has a run may re-arm that, and nobody else but an administrator") {
  CoreWorld world;
  REQUIRE(world.apply(pressedBy(kStranger)));
  CHECK(isRefusedTo(world, kOwner));
  // Who stops again takes nothing over, nor does who kills what is not there.
  REQUIRE(world.apply(pressedBy(kOwner)));
  REQUIRE(world.apply(pressed(true)));
  CHECK(isRefusedTo(world, kOwner));
  rearm(world, kStranger);

  REQUIRE(world.apply(pressedBy(kRoot)));
  CHECK(isRefusedTo(world, kOwner));
  rearm(world, kAdmin);
}

TEST_CASE("keys that meet no run are re-armed by whoever alone has had runs here") {
  StopHeard keys{{.trigger = "keys: hold ctrl+alt+end 500ms", .uid = {}, .runs = 0}};
  CoreWorld world;
  REQUIRE(world.apply(keys));
  CHECK(isRefusedTo(world, kOwner));  // Nobody knows who this is.
  rearm(world, kAdmin);
  world.runIn("ended");
  REQUIRE(world.apply(keys));
  CHECK(isRefusedTo(world, kStranger));
  rearm(world, kOwner);
  world.runIn("ended", sandbox::Stdio::kDescriptors, kStranger);
  REQUIRE(world.apply(keys));
  CHECK(isRefusedTo(world, kOwner));
  CHECK(isRefusedTo(world, kStranger));
}

TEST_CASE("leases of accelerators are dropped, and a run takes them again before it goes on, if they are free") {
  CoreWorld world;
  const auto start = [&](unsigned number, std::uint32_t percent) {
    AdmitRun admit = admission(runId(number));
    admit.terms.npu = AcceleratorShare{{"0000:00:0b.0"}, percent};
    REQUIRE(world.apply(admit));
    REQUIRE(world.apply(
        LauncherSaid{sandbox::Built{.run = runId(number), .posture = {}, .notes = {}, .held = 0, .initPid = 100}}));
    REQUIRE(world.apply(LauncherSaid{sandbox::Started{runId(number), 101}}));
    return runId(number);
  };
  const RunId first = start(500, 60);
  const auto stopped = world.apply(pressed());
  REQUIRE(stopped);
  CHECK(kindsOf(*stopped) == Kinds{"emergency-stopped", "lease-ended", "run-frozen"});
  rearm(world);
  const RunId second = start(501, 80);
  const auto busy = world.apply(ResumeRun{kOwner, first});
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == ErrorCode::kBusy);
  const auto ended = world.apply(LauncherSaid{
      sandbox::Ended{.run = second, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}});
  CHECK(kindsOf(*ended) == Kinds{"run-ended", "lease-ended"});
  const auto resumed = world.apply(ResumeRun{kOwner, first});
  REQUIRE(resumed);
  CHECK(kindsOf(*resumed) == Kinds{"lease-given", "run-resumed"});
  CHECK_FALSE(world.run(first).leasesDropped);

  // What was dropped and not taken again does not end twice.
  REQUIRE(world.apply(pressed()));
  const auto over = world.apply(
      LauncherSaid{sandbox::Ended{.run = first, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}});
  CHECK(kindsOf(*over) == Kinds{"run-ended"});
}

TEST_CASE("the latch outlives a snapshot and a restart of the machine") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(pressed()));
  const auto decoded = decodeState(encodeState(world.state));
  REQUIRE(decoded);
  REQUIRE(decoded->latch);
  CHECK(decoded->latch->stop == world.state.latch->stop);
  world.context.bootId = "boot-2";
  REQUIRE(world.apply(DaemonBegan{"1", "6"}));
  CHECK(world.state.latch);
  CHECK(world.life(run) == "ended");
  REQUIRE(world.apply(LauncherConnected{.pid = 8, .kept = {}}));
  CHECK_FALSE(world.apply(admission(runId(900))));
}

TEST_CASE("runs that a restart finds under a closed latch stay held") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(pressed()));
  sandbox::KeptRun kept;
  kept.run = run;
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  const auto adopted = world.apply(LauncherConnected{.pid = 8, .kept = {kept}, .frozenGroups = std::set<RunId>{}});
  REQUIRE(adopted);
  for (const auto& [after, freeze] : effectsOf<FreezeGroup>(*adopted)) CHECK(freeze.frozen);
  CHECK_FALSE(effectsOf<FreezeGroup>(*adopted).empty());
  CHECK(frozen(world, run).itself == SelfHeld::kEmergencyStop);
}

}  // namespace ringfence::supervisor::test
