// The daemon and an emergency stop: what it makes of what ringfence-stop says, and what it asks of it.
#include "supervisor/emergency.h"

#include "supervisor/heartbeat.h"
#include "supervisor/stop_link.h"
#include "tests/supervisor/daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

// A ringfence-stop that does what it is told.
struct StopWorld : World {
  std::vector<std::string> asked;
  std::optional<EmergencyStopped> latch;  // on the disk
  bool away = false;

  StopWorld() {
    stop = StopProgram{[this]() -> Result<void> {
                         if (away) return Error{ErrorCode::kUnavailable, "ringfence-stop is not there"};
                         asked.emplace_back("release");
                         return {};
                       },
                       [this](const std::string& words) -> Result<void> {
                         asked.push_back("stop " + words);
                         return {};
                       },
                       [this] { return latch; }};
    begin(State{}, {});
  }
  void begin(State state, std::vector<sandbox::KeptRun> kept) {
    start(std::move(state), std::move(kept));
    tell(StopUp{.latched = latch.has_value(), .trigger = latch ? latch->trigger : ""});
  }
  void tell(StopNews news) {
    daemon->stopNews({std::move(news)});
    daemon->storeReady();
  }
  void press(const std::string& trigger = "keyboard") {
    latch = EmergencyStopped{.trigger = trigger, .uid = 1000, .runs = 1, .processes = 2, .verified = true};
    tell(StopTold{*latch});
  }
  void release() {
    latch.reset();
    tell(StopReleased{});
  }
  void pass(Milliseconds time) {
    clock.advance(time);
    daemon->wake();
    daemon->storeReady();
  }
};

void rearm(v1::ClientPacket& packet) { (void)packet.mutable_rearm(); }
void list(v1::ClientPacket& packet) { packet.mutable_list()->set_all(true); }
void resume(v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); }

}  // namespace

TEST_CASE("a stop that is heard of holds every run in the state and in the kernel, and every list says so") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.press();
  CHECK(world.group(run, "cgroup.freeze") == "1");
  (void)client.read();  // Whoever is attached is told.
  const auto shown = client.act(show).value().details();
  CHECK(shown.state() == "frozen");
  CHECK(shown.held().by() == "emergency stop");
  CHECK(shown.held().reason() == "emergency stop: keyboard");
  const auto listed = client.act(list).value().list();
  CHECK(listed.stop().latched());
  CHECK(listed.stop().trigger() == "keyboard");
  CHECK(listed.stop().alarm().empty());
}

TEST_CASE("a run that is asked for while it is latched is refused with status 7, and a dry run is shown") {
  StopWorld world;
  world.press();
  Peering client(world, 1000);
  client.run();
  const auto refused = client.read();
  CHECK(refused.value().error().exit_code() == 7);
  CHECK(refused->error().token() == "latched");
  CHECK(refused->error().message().find("ringfence rearm") != std::string::npos);
  CHECK(world.launcher.last<sandbox::Launch>() == nullptr);
}

TEST_CASE("a launch that the stop meets is refused with status 7 when it is gone") {
  StopWorld world;
  Peering client(world, 1000);
  client.run();
  const RunId run = world.launcher.last<sandbox::Launch>()->plan.run;
  world.press();
  REQUIRE(world.launcher.last<sandbox::Abandon>() != nullptr);
  CHECK(world.launcher.last<sandbox::Release>() == nullptr);
  world.launcherSays(sandbox::LaunchFailed{run, "abandoned", "", 0, 125});
  const auto refused = client.read();
  CHECK(refused.value().error().exit_code() == 7);
  CHECK(refused->error().token() == "latched");
}

TEST_CASE("resume is refused with status 7 while it is latched, for one run and for all") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.press();
  (void)client.read();
  for (const bool all : {false, true}) {
    v1::ClientPacket packet;
    if (all)
      packet.mutable_resume()->set_all(true);
    else
      packet.mutable_resume()->set_run("coder");
    const auto refused = client.ask(packet);
    CHECK(refused.value().error().exit_code() == 7);
    CHECK(refused->error().token() == "latched");
  }
  CHECK(world.group(run, "cgroup.freeze") == "1");
}

