#include <catch2/catch_test_macros.hpp>

#include "core_world.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor::test {
namespace {

using Kinds = std::vector<std::string_view>;

PreemptRun preemption(const RunId& run, PreemptStep step) {
  return {.run = run, .step = step, .cause = PreemptCause::kMemory, .reason = "memory would have run out in 180 ms"};
}

}  // namespace

TEST_CASE("the governor holds an agent at once, its guards go on, and the reason is in the log") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto held = world.apply(preemption(run, PreemptStep::kFreeze));
  REQUIRE(held);
  CHECK(kindsOf(*held) == Kinds{"run-frozen"});
  const auto freezes = effectsOf<FreezeGroup>(*held);
  REQUIRE(freezes.size() == 1);
  CHECK(freezes[0].first == 0);
  CHECK(freezes[0].second.frozen);
  CHECK(freezes[0].second.extent == Extent::kAgent);
  CHECK(std::get<RunFrozen>(held->facts[0].body).reason == "memory would have run out in 180 ms");
  CHECK(world.life(run) == "frozen");
}

TEST_CASE("the governor lets go what it holds, once that is durable, and nothing that a person holds") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const RunId persons = world.runIn("frozen");
  REQUIRE(world.apply(preemption(run, PreemptStep::kFreeze)));
  const auto released = world.apply(preemption(run, PreemptStep::kResume));
  REQUIRE(released);
  const auto thaws = effectsOf<FreezeGroup>(*released);
  REQUIRE(thaws.size() == 1);
  CHECK(thaws[0].first == released->facts[0].seq);
  CHECK_FALSE(thaws[0].second.frozen);
  CHECK(world.life(run) == "running");

  const auto refused = world.apply(preemption(persons, PreemptStep::kResume));
  REQUIRE(refused);
  CHECK(refused->facts.empty());
  CHECK(refused->effects.empty());
  CHECK(world.life(persons) == "frozen");
}

TEST_CASE("a person may hold on to what the governor holds, and may let it go") {
  CoreWorld world;
  const RunId kept = world.runIn("running"), freed = world.runIn("running");
  REQUIRE(world.apply(preemption(kept, PreemptStep::kFreeze)));
  REQUIRE(world.apply(preemption(freed, PreemptStep::kFreeze)));
  const auto taken = world.apply(FreezeRun{kOwner, kept, "asked"});
  REQUIRE(taken);
  REQUIRE(effectsOf<FreezeGroup>(*taken).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*taken)[0].second.extent == Extent::kAgent);
  CHECK(world.apply(preemption(kept, PreemptStep::kResume))->facts.empty());
  CHECK(world.life(kept) == "frozen");
  CHECK_FALSE(world.apply(FreezeRun{kOwner, kept, "twice"}));

  REQUIRE(world.apply(ResumeRun{kOwner, freed}));
  CHECK(world.life(freed) == "running");
}

TEST_CASE("what does not run cannot be held, and a run that is over is left alone") {
  CoreWorld world;
  for (const char* state : {"requested", "starting", "frozen", "stopping", "killed", "ended"}) {
    CAPTURE(state);
    const auto decision = world.apply(preemption(world.runIn(state), PreemptStep::kFreeze));
    REQUIRE(decision);
    CHECK(decision->facts.empty());
    CHECK(decision->effects.empty());
  }
  const auto unknown = world.apply(preemption(runId(4711), PreemptStep::kKill));
  REQUIRE(unknown);
  CHECK(unknown->facts.empty());
}

TEST_CASE("the governor ends a run as a kill does, with its reason") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto killed = world.apply(preemption(run, PreemptStep::kKill));
  REQUIRE(killed);
  CHECK(effectsOf<KillGroup>(*killed).size() == 1);
  CHECK(kindsOf(*killed) == Kinds{"run-stopping"});
  CHECK(world.life(run) == "stopping");
}

TEST_CASE("a reason that is too long is cut between two characters, so that it can be read in the log") {
  CoreWorld world;
  PreemptRun command = preemption(world.runIn("running"), PreemptStep::kFreeze);
  command.reason.clear();
  while (command.reason.size() <= kMaxReasonBytes)
    command.reason += "漢";  // of three bytes, the bound is none of three
  const auto held = world.apply(command);
  REQUIRE(held);
  const std::string& kept = std::get<RunFrozen>(held->facts[0].body).reason;
  CHECK(kept.size() == kMaxReasonBytes / 3 * 3);
  CHECK(isValidUtf8(kept));
}

