// What the daemon does with requests, launches, failures of its log and clients that go.
#include <csignal>

#include "supervisor/doctor.h"
#include "tests/supervisor/daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

TEST_CASE("a run is built while its record is written, released when it is durable, and its end is told") {
  World world;
  Peering client(world, 1000);
  client.run();
  const auto* launched = world.launcher.last<sandbox::Launch>();
  REQUIRE(launched != nullptr);
  CHECK(world.launcher.sentFds.back() == 5);
  const RunId run = launched->plan.run;
  world.store.failing = true;  // not durable yet
  world.daemon->launcherNews({sandbox::LauncherEvent(sandbox::Built{run, {}, {}, 0, 100})});
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
  world.store.failing = false;
  world.daemon->storeReady();
  REQUIRE(world.launcher.last<sandbox::Release>() != nullptr);
  world.launcherSays(sandbox::Started{run, 101});
  CHECK(client.read().value().run_accepted().name() == "coder");
  world.launcherSays(sandbox::Ended{run, {.code = 7, .signal = {}}, false, {}});
  CHECK_FALSE(client.read());  // Something of it may still be there.
  world.launcherSays(sandbox::Removed{run});
  const auto end = client.read();
  CHECK(end.value().run_event().ended().code() == 7);
  CHECK(end->last());
  CHECK(world.launcher.last<sandbox::Forget>()->run == run);
}

TEST_CASE("a run whose end is ordered while its admission is on the way to the disk is not released") {
  World world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.makeGroups(run);
  CHECK_FALSE(Peering(world, 1000).act(kill));
  world.daemon->storeReady();
  CHECK(world.launcher.last<sandbox::Abandon>()->run == run);
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
}

TEST_CASE("a launch that fails names its wall to whoever asked") {
  World world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.launcherSays(sandbox::LaunchFailed{run, "landlock", "the layer is not there", 0, 125});
  const auto answer = client.read();
  CHECK(answer.value().error().token() == "landlock");
  CHECK(answer->error().exit_code() == 125);
}

TEST_CASE("when the log cannot be written, launches are refused by name, and freeze and kill work at once") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.store.failing = true;
  world.daemon->storeReady();
  REQUIRE_FALSE(world.said.empty());
  Peering other(world, 1000);
  other.run();
  const auto refused = other.read();
  CHECK(refused.value().error().token() == "log");
  CHECK(refused->error().message().find("no space left") != std::string::npos);
  CHECK(other.act(freeze).value().has_done());
  CHECK(world.group(run, "agent/cgroup.freeze") == "1");
  CHECK(other.act(kill).value().has_done());
  CHECK(world.group(run, "cgroup.kill") == "1");
  // It is tried again, and what happened meanwhile is recorded when there is room.
  world.clock.advance(std::chrono::seconds(2));
  world.daemon->wake();
  CHECK(world.store.retries == 1);
  world.store.failing = false;
  world.daemon->storeReady();
  world.daemon->storeReady();  // What it says of that is recorded as well.
  CHECK(world.daemon->everythingDurable());
}

TEST_CASE("who freezes, resumes, stops or kills hears of it when the log has who it was") {
  World world;
  Peering client(world, 1000), other(world, 1000);
  const RunId run = launch(world, client);
  world.makeGroups(run);
  v1::ClientPacket freeze, resume, stop, kill;
  freeze.mutable_freeze()->set_run(run.text());
  resume.mutable_resume()->set_run(run.text());
  stop.mutable_stop()->set_run(run.text());
  kill.mutable_kill()->set_run(run.text());
  for (const v1::ClientPacket& packet : {freeze, resume, stop, kill}) {
    CHECK_FALSE(other.ask(packet));
    // What holds and ends has happened all the same.
    if (packet.has_freeze()) CHECK(world.group(run, "agent/cgroup.freeze") == "1");
    if (packet.has_kill()) CHECK(world.group(run, "cgroup.kill") == "1");
    world.daemon->storeReady();
    const auto done = other.read();
    REQUIRE(done.value().has_done());
    CHECK(done->done().runs(0) == run.text());
  }
}

