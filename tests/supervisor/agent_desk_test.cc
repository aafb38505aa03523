// What a program inside asks over its own socket, through the whole daemon.
#include <csignal>

#include "supervisor/api/convert.h"
#include "tests/supervisor/inside_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;
using namespace ringfence::supervisor::inside_world;

namespace {

constexpr char kReport[] = R"({"id":2,"report_usage":{"id":"u-1","model":"m","input_tokens":5,"output_tokens":2}})";

}  // namespace

TEST_CASE("a report is answered when it can be lost no more, and after a crash in between it still counts once") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  UniqueFd socket = inside.connect();
  world.store.failing = true;  // It takes its time.
  inside.say(socket, kReport);
  CHECK_FALSE(Inside::read(socket));
  CHECK(inside.tokens() == 7);
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(Inside::read(socket).value()["totals"]["input_tokens"] == "5");
  // The answer got lost with the daemon: the agent asks again.
  const State state = world.daemon->state();
  world.start(state, {{.run = inside.run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  socket = inside.connect();
  inside.say(socket, kReport);
  world.daemon->storeReady();
  const Json totals = Inside::read(socket).value()["totals"];
  CHECK(totals["counted_before"] == true);
  CHECK(totals["reports"] == "1");
  CHECK(inside.tokens() == 7);
}

TEST_CASE("reports that come together are one fact, in their order, and each has its answer") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  const std::size_t before = world.store.queued.size();
  for (int i = 0; i < 10; ++i)
    REQUIRE(sendPacket(socket.get(), R"({"id":)" + std::to_string(i + 2) + R"(,"report_usage":{"id":"u-)" +
                                         std::to_string(i) + R"(","input_tokens":1}})"));
  inside.settle();
  CHECK(world.store.queued.size() == before + 1);
  CHECK(std::get<UsageReported>(world.store.queued.back().body).ids.size() == 10);
  world.daemon->storeReady();
  for (int i = 0; i < 10; ++i) CHECK(Inside::read(socket).value()["id"] == std::to_string(i + 2));
}

TEST_CASE("reports without end are a fact in a while, and each has its answer all the same") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  const std::size_t before = world.store.queued.size();
  int sent = 0, answered = 0;
  const auto report = [&] {
    inside.say(socket, R"({"id":2,"report_usage":{"id":"u-)" + std::to_string(sent++) + R"(","input_tokens":1}})");
    world.daemon->storeReady();
    while (Inside::read(socket)) ++answered;
  };
  while (answered == sent && sent < 10'000) {
    report();
    world.clock.advance(std::chrono::milliseconds(4));
    world.daemon->wake();
  }
  CHECK(sent > 1000);
  CHECK(sent < 10'000);
  const std::size_t burst = world.store.queued.size() - before;
  for (int i = 0; i < 10; ++i) report();
  world.clock.advance(std::chrono::milliseconds(25));
  world.daemon->wake();
  world.daemon->storeReady();
  while (Inside::read(socket)) ++answered;
  CHECK(answered == sent);
  CHECK(world.store.queued.size() - before <= burst + 2);
}

TEST_CASE("the brake is pulled at once, also while nothing can be written, and reports are refused then") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  world.store.failing = true;
  inside.say(socket, R"({"id":2,"stop":{"why":"wrong folder"}})");
  CHECK(Inside::read(socket).value().contains("done"));
  CHECK(world.group(inside.run, "agent/cgroup.freeze") == "1");
  CHECK(lifeName(world.daemon->state().runs.at(inside.run).life) == "frozen");
  world.daemon->storeReady();
  inside.say(socket, kReport);
  CHECK(Inside::read(socket).value()["error"]["code"] == "unavailable");
  CHECK(inside.tokens() == 0);
}

TEST_CASE("what a run said just before its end counts, and afterwards nobody is heard") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  REQUIRE(sendPacket(socket.get(), kReport));
  world.launcherSays(sandbox::Ended{inside.run, {.code = 0, .signal = {}}, false, {}});
  CHECK(inside.tokens() == 7);
  CHECK(world.daemon->state().runs.at(inside.run).reported->reports == 1);
  while (Inside::read(socket)) {}
  char byte = 0;
  CHECK(::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 0);
}