TEST_CASE("milder steps are recorded, and performed without waiting for the disk") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  PreemptRun writes = preemption(run, PreemptStep::kLimitWrites);
  writes.bytes = 1000;
  const auto slowed = world.apply(writes);
  REQUIRE(slowed);
  CHECK(kindsOf(*slowed) == Kinds{"run-restrained"});
  REQUIRE(effectsOf<LimitWrites>(*slowed).size() == 1);
  CHECK(effectsOf<LimitWrites>(*slowed)[0].first == 0);
  CHECK(effectsOf<LimitWrites>(*slowed)[0].second.bytesPerSec == 1000);
  CHECK(world.run(run).writeLimit == 1000);
  PreemptRun reclaim = preemption(run, PreemptStep::kReclaim);
  reclaim.bytes = 4096;
  CHECK(effectsOf<ReclaimMemory>(*world.apply(reclaim)).at(0).second.bytes == 4096);
  CHECK(world.life(run) == "running");
}

TEST_CASE("processors that are kept from agents are recorded, and kept without waiting for the disk") {
  CoreWorld world;
  for (const std::uint32_t processors : {2u, 0u}) {
    const auto kept = world.apply(ReserveProcessors{processors, std::string(100'000, 'x')});
    REQUIRE(kept);
    CHECK(kindsOf(*kept) == Kinds{"processors-reserved"});
    CHECK(kept->facts[0].run.empty());
    CHECK(std::get<ProcessorsReserved>(kept->facts[0].body).processors == processors);
    CHECK(std::get<ProcessorsReserved>(kept->facts[0].body).reason.size() <= kMaxReasonBytes);
    REQUIRE(effectsOf<KeepProcessors>(*kept).size() == 1);
    CHECK(effectsOf<KeepProcessors>(*kept)[0].first == 0);
    CHECK(effectsOf<KeepProcessors>(*kept)[0].second.processors == processors);
  }
}

TEST_CASE("a step that nobody can take is not claimed") {
  CoreWorld world;
  const auto deferred = world.apply(preemption(world.runIn("running"), PreemptStep::kDeferModelCall));
  REQUIRE(deferred);
  CHECK(deferred->facts.empty());
  CHECK(deferred->effects.empty());
}

TEST_CASE("the egress of a run hears at once that it is held, and that it goes on when that is durable") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(GuardGreeted{{run, sandbox::GuardKind::kEgress}, 321, false}));
  const auto told = [](const Decision& decision) {
    std::vector<std::pair<std::uint64_t, bool>> all;
    for (const auto& [after, tell] : effectsOf<TellGuard>(decision))
      all.emplace_back(after, std::get<sandbox::RunHeld>(tell.order).held);
    return all;
  };
  using Told = std::vector<std::pair<std::uint64_t, bool>>;
  CHECK(told(*world.apply(preemption(run, PreemptStep::kFreeze))) == Told{{0, true}});
  const auto resumed = world.apply(preemption(run, PreemptStep::kResume));
  CHECK(told(*resumed) == Told{{resumed->facts[0].seq, false}});
  CHECK(told(*world.apply(FreezeRun{kOwner, run, ""})) == Told{{0, true}});
  CHECK(told(*world.apply(ResumeRun{kOwner, run})).size() == 1);
}

TEST_CASE("calls of a run with an egress are deferred at once, and let go when that is durable") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(GuardGreeted{{run, sandbox::GuardKind::kEgress}, 321, false}));
  const auto deferred = world.apply(preemption(run, PreemptStep::kDeferModelCall));
  REQUIRE(deferred);
  CHECK(kindsOf(*deferred) == Kinds{"run-restrained"});
  REQUIRE(effectsOf<TellGuard>(*deferred).size() == 1);
  CHECK(effectsOf<TellGuard>(*deferred)[0].first == 0);
  CHECK(std::get<sandbox::DeferCalls>(effectsOf<TellGuard>(*deferred)[0].second.order).defer);
  PreemptRun lifted = preemption(run, PreemptStep::kDeferModelCall);
  lifted.cause = PreemptCause::kRelieved;
  const auto relieved = world.apply(lifted);
  CHECK(effectsOf<TellGuard>(*relieved).at(0).first == relieved->facts[0].seq);
  CHECK_FALSE(std::get<sandbox::DeferCalls>(effectsOf<TellGuard>(*relieved)[0].second.order).defer);
}

TEST_CASE("what an egress tells of a hold is a fact of its run, also when that is over, and of no other") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto told = world.apply(HoldTold{run, {.heldMs = 5, .connections = 3, .reset = 1}});
  CHECK(kindsOf(*told) == Kinds{"connections-held"});
  CHECK(std::get<ConnectionsHeld>(told->facts[0].body).report.reset == 1);
  CHECK(kindsOf(*world.apply(HoldTold{world.runIn("ended"), {}})) == Kinds{"connections-held"});
  CHECK(world.apply(HoldTold{RunId{}, {}})->facts.empty());
}