TEST_CASE(
    "a disk that does not answer keeps a freeze and a kill from being told for a second, a resume for as long as it "
    "takes") {
  World world;
  Peering client(world, 1000), freezer(world, 1000), resumer(world, 1000), killer(world, 1000);
  const RunId run = launch(world, client);
  world.makeGroups(run);
  CHECK_FALSE(freezer.act(freeze));
  CHECK_FALSE(resumer.act([](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); }));
  CHECK_FALSE(killer.act(kill));
  world.clock.advance(kRecordPatience - Milliseconds(1));
  world.daemon->wake();
  CHECK_FALSE(freezer.read());
  REQUIRE(world.daemon->nextWake());
  CHECK(*world.daemon->nextWake() <= world.clock.now().boottime + Milliseconds(1));
  world.clock.advance(Milliseconds(1));
  world.daemon->wake();
  CHECK(freezer.read().value().has_done());
  CHECK(killer.read().value().has_done());
  CHECK_FALSE(resumer.read());
  world.daemon->storeReady();
  CHECK(resumer.read().value().has_done());
  CHECK_FALSE(freezer.read());
}

TEST_CASE("a launch that waits for a log that fails is given up and never starts later") {
  World world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.makeGroups(run);
  world.store.failing = true;
  world.daemon->storeReady();
  CHECK(client.read().value().error().token() == "log");
  CHECK(world.launcher.last<sandbox::Abandon>()->run == run);
  world.daemon->launcherNews({sandbox::LauncherEvent(sandbox::Built{run, {}, {}, 0, 100})});
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
}

TEST_CASE("a run of another user does not exist, and cannot be told from one that does not") {
  World world;
  Peering owner(world, 1000);
  (void)launch(world, owner);
  Peering stranger(world, 1001);
  CHECK(stranger.act(show).value().error().code() == "not-found");
  CHECK(stranger.act(kill).value().error().code() == "not-found");
  v1::ClientPacket list;
  list.mutable_list()->set_all(true);
  CHECK(stranger.ask(list).value().list().runs_size() == 0);
  CHECK(owner.ask(list).value().list().runs_size() == 1);
}

TEST_CASE("a client that dies without a terminal takes its run along: hang up, then kill") {
  World world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  client.socket.reset();
  world.daemon->clientReady(client.id, true, false);
  for (const ClientId id : world.daemon->finished()) world.daemon->remove(id);
  const auto* signal = world.launcher.last<sandbox::SignalRun>();
  REQUIRE(signal != nullptr);
  CHECK(signal->signal == SIGHUP);
  world.clock.advance(kStopGrace);
  world.daemon->wake();
  CHECK(world.group(run, "cgroup.kill") == "1");
}

TEST_CASE(
    "a policy that is edited counts for the next run; a broken edit leaves the last good one in force and says so") {
  World world;
  world.dir.write("policies/coding.toml", std::string(kPolicy) + "[limits]\npids = 33\n");
  Peering client(world, 1000);
  client.run();
  REQUIRE(world.launcher.last<sandbox::Launch>() != nullptr);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.limits.pids == 33);
  CHECK(world.said.empty());

  world.dir.write("policies/coding.toml", "schema = 1\nname = \"coding\"\nworkspce = 3\n");
  Peering other(world, 1000);
  const RunId run = launch(world, other);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.run == run);
  CHECK(world.launcher.last<sandbox::Launch>()->plan.limits.pids == 33);
  REQUIRE(world.said.size() == 1);
  CHECK(world.said[0].find("coding.toml:3:1: unknown key") != std::string::npos);
  CHECK(world.said[0].find("last good version stays in force") != std::string::npos);
}

TEST_CASE("a policy that never loaded refuses the launch with its diagnostics and exit status 6") {
  World world;
  world.dir.write("policies/other.toml", "schema = 1\nname = \"other\"\nworkspce = 3\n");
  Peering client(world, 1000);
  client.run("other");
  const auto answer = client.read();
  CHECK(answer.value().error().exit_code() == 6);
  CHECK(answer->error().message().find("workspce") != std::string::npos);
}

TEST_CASE("a workspace descriptor that is not the claimed path is refused") {
  World world;
  Peering client(world, 1000);
  client.workspace.reset(::open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC));
  v1::ClientPacket packet;
  v1::RunRequest& request = *packet.mutable_run();
  request.set_workspace(world.dir.makeDirectory("project"));
  request.add_argv("/usr/bin/true");
  request.set_stdio(v1::STDIO_CAPTURED);
  client.write(packet, {client.workspace.get()});
  CHECK(client.read().value().error().token() == "workspace");
  CHECK(world.launcher.last<sandbox::Launch>() == nullptr);
}

TEST_CASE("a prepared slot gives its id to the next run of its class, and one that was lost does not") {
  World world;
  REQUIRE(world.launcher.last<sandbox::Prepare>() != nullptr);
  const RunId slot = world.launcher.last<sandbox::Prepare>()->run;
  Peering client(world, 1000);
  SECTION("prepared") {
    world.launcherSays(sandbox::Prepared{slot});
    client.run();
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run == slot);
  }
  SECTION("lost") {
    world.launcherSays(sandbox::Prepared{slot});
    world.daemon->launcherNews({LinkDown{"it died"}});
    world.daemon->launcherNews({LinkUp{78, {}}});
    client.run();
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run != slot);
  }
}