TEST_CASE("re-arming is durable, then released, then answered; each run goes on when it is resumed") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.press();
  (void)client.read();
  world.store.failing = true;  // Not durable yet.
  CHECK_FALSE(client.act(rearm));
  CHECK(world.asked.empty());
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(world.asked == std::vector<std::string>{"release"});
  CHECK_FALSE(client.read());
  world.release();
  const auto done = client.read();
  REQUIRE(done.value().has_done());
  CHECK(done->done().runs(0) == run.text());
  CHECK(world.group(run, "cgroup.freeze") == "1");
  CHECK(durably(world, client, resume).value().has_done());
  CHECK(world.group(run, "cgroup.freeze") == "0");
  CHECK_FALSE(client.act(list).value().list().stop().latched());
}

TEST_CASE("a release that fails leaves it latched, and says why; it can be asked for again") {
  StopWorld world;
  Peering admin(world, 0);
  world.press();
  CHECK_FALSE(admin.act(rearm));
  world.daemon->storeReady();
  world.tell(StopRefused{"a stop is being read back"});
  CHECK(admin.read().value().error().message().find("is being read back") != std::string::npos);
  CHECK(admin.act(list).value().list().stop().latched());
  CHECK_FALSE(admin.act(rearm));
  world.daemon->storeReady();
  world.release();
  CHECK(admin.read().value().has_done());
}

TEST_CASE("without ringfence-stop nothing is re-armed, and after two seconds that is an alarm") {
  StopWorld world;
  Peering admin(world, 0);
  world.press();
  world.away = true;
  world.tell(StopDown{"it closed the connection"});
  CHECK(admin.act(list).value().list().stop().alarm().empty());
  world.pass(kStopProgramPatience);
  CHECK(admin.act(list).value().list().stop().alarm().find("it closed the connection") != std::string::npos);
  (void)admin.act(rearm);
  world.daemon->storeReady();
  const auto refused = admin.read();
  CHECK(refused.value().error().message().find("not there") != std::string::npos);
  CHECK(admin.act(list).value().list().stop().latched());
}

TEST_CASE("what is latched on the disk when the daemon begins is latched, whatever its log says") {
  StopWorld world;
  Peering before(world, 1000);
  const RunId run = launch(world, before);
  const State state = world.daemon->state();
  world.latch = EmergencyStopped{.trigger = "dead-man"};
  sandbox::KeptRun kept;
  kept.run = run;
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  world.start(state, {kept});  // ringfence-stop is not there yet.
  Peering client(world, 1000);
  CHECK(client.act(show).value().details().state() == "frozen");
  CHECK(client.act(list).value().list().stop().trigger() == "dead-man");
  CHECK(world.group(run, "cgroup.freeze") == "1");
  client.run();
  CHECK(client.read().value().error().exit_code() == 7);
}

TEST_CASE("a log that is latched closes a latch that was opened without it, and not so soon that it would be a kill") {
  StopWorld world;
  world.press();
  const State state = world.daemon->state();
  world.latch.reset();
  world.begin(state, {});
  REQUIRE(world.daemon->state().latch);
  CHECK(world.asked.empty());
  world.pass(Milliseconds(4000));
  REQUIRE(world.asked.size() == 1);
  CHECK(world.asked[0].starts_with("stop "));
}

TEST_CASE(
    "a restart after the release and before its record leaves it open; one before the release leaves it latched") {
  for (const bool released : {true, false}) {
    CAPTURE(released);
    StopWorld world;
    Peering admin(world, 0);
    world.press();
    (void)admin.act(rearm);
    world.daemon->storeReady();
    const State state = world.daemon->state();
    if (released) world.latch.reset();
    world.begin(state, {});
    CHECK(world.daemon->state().latch.has_value() != released);
  }
}

TEST_CASE("a stop that comes while a release is on its way is closed again") {
  StopWorld world;
  Peering admin(world, 0);
  world.press();
  (void)admin.act(rearm);
  world.daemon->storeReady();
  world.press("pedal");
  const auto refused = admin.read();
  CHECK(refused.value().error().message().find("stopped again") != std::string::npos);
  world.release();
  CHECK(world.daemon->state().latch);
  world.pass(Milliseconds(4000));
  CHECK(world.asked.back().starts_with("stop "));
}

