// The program ringfence-stop, over its socket.
#include <sched.h>

#include <filesystem>
#include <fstream>

#include "supervisor/stop/keys/wanted_keys.h"
#include "supervisor/stop/peers.h"
#include "tests/supervisor/stop/stop_program.h"

using namespace ringfence;
using namespace ringfence::test;

TEST_CASE("anybody may stop, and is told of the own runs alone, of the others how many") {
  StopWorld world;
  const RunId own = world.addRun(), other = world.addRun();
  const SharedCounter ready;
  world.add(own, [&] { becomeUser(kSomebody, ready); });
  for (int i = 0; i < 2; ++i) world.add(other, [&] { becomeUser(kOther, ready); });
  REQUIRE(eventually([&] { return ready.value() == 3; }));
  StopProgram program(world);
  const std::string answer = program.askAs(kSomebody, {}, "stop the printer burns");
  INFO(answer);
  CHECK(has(answer, R"("by":54321,"trigger":"asked: the printer burns","runs":2,"processes":3,)"));
  CHECK(has(answer, R"("verified":true,"killed":false,"latched":true)"));
  CHECK(has(answer, R"("evidence":[{"run":")" + own.text() + R"(","frozen":1,"held":0,"finishing":0}])"));
  CHECK_FALSE(has(answer, other.text()));
  CHECK(has(program.ask("stop"), other.text()));
  CHECK(world.isToldToFreeze({}));
  CHECK(readLatch(world.state.path()).stop.uid == kSomebody);
}

TEST_CASE("who is no administrator and has no run here kills nothing: it is a stop, and the answer says so") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 2);
  StopProgram program(world);
  const std::string answer = program.askAs(kSomebody, {}, "kill");
  INFO(answer);
  CHECK(has(answer, R"("kill_refused":"killing runs of others needs an administrator)"));
  CHECK(has(answer, R"("killed":false)"));
  CHECK(has(answer, R"("killed_runs":0,"killed_left":0,"owner_unknown":1)"));
  CHECK(world.tree->isPopulated(run, PriorityClass::kBackground).value());
  CHECK(world.isToldToFreeze({}));
  // A second request of theirs within three seconds is none of an administrator, nor of who owns it.
  CHECK(has(program.askAs(kSomebody, {}, "stop"), R"("killed":false)"));
  const std::string killed = program.ask("kill enough");
  INFO(killed);
  CHECK(has(killed, R"("killed":true)"));
  CHECK(has(killed, R"("verified":true)"));
  CHECK_FALSE(world.tree->isPopulated(run, PriorityClass::kBackground).value());
}