TEST_CASE("a slot that was told of a workspace is used for that launch or for none") {
  World world;
  world.dir.write("policies/other.toml", "schema = 1\nname = \"other\"\nworkspce = 3\n");
  Peering first(world, 1000);
  (void)launch(world, first);
  CHECK(world.launcher.last<sandbox::Foretell>() == nullptr);  // Nobody knew of which class it would be.
  world.clock.advance(std::chrono::seconds(1));
  world.daemon->wake();
  const RunId slot = world.launcher.last<sandbox::Prepare>()->run;
  world.launcherSays(sandbox::Prepared{slot});
  Peering second(world, 1000);
  SECTION("launched") {
    second.run();
    REQUIRE(world.launcher.last<sandbox::Foretell>() != nullptr);
    CHECK(world.launcher.last<sandbox::Foretell>()->run == slot);
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run == slot);
    CHECK(world.launcher.last<sandbox::Abandon>() == nullptr);
  }
  SECTION("refused") {
    second.run("other");
    CHECK(world.launcher.last<sandbox::Foretell>()->run == slot);
    REQUIRE(world.launcher.last<sandbox::Abandon>() != nullptr);
    CHECK(world.launcher.last<sandbox::Abandon>()->run == slot);
    Peering third(world, 1001);
    third.run();
    CHECK(world.launcher.last<sandbox::Launch>()->plan.run != slot);
    const auto saidBefore = world.said;
    world.launcherSays(sandbox::LaunchFailed{.run = slot, .token = "abandoned"});
    CHECK(world.said == saidBefore);
  }
}

TEST_CASE("an own uid is one that no live run has, reused as late as possible") {
  State state;
  const UidRange range{700000, 700002};
  CHECK(unusedUid(range, state) == 700000);
  for (std::uint32_t i = 0; i < 3; ++i) {
    Run run;
    run.id = RunId::random();
    run.admittedSeq = i + 1;
    run.what.uid = 700000 + i;
    state.runs[run.id] = run;
  }
  CHECK_FALSE(unusedUid(range, state).has_value());
  for (auto& [id, run] : state.runs) run.life = EndedState{};
  CHECK(unusedUid(range, state) == 700000);
}

TEST_CASE("runs are charged to different ids of the range") {
  const UidRange range{700000, 765535};
  std::set<std::uint32_t> ids;
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t id = accountUid(range, RunId::random());
    CHECK((id >= range.first && id <= range.last));
    ids.insert(id);
  }
  CHECK(ids.size() > 40);
  CHECK(accountUid({7, 7}, RunId::random()) == 7);
}

TEST_CASE("an egress gets an id that no live run has or is charged for") {
  State state;
  const UidRange range{700000, 700004};
  Run other;
  other.id = RunId::random();
  other.what.uid = 700001;
  state.runs[other.id] = other;
  for (int i = 0; i < 50; ++i) {
    const RunId run = RunId::random();
    const auto uid = egressUid(range, state, run, 700002);
    REQUIRE(uid.has_value());
    CHECK((*uid >= range.first && *uid <= range.last));
    CHECK(std::set<std::uint32_t>{700001, 700002, accountUid(range, other.id), accountUid(range, run)}.count(*uid) ==
          0);
  }
  CHECK_FALSE(egressUid({700001, 700002}, state, RunId::random(), 700002).has_value());
}

TEST_CASE("the private home of any policy name is one plain path component") {
  CHECK(homeDirectoryName("coding") == "coding");
  for (const char* name : {"", ".", "..", "a/b", "../../etc", "Ümlaut", "CODING"}) {
    const std::string directory = homeDirectoryName(name);
    CHECK(directory.find('/') == std::string::npos);
    CHECK(directory.starts_with("HASH-"));
  }
}