TEST_CASE("a stop that cannot be recorded yet holds all the same, and is recorded later") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  world.store.full = true;
  world.press();
  CHECK(world.group(run, "cgroup.freeze") == "1");
  Peering other(world, 1000);
  other.run();
  CHECK(other.read().value().error().exit_code() == 7);
  CHECK(other.act(resume).value().error().exit_code() == 7);
  world.store.full = false;
  world.pass(Milliseconds(1000));
  CHECK(world.daemon->state().latch);
  (void)client.read();  // Whoever is attached is told now.
  CHECK(client.act(show).value().details().held().by() == "emergency stop");
}

TEST_CASE("a resume that waits for the disk when the stop comes lets nothing go") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  (void)client.act(freeze);
  world.daemon->storeReady();
  world.store.failing = true;
  (void)client.act(resume);  // Decided, and not durable.
  world.press();
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(world.group(run, "cgroup.freeze") == "1");
  CHECK(std::holds_alternative<Frozen>(world.daemon->state().runs.at(run).life));
}

TEST_CASE("what was forked ahead is given up when a stop comes, and nothing is forked ahead while it is latched") {
  StopWorld world;
  const auto* prepare = world.launcher.last<sandbox::Prepare>();
  REQUIRE(prepare != nullptr);
  const RunId slot = prepare->run;
  world.launcherSays(sandbox::Prepared{slot});
  world.press();
  REQUIRE(world.launcher.last<sandbox::Abandon>() != nullptr);
  const std::size_t sent = world.launcher.sent.size();
  world.launcherSays(sandbox::LaunchFailed{slot, "abandoned", "", 0, 125});
  world.pass(Milliseconds(1000));
  CHECK(world.launcher.sent.size() == sent);
  Peering admin(world, 0);
  (void)admin.act(rearm);
  world.daemon->storeReady();
  world.release();
  CHECK(world.launcher.last<sandbox::Prepare>()->run != slot);
}

// ---- who ended the own runs

TEST_CASE("a run that its owner ended ends by them, in the log and for whoever asks; another one is held") {
  StopWorld world;
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  (void)client.read();
  world.tell(StopKilling{{"asked: ringfence estop", 1000, 1000}});
  CHECK(world.group(run, "cgroup.kill") == "1");
  CHECK(client.act(show).value().details().state() == "stopping");
  world.launcherSays(sandbox::Ended{.run = run, .exit = {.code = {}, .signal = 9}, .outOfMemory = false, .usage = {}});
  world.latch = EmergencyStopped{.trigger = "asked: ringfence estop", .uid = 1000, .runs = 1, .processes = 2};
  world.latch->killedOf = {{1000}};
  world.latch->killedRuns = 1;
  world.tell(StopTold{*world.latch});
  REQUIRE(world.daemon->state().latch);
  CHECK(world.daemon->state().latch->owners == std::vector<std::uint32_t>{1000});
  CHECK(std::ranges::any_of(world.said, [](const std::string& line) {
    return line.find("1 of these runs killed by their owners") != std::string::npos;
  }));
}

TEST_CASE("who ended the own runs while the daemon was away is known when it is back, once") {
  StopWorld world;
  Peering before(world, 1000);
  const RunId run = launch(world, before);
  world.press();
  const State state = world.daemon->state();
  REQUIRE(world.latch);
  world.latch->killedOf = {{1000}};
  world.latch->killedRuns = 1;
  sandbox::KeptRun kept;
  kept.run = run;
  kept.state = sandbox::KeptState::kRunning;
  kept.initPid = 100;
  kept.pid = 101;
  SECTION("at its start") {
    world.start(state, {kept});
    world.daemon->storeReady();
  }
  SECTION("when it meets ringfence-stop again") {
    world.tell(StopDown{"it closed the connection"});
    world.tell(StopUp{.latched = true, .trigger = "keyboard"});
  }
  CHECK(world.group(run, "cgroup.kill") == "1");
  const State& now = world.daemon->state();
  CHECK(std::holds_alternative<Stopping>(now.runs.at(run).life));
  CHECK(now.latch->stop.killedOf == std::vector<std::uint32_t>{1000});
  const std::uint64_t seq = now.lastSeq;
  world.tell(StopDown{"it closed the connection"});
  world.tell(StopUp{.latched = true, .trigger = "keyboard"});
  CHECK(world.daemon->state().lastSeq == seq);
}