TEST_CASE("after a restart what the governor held is held as it was") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(preemption(run, PreemptStep::kFreeze)));
  sandbox::KeptRun kept;
  kept.run = run;
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  const auto connected = world.apply(LauncherConnected{.pid = 8, .kept = {kept}});
  REQUIRE(connected);
  REQUIRE(effectsOf<FreezeGroup>(*connected).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*connected)[0].second.extent == Extent::kAgent);
  REQUIRE(world.apply(preemption(run, PreemptStep::kResume)));
  CHECK(world.life(run) == "running");
}

TEST_CASE("an alarm and what an interruption cost are facts of their run") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto alarm = world.apply(AlarmFound{run, AlarmKind::kLeak, "it only grows"});
  REQUIRE(alarm);
  CHECK(kindsOf(*alarm) == Kinds{"alarm-raised"});
  CHECK(alarm->facts[0].run == run);
  const auto cost =
      world.apply(InterruptionCost{run, {.heldUsec = 5, .real = InterruptionPrice{.delayUsec = 7, .why = ""}}});
  REQUIRE(cost);
  CHECK(kindsOf(*cost) == Kinds{"interruption-measured"});
}

namespace {

RunId runWith(CoreWorld& world, RunBounds bounds) {
  const RunId run = runId(900);
  AdmitRun admit = admission(run);
  admit.terms.bounds = std::move(bounds);
  REQUIRE(world.apply(admit));
  REQUIRE(world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 100}}));
  REQUIRE(world.apply(LauncherSaid{sandbox::Started{run, 101}}));
  return run;
}

std::string noteAfterOutOfMemory(RunBounds bounds, std::optional<std::uint64_t> peak) {
  CoreWorld world;
  sandbox::Ended end{.run = runWith(world, std::move(bounds)), .exit = {.code = {}, .signal = 9}, .outOfMemory = true};
  end.usage.memoryPeakBytes = peak;
  const auto ended = world.apply(LauncherSaid{end});
  REQUIRE(ended);
  return std::get<RunEnded>(ended->facts[0].body).note;
}

}  // namespace

TEST_CASE("an alarm holds its run where the policy says so, until a person lets it go on") {
  CoreWorld world;
  const RunId run = runWith(world, {.holdOnAlarm = true, .origins = {{{"on_alarm", "/p.toml:7"}}}});
  const auto alarm = world.apply(AlarmFound{run, AlarmKind::kSpin, "it has kept 1 processor busy"});
  REQUIRE(alarm);
  CHECK(kindsOf(*alarm) == Kinds{"alarm-raised", "run-frozen"});
  CHECK(std::get<RunFrozen>(alarm->facts[1].body).reason == "alarm (spin): it has kept 1 processor busy");
  REQUIRE(effectsOf<FreezeGroup>(*alarm).size() == 1);
  CHECK(effectsOf<FreezeGroup>(*alarm)[0].first == 0);
  CHECK(effectsOf<FreezeGroup>(*alarm)[0].second.extent == Extent::kAgent);
  REQUIRE(effectsOf<TellAgent>(*alarm).size() == 1);
  CHECK(effectsOf<TellAgent>(*alarm)[0].second.place == "/p.toml:7");
  CHECK(world.apply(preemption(run, PreemptStep::kResume))->facts.empty());
  CHECK(world.life(run) == "frozen");
  CHECK(kindsOf(*world.apply(AlarmFound{run, AlarmKind::kLeak, "it grows"})) == Kinds{"alarm-raised"});
  CHECK(world.run(run).alarms.size() == 2);
  REQUIRE(world.apply(ResumeRun{kOwner, run}));
  CHECK(world.life(run) == "running");
}

TEST_CASE("an alarm is recorded and holds nobody whose file lock somebody outside waits for") {
  CoreWorld world;
  const RunId run = runWith(world, {.holdOnAlarm = true});
  const auto alarm = world.apply(AlarmFound{run, AlarmKind::kLeak, "it grows", false});
  REQUIRE(alarm);
  CHECK(kindsOf(*alarm) == Kinds{"alarm-raised"});
  CHECK(world.life(run) == "running");
}

TEST_CASE("a limit at which the kernel held a run is a fact of it, told to its agent; of each the last is kept") {
  CoreWorld world;
  const RunId run = runWith(world, {.origins = {{{"pids", "/p.toml:4"}}}});
  const auto found = world.apply(LimitFound{run, "pids", "3 were refused", "run fewer"});
  REQUIRE(found);
  CHECK(kindsOf(*found) == Kinds{"limit-reached"});
  REQUIRE(effectsOf<TellAgent>(*found).size() == 1);
  CHECK(effectsOf<TellAgent>(*found)[0].second.place == "/p.toml:4");
  REQUIRE(world.apply(LimitFound{run, "cpu", "it wanted more", "run fewer"}));
  REQUIRE(world.apply(LimitFound{run, "pids", "9 were refused", "run fewer"}));
  REQUIRE(world.run(run).limits.size() == 2);
  CHECK(world.run(run).limits.back().limit.reason == "9 were refused");
  CHECK(world.apply(LimitFound{runId(901), "pids", "", ""})->facts.empty());
}