TEST_CASE("the configuration file sets what the command line may override, and names a wrong line") {
  Config config =
      applyConfigText({}, "f",
                      "# ours\nrun_dir = \"/r\"\npolicy_dirs = [\"/a\", \"/b\"]\nkill_on_exit = true # always\n"
                      "pause_below_battery = \"15%\"\npause_when_hot = true\nquiet_hours = "
                      "\"22:00-07:30\"\ndead_man_after = \"2m\"\nreserve_processors = \"2\"\n")
          .value();
  CHECK(config.runDir == "/r");
  CHECK(config.policyDirs == std::vector<std::string>{"/a", "/b"});
  CHECK(config.onExit == OnExit::kKillRuns);
  CHECK(config.governor.pauseBelowBatteryPercent == 15);
  CHECK(config.governor.pauseWhenHot);
  CHECK(config.governor.quietHours == governor::QuietHours{.from = 22 * 60, .to = 7 * 60 + 30});
  CHECK(config.governor.reserveProcessors == 2);
  CHECK(Config().governor.reserveProcessors == 0);
  CHECK(config.deadManAfter == std::chrono::seconds(120));
  CHECK(!applyConfigText(config, "f", "").value().stopKeys);
  CHECK(applyConfigText(config, "f", "stop_keys = []").value().stopKeys->empty());
  CHECK(applyConfigText(config, "f", "stop_keys = [\"hold ctrl+f9 1s\", \"button 046d:c31c f13\"]").value().stopKeys ==
        std::vector<std::string>{"hold ctrl+f9 1s", "button 046d:c31c f13"});
  CHECK(applyConfigText(config, "f", "dead_man_after = \"off\"").value().deadManAfter == std::chrono::seconds(0));
  CHECK(Config().deadManAfter == std::chrono::seconds(10));
  CHECK_FALSE(Config().governor.pauseBelowBatteryPercent);
  CHECK_FALSE(Config().governor.pauseWhenHot);
  CHECK_FALSE(Config().governor.quietHours);
  for (const char* text : {"\npause_below_battery = \"15\"",
                           "\npause_below_battery = \"0%\"",
                           "\npause_below_battery = \"101%\"",
                           "\nquiet_hours = \"22-7\"",
                           "\nquiet_hours = \"24:00-07:00\"",
                           "\nquiet_hours = \"07:00-07:00\"",
                           "\nquiet_hours = \"2:000-07:00\"",
                           "\nreserve_processors = \"-1\"",
                           "\nreserve_processors = \"one\"",
                           "\nreserve_processors = \"1025\"",
                           "\npause_when_hot = \"yes\"",
                           "\nrundir = \"/r\"",
                           "\nrun_dir = /r",
                           "\nrun_dir = \"r\"",
                           "\nuid_range = \"0-5\"",
                           "\nkill_on_exit = \"yes\"",
                           "\ncgroup_root = \"a/b\"",
                           "\ndead_man_after = \"1s\"",
                           "\nstop_keys = \"off\"",
                           "\ndead_man_after = \"10\"",
                           "\ndead_man_after = true",
                           "\ndead_man_after = \"61m\"",
                           "\ndead_man_after = \"100000000m\""}) {
    auto wrong = applyConfigText({}, "f", text);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.starts_with("f:2: "));
  }
}

TEST_CASE("the doctor says which keyboards and buttons stop everything, and which of them are missing") {
  const auto said = [](const std::string& keys) {
    return stopKeysCheck(StopFindings{{.expected = true, .there = true, .keys = keys}, ""}, std::nullopt);
  };
  const auto watching = [&](const std::string& triggers, const std::string& devices) {
    return said(R"({"state":"watching","problem":null,"triggers":[)" + triggers + R"(],"devices":[)" + devices + "]}");
  };
  const std::string hold = R"({"spec":"hold ctrl+alt+end 500ms","state":"watched"})";
  const std::string keyboard = R"({"device":"event3","id":"0001:0001"})";
  const Check good = watching(hold, keyboard + "," + keyboard);
  CHECK((good.ok && !good.warns));
  CHECK(good.detail == "2 keyboards are watched: hold ctrl+alt+end 500ms");

  const Check unplugged =
      watching(hold + R"(,{"spec":"button 046d:c31c f13","state":"bound button unplugged"})", keyboard);
  CHECK((unplugged.ok && unplugged.warns));
  CHECK(unplugged.detail == "1 keyboard is watched: hold ctrl+alt+end 500ms; button unplugged: button 046d:c31c f13");

  const Check none = watching(R"({"spec":"hold ctrl+alt+end 500ms","state":"no keyboard found"})", "");
  CHECK((none.ok && !none.warns));
  CHECK(none.detail == "no keyboard is watched: none is there");

  const Check wrong = watching(hold + R"(,{"spec":"hold hope 1s","state":"not understood"})", keyboard);
  CHECK_FALSE(wrong.ok);
  CHECK(wrong.detail.find("not understood: hold hope 1s") != std::string::npos);

  const Check failed = said(R"({"state":"failed","problem":"the key watcher was ended by signal 31","triggers":[]})");
  CHECK_FALSE(failed.ok);
  CHECK(failed.detail == "not watched: the key watcher was ended by signal 31");

  CHECK(said("null").detail == "none are watched: ringfence-stop was started with --keys off");
  CHECK(said("null").ok);
  const auto off = [](const std::vector<std::string>& wanted) {
    return stopKeysCheck(StopFindings{{.expected = true, .there = true, .keys = "null"}, ""}, wanted);
  };
  CHECK(off({}).detail.starts_with("none are watched: stop_keys = []"));
  CHECK_FALSE(off({"hold ctrl-alt-end 1s"}).ok);
  // Started by the system, it knows nothing of that file.
  for (const auto& [wanted, warns] : {std::pair(std::vector<std::string>{"hold ctrl+alt+end 500ms"}, false),
                                      std::pair(std::vector<std::string>{"press pause x5 within 2s"}, true),
                                      std::pair(std::vector<std::string>{}, true)}) {
    const std::string text = R"({"state":"watching","triggers":[)" + hold + R"(],"devices":[)" + keyboard + "]}";
    const Check other = stopKeysCheck(StopFindings{{.expected = true, .there = true, .keys = text}, ""}, wanted);
    CHECK((other.ok && other.warns == warns));
    CHECK((other.detail.find("stop_keys says otherwise") != std::string::npos) == warns);
  }
  for (const Check& unknown : {said(""), said("[]"), stopKeysCheck(std::nullopt, {}),
                               stopKeysCheck(StopFindings{{.expected = true}, ""}, {})}) {
    CHECK(unknown.ok);
    CHECK(unknown.detail.starts_with("unknown"));
  }
}