// ---- whether a person is there

TEST_CASE("whether who asks is logged in is looked at when it matters, and root is not asked") {
  StopWorld world;
  std::vector<std::pair<std::uint32_t, std::optional<std::uint32_t>>> looked;
  Login login = Login::kAbsent;
  world.login = [&](std::uint32_t uid, std::optional<std::uint32_t> owner) {
    looked.emplace_back(uid, owner);
    return login;
  };
  world.begin(State{}, {});
  Peering client(world, 1000), root(world, 0);
  const RunId run = launch(world, client);
  CHECK(durably(world, client, freeze).value().has_done());
  CHECK(looked.empty());
  CHECK(client.act(resume).value().error().exit_code() == 4);
  CHECK(world.group(run, "agent/cgroup.freeze") == "1");
  CHECK(looked == decltype(looked){{1000, std::nullopt}});
  login = Login::kPresent;  // Over the same connection.
  CHECK(durably(world, client, resume).value().has_done());
  CHECK(world.group(run, "cgroup.freeze") == "0");

  world.press();
  (void)client.read();
  login = Login::kAbsent;
  CHECK(client.act(rearm).value().error().exit_code() == 4);
  CHECK(world.asked.empty());
  looked.clear();
  CHECK_FALSE(root.act(rearm));
  world.daemon->storeReady();
  CHECK(world.asked == std::vector<std::string>{"release"});
  CHECK(looked.empty());
}

TEST_CASE("what changes about the keys that are watched is known to the doctor, and is not while nobody tells") {
  StopWorld world;
  const auto keys = [&] {
    Peering client(world, 1000);
    v1::ClientPacket packet;
    (void)packet.mutable_doctor();
    const auto answer = client.ask(packet);
    const std::string text = answer.value().json().text();
    const auto at = text.find("emergency keys: ");
    return at == std::string::npos ? std::string() : text.substr(at, text.find('\n', at) - at);
  };
  CHECK(keys().starts_with("emergency keys: unknown"));
  world.tell(StopUp{.latched = false, .trigger = "", .realtime = {}, .keys = R"({"state":"starting"})"});
  CHECK(keys() == "emergency keys: their watcher is being started");
  world.tell(StopKeys{R"({"state":"watching","triggers":[{"spec":"press pause x3 within 2s","state":"watched"}],)"
                      R"("devices":[{"device":"event0","id":"0001:0001"}]})"});
  CHECK(keys() == "emergency keys: 1 keyboard is watched: press pause x3 within 2s");
  world.tell(StopDown{"it is gone"});
  CHECK(keys().starts_with("emergency keys: unknown"));
}

// ---- what ringfence-stop says