TEST_CASE("writing that is let up again is as its policy says, and never more") {
  CoreWorld world;
  const RunId run = runWith(world, {.fileWriteBytesPerSec = 1000});
  PreemptRun writes = preemption(run, PreemptStep::kLimitWrites);
  const auto set = [&](std::optional<std::uint64_t> bytes) {
    writes.bytes = bytes;
    return effectsOf<LimitWrites>(*world.apply(writes)).at(0).second.bytesPerSec;
  };
  CHECK(set(10) == 10);
  CHECK(set(5000) == 1000);
  CHECK(set(std::nullopt) == 1000);
}

TEST_CASE("what a held agent is to know is told once it is held, of a limit alone") {
  CoreWorld world;
  const RunId run = runWith(world, {.wallTimeSec = 1, .origins = {{{"wall_time", "/p.toml:3"}}}});
  PreemptRun over = preemption(run, PreemptStep::kFreeze);
  over.limit = "wall_time";
  over.tellAgent = "The time is over.";
  const auto held = world.apply(over);
  REQUIRE(held);
  REQUIRE(held->effects.size() >= 2);
  CHECK(std::holds_alternative<FreezeGroup>(held->effects[0].body));  // Else it could end on reading that it is paused.
  const auto* told = std::get_if<TellAgent>(&held->effects[1].body);
  REQUIRE(told != nullptr);
  CHECK(held->effects[1].afterSeq == 0);
  CHECK(told->place == "/p.toml:3");
  CHECK(told->say == "The time is over.");
  REQUIRE(world.apply(preemption(run, PreemptStep::kResume)));
  CHECK(effectsOf<TellAgent>(*world.apply(preemption(run, PreemptStep::kFreeze))).empty());
}

TEST_CASE("an end for memory says which memory it was, in words that an agent can act on") {
  const RunBounds bounded{.memoryHardBytes = mebibytes(2048).count};
  CHECK(noteAfterOutOfMemory(bounded, mebibytes(2050).count) ==
        "out of memory: peak 2.0 GiB of 2.0 GiB; run fewer tests at once");
  CHECK(noteAfterOutOfMemory(bounded, mebibytes(1900).count) ==
        "out of memory: peak 1.9 GiB of 2.0 GiB; run fewer tests at once");
  CHECK(noteAfterOutOfMemory(bounded, mebibytes(512).count) ==
        "out of memory: the machine had none left when it used 512.0 MiB at most");
  CHECK(noteAfterOutOfMemory({}, mebibytes(512).count) ==
        "out of memory: the machine had none left when it used 512.0 MiB at most");
  CHECK(noteAfterOutOfMemory(bounded, std::nullopt) == "out of memory");
}

TEST_CASE("who holds a run is known: the governor, a person, a restart, its questions; and no more when it goes on") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(preemption(run, PreemptStep::kFreeze)));
  const auto* held = std::get_if<Frozen>(&world.run(run).life);
  REQUIRE(held != nullptr);
  CHECK(held->reason == "memory would have run out in 180 ms");
  REQUIRE(world.apply(FreezeRun{kOwner, run, "lunch"}));
  held = std::get_if<Frozen>(&world.run(run).life);
  CHECK(held->reason == "lunch");
  CHECK_FALSE(held->preemption);
  CHECK_FALSE(held->itself);
  sandbox::KeptRun kept;
  kept.run = world.runIn("running");
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  REQUIRE(world.apply(LauncherConnected{.pid = 8, .kept = {kept}, .frozenGroups = {{kept.run}}}));
  held = std::get_if<Frozen>(&world.run(kept.run).life);
  REQUIRE(held != nullptr);
  CHECK(held->itself == SelfHeld::kRestart);
  REQUIRE(world.apply(ResumeRun{kOwner, kept.run}));
  CHECK(world.life(kept.run) == "running");
}

TEST_CASE("of many alarms of a live run the last are shown, and none of one that has ended") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  for (int i = 0; i < 9; ++i) REQUIRE(world.apply(AlarmFound{run, AlarmKind::kLeak, std::to_string(i)}));
  REQUIRE(world.run(run).alarms.size() == kMaxAlarmsKept);
  CHECK(world.run(run).alarms.back().alarm.reason == "8");
  REQUIRE(world.apply(LauncherSaid{sandbox::Ended{.run = run}}));
  CHECK(world.run(run).alarms.empty());
}

}  // namespace ringfence::supervisor::test