TEST_CASE("the doctor's judgement names what is missing, and says nothing of what was not asked") {
  Findings findings;
  findings.features = goodKernel();
  findings.capabilities = ~std::uint64_t{0};
  findings.launcherFound = findings.stopProgramFound = true;
  findings.policies = 5;
  for (const Check& check : judge(findings)) {
    INFO(check.name << ": " << check.detail);
    CHECK(check.ok);
    CHECK(check.name != "log");
  }
  findings.features.landlockAbi = 0;
  findings.capabilities &= ~(std::uint64_t{1} << 21);
  findings.logTrouble = "no space";
  std::set<std::string> failed;
  for (const Check& check : judge(findings)) {
    if (!check.ok) failed.insert(check.name);
  }
  CHECK(failed == std::set<std::string>{"wall landlock", "capabilities", "log"});
  const auto stopCheck = [&] {
    for (const Check& check : judge(findings)) {
      if (check.name == "emergency stop") return check;
    }
    return Check{};
  };
  CHECK(stopCheck().ok);
  findings.stop = StopFindings{{.expected = true, .there = true, .realtime = false}, "latched since noon"};
  CHECK(stopCheck().ok);
  CHECK(stopCheck().detail.find("real-time") != std::string::npos);
  CHECK(stopCheck().detail.find("latched since noon") != std::string::npos);
  findings.stop = StopFindings{{.expected = true, .awayFor = std::chrono::seconds(7), .why = "it is gone"}, ""};
  CHECK_FALSE(stopCheck().ok);
  CHECK(stopCheck().detail.find("it is gone") != std::string::npos);
  findings.stop.reset();
  findings.stopProgramFound = false;
  CHECK_FALSE(stopCheck().ok);
  findings.stopProgramFound = true;
  findings.placement = sandbox::CgroupTree::Placement::kUnprotected;
  findings.pauseBelowBatteryPercent = 20;
  findings.pauseWhenHot = findings.tellsHeat = true;
  findings.reserveProcessors = 1;
  const auto power = [&] {
    std::map<std::string, bool> found;
    for (const Check& check : judge(findings)) {
      if (check.name == "battery" || check.name == "heat" || check.name == "placement" || check.name == "reserve")
        found[check.name] = check.ok;
    }
    return found;
  };
  findings.features.controllers.erase("cpuset");
  CHECK(power() ==
        std::map<std::string, bool>{{"battery", false}, {"heat", true}, {"placement", false}, {"reserve", false}});
  findings.features.controllers["cpuset"] = {1, "/sys/fs/cgroup/cpuset"};
  CHECK(power()["reserve"]);
  findings.processors = 1;
  CHECK_FALSE(power()["reserve"]);
  findings.reserveProcessors = 0;
  CHECK_FALSE(power().contains("reserve"));
  findings.placement = sandbox::CgroupTree::Placement::kIdle;
  const auto saysThatItChooses = [&] {
    return std::ranges::any_of(judge(findings), [](const Check& check) {
      return check.name == "placement" && check.ok && check.detail.find("choose anew") != std::string::npos;
    });
  };
  CHECK_FALSE(saysThatItChooses());
  findings.reschedules = true;
  CHECK(saysThatItChooses());
}