TEST_CASE("what an agent says it does is told to who looks at its run, as its own words, until the run ends") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  Peering other(world, 1000);
  CHECK(other.act(show).value().details().says().empty());
  inside.say(socket, R"({"id":2,"say":{"text":"reading tests"}})");
  CHECK(Inside::read(socket).value().contains("done"));
  const auto details = other.act(show).value().details();
  CHECK(details.says() == "reading tests");
  CHECK_FALSE(details.said_at().empty());
  // Its policy gives no grace.
  inside.say(socket, R"({"id":3,"critical_section":{"seconds":5}})");
  CHECK(Inside::read(socket).value()["granted"]["milliseconds"] == "0");
  world.launcherSays(sandbox::Ended{inside.run, {.code = 0, .signal = {}}, false, {}});
  CHECK(other.act(show).value().details().says().empty());
}

TEST_CASE("an adapter may ask for another signal and more time at a stop, within bounds") {
  struct Case {
    std::uint32_t signal, seconds;
    bool isTaken;
  };
  for (const Case& one :
       {Case{0, 0, true}, Case{SIGINT, 12, true}, Case{SIGTERM, 60, true}, Case{SIGKILL, 5, false},
        Case{SIGSTOP, 5, false}, Case{SIGINT, 0, false}, Case{SIGINT, 61, false}, Case{0, 5, false}}) {
    CAPTURE(one.signal, one.seconds);
    v1::ClientPacket packet;
    packet.set_id(1);
    v1::RunRequest& run = *packet.mutable_run();
    run.add_argv("/bin/true");
    run.set_workspace("/");
    run.set_stdio(v1::STDIO_CAPTURED);
    run.set_detached(true);
    run.mutable_adapter()->set_name("mine");
    run.mutable_adapter()->set_stop_signal(one.signal);
    run.mutable_adapter()->set_stop_patience_seconds(one.seconds);
    CHECK(api::toRequest(packet).has_value() == one.isTaken);
  }
}

TEST_CASE("the hook of an agent is heard by the events that its adapter counts by, and by no other words") {
  World world;
  Peering client(world, 1000);
  client.adapter.set_name("claude");
  client.adapter.add_speaks("PreToolUse");
  client.adapter.set_silent_after_seconds(60);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  Peering other(world, 1000);
  CHECK(other.act(show).value().details().adapter() == "claude");
  for (const char* words :
       {R"({"text":"reading"})", R"({"text":"reading","hook":"Stop"})", R"({"text":"","hook":""})"}) {
    inside.say(socket, R"({"id":2,"say":)" + std::string(words) + "}");
    CHECK(Inside::read(socket).value().contains("done"));
    CHECK(other.act(show).value().details().hook_heard_at().empty());
  }
  inside.say(socket, R"({"id":3,"say":{"text":"Bash","hook":"PreToolUse"}})");
  CHECK(Inside::read(socket).value().contains("done"));
  CHECK_FALSE(other.act(show).value().details().hook_heard_at().empty());
  inside.say(socket, R"({"id":4,"say":{"hook":")" + std::string(65, 'x') + R"("}})");
  CHECK(Inside::read(socket).value()["error"]["code"] == "invalid");
}

TEST_CASE("an agent asks what was denied last, and is told the last line of what it can read itself") {
  World world;
  Peering client(world, 1000);
  const Inside inside(world, client);
  const UniqueFd socket = inside.connect();
  inside.say(socket, R"({"id":2,"why":{}})");
  CHECK(Inside::read(socket).value()["denial"]["json"] == "");
  const std::string file = world.dir.write("denials", "{\"op\":\"read\"}\n{\"op\":\"connect\",\"target\":\"a:443\"}\n");
  world.launcher.guardFds[{inside.run, sandbox::HeldFd::kDenials}] =
      UniqueFd(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  inside.say(socket, R"({"id":3,"why":{}})");
  CHECK(Inside::read(socket).value()["denial"]["json"] == "{\"op\":\"connect\",\"target\":\"a:443\"}");
  world.dir.write("denials", std::string(200'000, 'x') + "\n");
  inside.say(socket, R"({"id":4,"why":{}})");
  CHECK(Inside::read(socket).value()["error"]["code"] == "unavailable");
}