TEST_CASE("only root releases or is the daemon") {
  StopWorld world;
  StopProgram program(world);
  REQUIRE(has(program.ask("stop"), R"("latched":true)"));
  CHECK(has(program.askAs(kSomebody, {}, "release"), R"({"error":"release is for root alone)"));
  CHECK(has(program.askAs(kSomebody, {}, "daemon 1"), R"({"error":"only root is the daemon"})"));
  CHECK(has(program.ask("beat"), "error"));
  CHECK(has(program.askAs(kSomebody, {}, "status"), R"({"latched":true,)"));
  CHECK(program.ask("release") == R"({"released":true})");
  CHECK(has(program.ask("status"), R"({"latched":false,"trigger":null,"at":null,"daemon":"absent",)"));
  CHECK(program.ask("release") == R"({"released":true})");
}

TEST_CASE("what is no request is answered with words, and the connection ends") {
  StopWorld world;
  StopProgram program(world);
  for (const std::string& packet : {std::string("launch"), std::string(257, 's'), std::string(60'000, 'x')}) {
    const Connection connection(program.runDirectory());
    CHECK(has(connection.ask(packet), R"({"error":"unknown request)"));
    CHECK(connection.receive().empty());
  }
  CHECK(has(program.ask("status"), R"("latched":false)"));
}

TEST_CASE("connections are bounded: the one that was silent for longest goes, the daemon's never") {
  StopWorld world;
  StopProgram program(world);
  const Connection daemon(program.runDirectory());
  REQUIRE(has(daemon.ask("daemon 0"), R"("event":"status")"));
  const Connection oldest(program.runDirectory());
  REQUIRE(has(oldest.ask("status"), "latched"));
  std::vector<std::unique_ptr<Connection>> more;
  for (std::size_t i = 0; i < kMaxStopConnections + 10; ++i) {
    more.push_back(std::make_unique<Connection>(program.runDirectory()));
    REQUIRE(has(more.back()->ask("status"), "latched"));
  }
  CHECK(has(oldest.receive(), "too many connections"));
  CHECK(oldest.receive().empty());
  CHECK(has(more.back()->ask("stop"), R"("verified":true)"));
  CHECK(has(daemon.receive(), R"("event":"stopped")"));
}

TEST_CASE("whoever does not read is closed and never waited for") {
  StopWorld world;
  StopProgram program(world);
  const Connection deaf(program.runDirectory());
  while (deaf.send("status")) {
    if (!has(program.ask("status"), "latched")) FAIL("nobody else was answered");
  }
  CHECK(has(program.ask("stop"), R"("verified":true)"));
}

TEST_CASE("a flood of connections and requests keeps nobody from stopping, and the daemon's from being heard") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 3);
  StopProgram program(world);
  const Connection daemon(program.runDirectory());
  REQUIRE(has(daemon.ask("daemon 60"), "status"));
  const SharedCounter asked;
  std::vector<pid_t> floods;
  for (int i = 0; i < 4; ++i) {
    floods.push_back(fork());
    if (floods.back() != 0) continue;
    if (setuid(kSomebody) != 0) _exit(1);
    for (;;) {
      const Connection connection(program.runDirectory());
      for (int n = 0; n < 20 && connection.send(n % 2 == 0 ? "stop" : "status"); ++n) ++asked.value();
    }
  }
  REQUIRE(eventually([&] { return asked.value() > 2000; }));
  const std::string answer = program.ask("stop");
  INFO(answer);
  CHECK(has(answer, R"("verified":true)"));
  CHECK(has(answer, R"("evidence":[{"run":")" + run.text()));
  CHECK(daemon.send("beat"));
  CHECK(has(program.ask("kill"), R"("killed":true)"));
  CHECK(has(program.ask("status"), R"("daemon":"heard")"));
  for (const pid_t flood : floods) {
    kill(flood, SIGKILL);
    waitpid(flood, nullptr, 0);
  }
}

TEST_CASE("the daemon is told of every stop, whoever asked, and what is so when it connects") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 2);
  StopProgram program(world);
  const Connection daemon(program.runDirectory());
  const std::string status = daemon.ask("daemon 60");
  INFO(status);
  CHECK(has(status, R"({"event":"status","latched":false)"));
  CHECK(has(status, R"("daemon":"heard")"));
  CHECK(has(program.askAs(kSomebody, {}, "stop"), R"("evidence":[])"));
  const std::string event = daemon.receive();
  INFO(event);
  CHECK(has(event, R"({"event":"stopped","at":)"));
  CHECK(has(event, R"("by":54321)"));
  CHECK(has(event, run.text()));
  CHECK(has(event, R"("repeated":false)"));
  CHECK(has(program.ask("stop"), R"("repeated":true)"));
  CHECK(has(daemon.receive(), R"("repeated":true)"));
  const Connection next(program.runDirectory());
  CHECK(has(next.ask("daemon 60"), R"({"event":"status","latched":true,"at":)"));
  CHECK(daemon.receive().empty());  // There is one daemon.
}

TEST_CASE("a daemon that falls silent, or goes without a word, stops everything; one that says goodbye does not") {
  StopWorld world;
  world.addSleepers(world.addRun(), 2);
  StopProgram program(world);
  const auto isLatched = [&] { return has(program.ask("status"), R"({"latched":true)"); };
  SECTION("silent") {
    const Connection daemon(program.runDirectory());
    REQUIRE(has(daemon.ask("daemon 0.3"), "status"));
    REQUIRE(eventually(isLatched));
    CHECK(has(program.ask("status"), R"("trigger":"dead-man: the daemon has been silent for 1 s")"));
    CHECK(has(program.ask("status"), R"("by":null)"));
    CHECK(has(daemon.receive(), R"("event":"stopped")"));
    CHECK(world.isToldToFreeze({}));
    CHECK(daemon.send("beat"));
    CHECK(eventually([&] { return has(program.ask("status"), R"("daemon":"heard")"); }));
    CHECK(isLatched());
  }
  SECTION("gone") {
    REQUIRE(has(Connection(program.runDirectory()).ask("daemon 0.3"), "status"));
    CHECK(eventually(isLatched));
  }
  SECTION("goodbye") {
    const Connection daemon(program.runDirectory());
    REQUIRE(has(daemon.ask("daemon 0.3"), "status"));
    REQUIRE(daemon.send("bye"));
    CHECK(eventually([&] { return has(program.ask("status"), R"("daemon":"absent")"); }));
    CHECK_FALSE(isLatched());
  }
  SECTION("beats come while the groups are thawed again") {
    const Connection daemon(program.runDirectory());
    REQUIRE(has(daemon.ask("daemon 5"), "status"));
    for (int i = 0; i < 20; ++i) REQUIRE(daemon.send("beat"));
    CHECK(has(program.ask("status"), R"("daemon":"heard")"));
    CHECK_FALSE(isLatched());
  }
}

TEST_CASE("a latch outlives the program that made it, however that ended") {
  StopWorld world;
  const RunId run = world.addRun();
  world.addSleepers(run, 2);
  StopProgram program(world);
  REQUIRE(has(program.ask("stop for good"), R"("verified":true)"));
  program.end(SIGKILL);
  CHECK(world.isToldToFreeze({}));
  program.start();
  CHECK(has(program.ask("status"), R"("trigger":"asked: for good")"));
  CHECK(program.ask("release") == R"({"released":true})");
  program.end(SIGTERM);
  CHECK_FALSE(std::filesystem::exists(program.runDirectory() + "/stop.sock"));
  program.start();
  CHECK(has(program.ask("status"), R"({"latched":false)"));
  CHECK(world.isToldToFreeze(run));
}

TEST_CASE("one program serves a directory, and a second one says so") {
  StopWorld world;
  StopProgram program(world);
  int status = 0;
  REQUIRE(waitpid(program.spawn(), &status, 0) > 0);
  CHECK(WEXITSTATUS(status) == 1);
  CHECK(has(program.ask("status"), "latched"));
}

TEST_CASE("one that a service manager keeps waits while another one serves, is ready for it, and takes its place") {
  StopWorld world;
  StopProgram program(world);
  CHECK(has(program.ask("status"), R"("kept":false)"));
  const std::string address = program.runDirectory() + "/notify";
  const UniqueFd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path, address.c_str());
  REQUIRE(bind(manager.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  const auto told = [&] {
    std::string state(200, '\0');
    pollfd readable{manager.get(), POLLIN, 0};
    const ssize_t got = poll(&readable, 1, 60'000) == 1 ? recv(manager.get(), state.data(), state.size(), 0) : 0;
    state.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return state;
  };
  REQUIRE(setenv("NOTIFY_SOCKET", address.c_str(), 1) == 0);
  const pid_t standby = program.spawn("--kept"), third = program.spawn("--kept");
  REQUIRE(unsetenv("NOTIFY_SOCKET") == 0);
  for (int i = 0; i < 2; ++i) CHECK(has(told(), "READY=1\nSTATUS=another ringfence-stop serves"));
  // Told to end it ends, also while it waits.
  CHECK(kill(third, SIGTERM) == 0);
  int status = -1;
  REQUIRE(waitpid(third, &status, 0) == third);
  CHECK(status == 0);
  CHECK(has(program.ask("status"), R"("kept":false)"));
  program.end(SIGKILL);
  CHECK(has(told(), "READY=1\nSTATUS=serves"));
  CHECK(has(program.ask("status"), R"("kept":true)"));
  kill(standby, SIGTERM);
  waitpid(standby, nullptr, 0);
}

TEST_CASE("whoever starts it, it watches the keys that the daemon wrote down, and changes them when the daemon does") {
  StopWorld world;
  const std::string state = world.state.path();
  REQUIRE(supervisor::stop::writeWantedKeys(state, {{"hold ctrl+f1 700ms"}}));
  StopProgram program(world);
  const auto watches = [&](const std::string& spec) { return has(program.ask("status"), "\"spec\":\"" + spec + "\""); };
  CHECK(eventually([&] { return watches("hold ctrl+f1 700ms"); }));
  CHECK(!watches("press pause x3 within 2s"));
  REQUIRE(supervisor::stop::writeWantedKeys(state, {{"hold ctrl+f2 700ms", "hold ctrl+f3 700ms"}}));
  CHECK(eventually([&] { return watches("hold ctrl+f2 700ms") && watches("hold ctrl+f3 700ms"); }));
  CHECK(!watches("hold ctrl+f1 700ms"));
  REQUIRE(supervisor::stop::writeWantedKeys(state, std::vector<std::string>{}));
  CHECK(eventually([&] { return has(program.ask("status"), "\"keys\":null"); }));
  REQUIRE(supervisor::stop::writeWantedKeys(state, std::nullopt));
  CHECK(eventually([&] { return watches("press pause x3 within 2s"); }));
  // What is too long to have been written by the daemon changes nothing.
  REQUIRE(std::ofstream(state + "/long") << std::string(20'000, 'x'));
  REQUIRE(rename((state + "/long").c_str(), (state + "/stop-keys").c_str()) == 0);
  REQUIRE(supervisor::stop::writeWantedKeys(state, {{"hold ctrl+f4 700ms"}}));
  CHECK(eventually([&] { return watches("hold ctrl+f4 700ms"); }));
  CHECK(!supervisor::stop::writeWantedKeys(state, {{"hold ctrl+f5 700ms\noff"}}));
  CHECK(watches("hold ctrl+f4 700ms"));
}

TEST_CASE("keys of its own command line count whatever the daemon wrote down") {
  StopWorld world;
  REQUIRE(supervisor::stop::writeWantedKeys(world.state.path(), {{"hold ctrl+f1 700ms"}}));
  StopProgram program(world);
  program.end(SIGKILL);
  program.start("--keys=hold ctrl+f6 700ms");
  // Who watches keys is another process, which begins just after the program serves.
  CHECK(eventually([&] { return has(program.ask("status"), "\"spec\":\"hold ctrl+f6 700ms\""); }));
  REQUIRE(supervisor::stop::writeWantedKeys(world.state.path(), {{"hold ctrl+f2 700ms"}}));
  program.end(SIGKILL);
  program.start("--keys=off");
  CHECK(has(program.ask("status"), "\"keys\":null"));
}

TEST_CASE("a program that nobody can reach any more ends, so that another one can take its place") {
  StopWorld world;
  StopProgram program(world);
  REQUIRE(unlink((program.runDirectory() + "/stop.sock").c_str()) == 0);
  CHECK(WEXITSTATUS(program.wait()) == 1);
  program.start();
  CHECK(has(program.ask("status"), "latched"));
}

TEST_CASE("the program is none of those that it stops, and is ready for a machine without memory") {
  StopWorld world;
  StopProgram program(world);
  const std::string proc = "/proc/" + std::to_string(program.pid());
  CHECK_FALSE(has(readFileAt(AT_FDCWD, proc + "/cgroup", kibibytes(64)).value(), world.name));
  CHECK(has(program.ask("status"), R"("memory_locked":true)"));
  const std::string status = readFileAt(AT_FDCWD, proc + "/status", kibibytes(64)).value();
  CHECK_FALSE(has(status, "VmLck:\t       0 kB"));
  // What it says of its priority, the scheduler says too; children that it starts have none.
  const int scheduled = sched_getscheduler(program.pid());
  CHECK((scheduled == (SCHED_FIFO | SCHED_RESET_ON_FORK)) == has(program.ask("status"), R"("realtime":true)"));
  // Where it would stop itself it does not start, whoever holds the directory.
  const RunId run = world.addRun();
  int refused = 0;
  const pid_t inside = fork();
  if (inside == 0) {
    if (!world.tree->join(run, PriorityClass::kBackground, 0)) _exit(99);
    waitpid(program.spawn(), &refused, 0);
    _exit(WEXITSTATUS(refused) == 1 ? 1 : 98);
  }
  REQUIRE(waitpid(inside, &refused, 0) == inside);
  CHECK(WEXITSTATUS(refused) == 1);
}