TEST_CASE("what ringfence-stop says is read as far as it says it") {
  const auto told = decodeStopPacket(
      R"({"event":"stopped","at":"2026-11-28T01:00:00Z","by":1000,"trigger":"asked","runs":2,"processes":9,)"
      R"("write_usec":412,"took_usec":61250,"verified":true,"killed":false,"latched":true,"evidence":[]})");
  REQUIRE((told && *told));
  const EmergencyStopped stop = std::get<StopTold>(**told).stop;
  CHECK(stop.trigger == "asked");
  CHECK(stop.uid == 1000);
  CHECK(stop.processes == 9);
  CHECK(stop.tookUsec == 61250);
  CHECK(stop.verified == true);
  CHECK_FALSE(stop.killed);
  const auto keys = decodeStopPacket(R"({"event":"stopped","by":null,"trigger":"keyboard","killed":true})");
  CHECK_FALSE(std::get<StopTold>(**keys).stop.uid);
  CHECK_FALSE(std::get<StopTold>(**keys).stop.runs);
  CHECK(std::get<StopTold>(**keys).stop.killed == true);

  const auto own = decodeStopPacket(
      R"({"event":"stopped","by":1000,"trigger":"asked","killed":false,"killed_runs":2,"killed_of":[1000,1001]})");
  CHECK(std::get<StopTold>(**own).stop.killedOf == std::vector<std::uint32_t>{1000, 1001});
  CHECK(std::get<StopTold>(**own).stop.killedRuns == 2);
  for (const char* nobody : {"[]", "null", "1000", R"(["1000"])", "[-1]", "[4294967296]"}) {
    const auto said = decodeStopPacket(R"({"event":"stopped","trigger":"asked","killed_runs":2,"killed_of":)" +
                                       std::string(nobody) + "}");
    CHECK_FALSE(std::get<StopTold>(**said).stop.killedOf);
    CHECK_FALSE(std::get<StopTold>(**said).stop.killedRuns);
  }
  const auto killing = decodeStopPacket(R"({"event":"killing","by":1000,"trigger":"asked","of":1000})");
  CHECK(std::get<StopKilling>(**killing).kills.of == 1000);
  CHECK(std::get<StopKilling>(**killing).kills.uid == 1000);
  CHECK_FALSE(std::get<StopKilling>(**decodeStopPacket(R"({"event":"killing","by":null,"trigger":"keys"})")).kills.of);
  // It is not known whose: nobody's, never everybody's.
  for (const char* of : {"null", "-1", "4294967296", R"("1000")", "[]"})
    CHECK_FALSE(*decodeStopPacket(R"({"event":"killing","by":1000,"trigger":"asked","of":)" + std::string(of) + "}"));

  const auto status = decodeStopPacket(R"({"event":"status","latched":false,"trigger":null,"realtime":false})");
  CHECK_FALSE(std::get<StopUp>(**status).latched);
  CHECK(std::get<StopUp>(**status).realtime == false);
  CHECK(std::get<StopUp>(**decodeStopPacket(R"({"event":"status"})")).latched);  // In doubt.
  CHECK(std::get<StopUp>(**status).keys.empty());                                // It says nothing of them.
  CHECK(std::get<StopUp>(**decodeStopPacket(R"({"event":"status","keys":null})")).keys == "null");
  CHECK(std::get<StopKeys>(**decodeStopPacket(R"({"event":"keys","keys":{"state":"watching"}})")).keys ==
        R"({"state":"watching"})");
  CHECK(std::holds_alternative<StopReleased>(**decodeStopPacket(R"({"released":true})")));
  CHECK(std::get<StopRefused>(**decodeStopPacket(R"({"error":"no"})")).why == "no");
  CHECK_FALSE(*decodeStopPacket(R"({"latched":true})"));
  for (const char* wrong : {"", "x", "[]", "null", "{\"event\":", "\xff"}) CHECK_FALSE(decodeStopPacket(wrong));
}

// ---- the beat

TEST_CASE("a beat is sent when a token went through every worker, and not before") {
  std::uint64_t first = 0, second = 0, sentFirst = 0, sentSecond = 0;
  Heartbeat heartbeat({{[&](std::uint64_t token) { sentFirst = token; }, [&] { return first; }},
                       {[&](std::uint64_t token) { sentSecond = token; }, [&] { return second; }}},
                      Milliseconds(1000));
  const auto at = [](int ms) { return Microseconds(Milliseconds(ms)); };
  CHECK(heartbeat.isDue(at(0)));
  CHECK(sentFirst == 1);
  CHECK(sentSecond == 1);
  first = sentFirst;
  second = sentSecond;
  CHECK_FALSE(heartbeat.isDue(at(999)));
  CHECK(heartbeat.isDue(at(1000)));
  first = sentFirst;  // The other one hangs.
  CHECK_FALSE(heartbeat.isDue(at(2000)));
  CHECK_FALSE(heartbeat.isDue(at(9000)));
  CHECK(heartbeat.nextWake() > at(9000));
  second = sentSecond;
  CHECK(heartbeat.isDue(at(9500)));
}
