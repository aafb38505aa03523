// The agents' own sockets over real ones in the file system: what is asked well, badly, too fast, or not at all.
#include "supervisor/api/agent_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <cstring>
#include <nlohmann/json.hpp>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::api;
using Json = nlohmann::json;

namespace {

constexpr char kHello[] = R"({"id":1,"hello":{"protocol":1}})";

UniqueFd makeSocket() { return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

sockaddr_un addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

struct Agents {
  test::TempDir dir;
  ManualClock clock;
  AgentServer server = AgentServer::create().value();
  std::vector<AgentServer::Asked> asked;

  RunId open(const std::string& name) {
    UniqueFd listener = makeSocket();
    const sockaddr_un address = addressOf(dir.path() + "/" + name);
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 16) == 0);
    const RunId run = RunId::random();
    REQUIRE(server.open(run, std::move(listener)));
    return run;
  }
  UniqueFd connect(const std::string& name) const {
    UniqueFd socket = makeSocket();
    const sockaddr_un address = addressOf(dir.path() + "/" + name);
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
  }
  bool isReady() const {
    pollfd poll{server.fd(), POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
  }
  // Until there is nothing to do, as the loop would.
  void settle() {
    for (int turn = 0; isReady(); ++turn) {
      REQUIRE(turn < 10'000);
      for (auto& one : server.serve(clock.now())) asked.push_back(std::move(one));
    }
  }
  void say(const UniqueFd& socket, std::string_view packet) {
    REQUIRE(sendPacket(socket.get(), packet));
    settle();
  }
  UniqueFd greeted(const std::string& name) {
    UniqueFd socket = connect(name);
    say(socket, kHello);
    const Json answer = read(socket).value();
    CHECK(answer["hello"]["protocol"] == 1);
    return socket;
  }
  static std::optional<Json> read(const UniqueFd& socket) {
    auto packet = receivePacket(socket.get(), kMaxAgentPacket, MSG_DONTWAIT);
    // Said once by a socket that was closed before all was read.
    if (!packet && packet.error().sysErrno == ECONNRESET)
      packet = receivePacket(socket.get(), kMaxAgentPacket, MSG_DONTWAIT);
    if (!packet || packet->bytes.empty()) return std::nullopt;
    return Json::parse(packet->bytes);
  }
  static bool isClosed(const UniqueFd& socket) {
    char byte = 0;
    for (;;) {
      const ssize_t got = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
      if (got == 0) return true;
      if (got < 0 && errno != ECONNRESET) return errno != EAGAIN;
    }
  }
};

}  // namespace

TEST_CASE("who asks is known by the socket that it came through, whatever it says of itself") {
  Agents agents;
  const RunId one = agents.open("one"), other = agents.open("other");
  const UniqueFd first = agents.greeted("one"), second = agents.greeted("other");
  agents.say(first, R"({"id":2,"whoami":{}})");
  agents.say(second, R"({"id":3,"stop":{"why":"wrong folder"}})");
  REQUIRE(agents.asked.size() == 2);
  CHECK(agents.asked[0].run == one);
  CHECK(std::holds_alternative<AgentWhoami>(agents.asked[0].request));
  CHECK(agents.asked[1].run == other);
  CHECK(std::get<AgentBrake>(agents.asked[1].request).why == "wrong folder");
  agents.server.answer(agents.asked[1], AgentDone{}, agents.clock.now());
  CHECK(Agents::read(second).value() == Json::parse(R"({"id":"3","done":{}})"));
  CHECK_FALSE(Agents::read(first));
  // There is no field for a run to name.
  agents.say(first, R"({"id":4,"stop":{"why":"","run":")" + other.text() + "\"}}");
  CHECK(Agents::read(first).value()["error"]["code"] == "invalid");
  CHECK(Agents::isClosed(first));
}

TEST_CASE("a report of what a call used comes whole, numbers as numbers or as text") {
  Agents agents;
  agents.open("one");
  const UniqueFd socket = agents.greeted("one");
  agents.say(socket, R"({"id":"7","report_usage":{"id":"u-1","model":"small","input_tokens":"900","output_tokens":100,)"
                     R"("cost_usd":0.0012,"counters":{"tool_calls":2}}})");
  REQUIRE(agents.asked.size() == 1);
  CHECK(agents.asked[0].call == 7);
  const auto& report = std::get<UsageReport>(agents.asked[0].request);
  CHECK(report.id == "u-1");
  CHECK(report.usage == ModelUsage{"small", 1, 900, 100, 1200, {{"tool_calls", 2}}});
  agents.server.answer(agents.asked[0],
                       AgentTotals{.inputTokens = 900, .outputTokens = 100, .reports = 1, .tokensLimit = 2'000'000},
                       agents.clock.now());
  const Json totals = Agents::read(socket).value()["totals"];
  CHECK(totals["input_tokens"] == "900");
  CHECK(totals["tokens_limit"] == "2000000");
  CHECK_FALSE(totals.contains("cost_usd"));  // Not known is not 0.
}

TEST_CASE("an agent says what it does, that it is safe, and for how long a hold would break something") {
  Agents agents;
  agents.open("one");
  const UniqueFd socket = agents.greeted("one");
  agents.say(socket, R"({"id":2,"say":{"text":"reading \u001b[31m tests"}})");
  agents.say(socket, R"({"id":3,"safe_point":{}})");
  agents.say(socket, R"({"id":4,"critical_section":{"seconds":7}})");
  agents.say(socket, R"({"id":5,"critical_section":{}})");
  REQUIRE(agents.asked.size() == 4);
  CHECK(std::get<AgentSay>(agents.asked[0].request).text == "reading \x1b[31m tests");
  CHECK(std::holds_alternative<AgentSafePoint>(agents.asked[1].request));
  CHECK(std::get<AgentCriticalSection>(agents.asked[2].request).length == std::chrono::seconds(7));
  CHECK(std::get<AgentCriticalSection>(agents.asked[3].request).length == std::chrono::seconds(0));
  agents.server.answer(agents.asked[2], AgentGranted{std::chrono::milliseconds(1500)}, agents.clock.now());
  CHECK(Agents::read(socket).value() == Json::parse(R"({"id":"4","granted":{"milliseconds":"1500"}})"));
}

TEST_CASE(
    "an agent says what an interruption would have it do again, and one that says nothing of it is heard as before") {
  Agents agents;
  agents.open("one");
  const UniqueFd socket = agents.greeted("one");
  agents.say(socket, R"({"id":3,"safe_point":{"redo_seconds":2.5}})");
  agents.say(socket, R"({"id":4,"critical_section":{"seconds":7,"redo_seconds":40}})");
  agents.say(socket, R"({"id":5,"critical_section":{"seconds":7}})");
  agents.say(socket, R"({"id":6,"safe_point":{}})");
  agents.say(socket, R"({"id":7,"interruption_cost":{"hold_ms":10000}})");
  REQUIRE(agents.asked.size() == 5);
  CHECK(std::get<AgentSafePoint>(agents.asked[0].request).redo == std::chrono::milliseconds(2500));
  CHECK(std::get<AgentCriticalSection>(agents.asked[1].request).redo == std::chrono::seconds(40));
  CHECK_FALSE(std::get<AgentCriticalSection>(agents.asked[2].request).redo);
  CHECK(std::get<AgentSafePoint>(agents.asked[3].request).redo == Microseconds{0});
  CHECK(std::get<AgentInterruptionCost>(agents.asked[4].request).hold == std::chrono::seconds(10));
  AgentInterruptionCosts costs;
  costs.freeze = {.seconds = 40,
                  .tokens = {},
                  .workCpuSeconds = 1.5,
                  .claimedSeconds = 39.5,
                  .why = "it says \x1b so",
                  .cheaperAfter = std::chrono::milliseconds(3000)};
  costs.activity = "streaming";
  agents.server.answer(agents.asked[4], costs, agents.clock.now());
  const Json told = Agents::read(socket).value()["interruption_costs"];
  CHECK(told["freeze"] ==
        Json::parse(R"({"seconds":40,"work_cpu_seconds":1.5,"claimed_seconds":39.5,"forbidden":false,)"
                    R"("why":"it says \\x1b so","cheaper_after_ms":"3000"})"));
  CHECK(told["kill"]["seconds"] == 0);
  CHECK(told["activity"] == "streaming");
  CHECK_FALSE(told.contains("since_safe_point_ms"));  // Not known is not 0.
}

TEST_CASE("what is no request is named and ends its connection, and no other") {
  const std::string longText(65, 'x');
  const auto report = [](const std::string& body) { return R"({"id":2,"report_usage":{)" + body + "}}"; };
  const std::vector<std::pair<std::string, std::string>> kWrong{
      {"", "hello"},
      {"x", "begins with '{'"},
      {"{", "no request"},
      {R"({"id":2})", "asks for nothing"},
      {R"({"whoami":{}})", "id that is not 0"},
      {R"({"id":2,"allow":{"id":1}})", "no request"},
      {R"({"id":2,"whoami":{"uid":0}})", "no request"},
      {R"({"id":-2,"whoami":{}})", "no request"},
      {R"({"id":2,"whoami":[[[[[[]]]]]]})", "nests deeper"},
      {"{\"id\":2,\"stop\":{\"why\":\"\xff\"}}", "not UTF-8"},
      {R"({"id":2,"stop":{"why":")" + std::string(1025, 'w') + "\"}}", "stop.why"},
      {R"({"id":2,"say":{"text":")" + std::string(1025, 'w') + "\"}}", "say.text"},
      {R"({"id":2,"safe_point":{"redo_seconds":-1}})", "safe_point.redo_seconds is from 0 to 1000000"},
      {R"({"id":2,"safe_point":{"redo_seconds":1000001}})", "safe_point.redo_seconds is from 0 to 1000000"},
      {R"({"id":2,"critical_section":{"seconds":1,"redo_seconds":1e300}})", "critical_section.redo_seconds is from 0"},
      {R"({"id":2,"interruption_cost":{"hold_ms":86400001}})", "interruption_cost.hold_ms is at most 86400000"},
      {report(R"("model":"m")"), "report_usage.id"},
      {report("\"id\":\"" + longText + "\""), "report_usage.id"},
      {report(R"("id":"u","model":")" + longText + "\""), "report_usage.model"},
      {report(R"("id":"u","input_tokens":-1)"), "no request"},
      {report(R"("id":"u","input_tokens":1000000000001)"), "input_tokens is at most"},
      {report(R"("id":"u","output_tokens":"18446744073709551615")"), "output_tokens is at most"},
      {report(R"("id":"u","cost_usd":-1)"), "cost_usd"},
      {report(R"("id":"u","cost_usd":"NaN")"), "cost_usd"},
      {report(R"("id":"u","counters":{"Bad":1})"), "counters"},
      {report(R"("id":"u","counters":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1})"), "counters"},
  };
  Agents agents;
  agents.open("one");
  const UniqueFd bystander = agents.greeted("one");
  for (const auto& [packet, named] : kWrong) {
    if (packet.empty()) continue;
    CAPTURE(packet);
    const UniqueFd socket = agents.greeted("one");
    agents.say(socket, packet);
    const Json answer = Agents::read(socket).value();
    CHECK(answer["error"]["code"] == "invalid");
    CHECK(answer["error"]["message"].get<std::string>().find(named) != std::string::npos);
    CHECK(Agents::isClosed(socket));
  }
  CHECK(agents.asked.empty());
  agents.say(bystander, R"({"id":2,"whoami":{}})");
  CHECK(agents.asked.size() == 1);
}

TEST_CASE("hello comes first, in a protocol that is spoken, and within its time") {
  Agents agents;
  agents.open("one");
  const UniqueFd early = agents.connect("one"), odd = agents.connect("one"), silent = agents.connect("one");
  agents.say(early, R"({"id":1,"whoami":{}})");
  CHECK(Agents::read(early).value()["error"]["message"] == "the first packet must be hello");
  agents.say(odd, R"({"id":1,"hello":{"protocol":2}})");
  CHECK(Agents::read(odd).value()["error"]["message"] == "protocol 2 is not spoken here; 1 is");
  CHECK(agents.server.connections() == 1);
  REQUIRE(agents.server.deadline());
  agents.clock.advance(kMaxAgentHelloTime);
  agents.server.expire(agents.clock.now());
  CHECK(Agents::read(silent).value()["error"]["message"] == "hello did not come within 10 s");
  CHECK(Agents::isClosed(silent));
  CHECK(agents.server.connections() == 0);
  CHECK_FALSE(agents.server.deadline());
}

TEST_CASE("a packet that is too long, or brings descriptors, ends its connection and leaves nothing open") {
  Agents agents;
  agents.open("one");
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
  {
    const UniqueFd socket = agents.greeted("one");
    const int fds[] = {writeEnd.get()};
    REQUIRE(sendPacket(socket.get(), R"({"id":2,"whoami":{}})", fds));
    agents.settle();
    CHECK(Agents::read(socket).value()["error"]["message"] == "descriptors are not taken here");
    writeEnd.reset();
    char byte = 0;
    CHECK(::read(readEnd.get(), &byte, 1) == 0);  // Nobody has the other end any more.
  }
  const UniqueFd socket = agents.greeted("one");
  agents.say(socket, std::string((64 << 10) + 1, '{'));
  CHECK(Agents::read(socket).value()["error"]["code"] == "invalid");
  CHECK(agents.asked.empty());
}

TEST_CASE("of one run only so many connections are kept, and one that closes makes room") {
  Agents agents;
  agents.open("one");
  agents.open("other");
  std::vector<UniqueFd> kept;
  for (std::size_t i = 0; i < kMaxAgentConnections; ++i) kept.push_back(agents.greeted("one"));
  const UniqueFd over = agents.connect("one");
  agents.settle();
  CHECK(Agents::read(over).value()["error"]["code"] == "busy");
  CHECK(Agents::isClosed(over));
  (void)agents.greeted("other");
  kept.pop_back();
  agents.settle();
  (void)agents.greeted("one");
}

TEST_CASE("a run that asks too fast waits in its own sockets, loses nothing, and holds up nobody") {
  Agents agents;
  const RunId fast = agents.open("fast");
  agents.open("calm");
  const UniqueFd socket = agents.greeted("fast"), calm = agents.greeted("calm");
  std::size_t sent = 0, answered = 0;
  const auto pump = [&](std::size_t wanted) {
    for (int idle = 0; sent < wanted && idle < 3;) {
      const auto packet = R"({"id":)" + std::to_string(sent + 2) + R"(,"whoami":{}})";
      if (sendPacket(socket.get(), packet, {}, MSG_DONTWAIT))
        ++sent;
      else
        ++idle;
      agents.settle();
      for (const auto& one : std::exchange(agents.asked, {})) {
        CHECK(one.run == fast);
        ++answered;
        agents.server.answer(one, AgentDone{}, agents.clock.now());
      }
      while (Agents::read(socket)) {}
    }
  };
  pump(2000);
  CHECK(answered <= static_cast<std::size_t>(kMaxAgentRate));
  CHECK(answered + 100 > static_cast<std::size_t>(kMaxAgentRate));
  CHECK_FALSE(agents.isReady());  // The loop is not kept busy by who waits.
  agents.say(calm, R"({"id":2,"whoami":{}})");
  REQUIRE(agents.asked.size() == 1);
  agents.asked.clear();
  for (int tenth = 0; tenth < 60 && answered < 2000; ++tenth) {
    agents.clock.advance(std::chrono::milliseconds(100));
    agents.server.expire(agents.clock.now());
    agents.settle();
    for (const auto& one : std::exchange(agents.asked, {})) {
      ++answered;
      agents.server.answer(one, AgentDone{}, agents.clock.now());
    }
    while (Agents::read(socket)) {}
    pump(2000);
  }
  CHECK(answered == 2000);
}

TEST_CASE("of a connection that does not read its answers no more is read, and it can go on") {
  Agents agents;
  agents.open("one");
  const UniqueFd socket = agents.greeted("one");
  for (std::size_t i = 0; i < kMaxAgentUnanswered + 20; ++i)
    (void)sendPacket(socket.get(), R"({"id":2,"whoami":{}})", {}, MSG_DONTWAIT);
  agents.settle();
  CHECK(agents.asked.size() == kMaxAgentUnanswered);
  CHECK_FALSE(agents.isReady());
  for (const auto& one : std::exchange(agents.asked, {})) agents.server.answer(one, AgentDone{}, agents.clock.now());
  agents.settle();
  CHECK_FALSE(agents.asked.empty());
}

TEST_CASE("whoever hangs up while its answers wait is gone at once, and wakes nobody again") {
  Agents agents;
  agents.open("one");
  const std::string wrong[] = {"no request", ""};
  for (const std::string& last : wrong) {
    CAPTURE(last);
    const UniqueFd socket = agents.greeted("one");
    const auto ask = [&](int count) {
      for (int i = 0; i < count; ++i) agents.say(socket, R"({"id":2,"why":{}})");
    };
    ask(40);
    if (!last.empty()) agents.say(socket, last);
    REQUIRE_FALSE(agents.asked.empty());
    for (const auto& one : std::exchange(agents.asked, {}))
      agents.server.answer(one, AgentDenial{std::string(20'000, 'd')}, agents.clock.now());
    CHECK_FALSE(agents.isReady());  // More than its socket takes: the rest waits.
    REQUIRE(::shutdown(socket.get(), SHUT_RDWR) == 0);
    agents.settle();
    CHECK_FALSE(agents.isReady());
    CHECK(agents.server.connections() == 0);
  }
}

TEST_CASE("of what is not read only so much is kept, answers and notices") {
  Agents agents;
  agents.open("one");
  const UniqueFd socket = agents.greeted("one");
  std::size_t heard = 0;
  for (int i = 0; i < 200; ++i) {
    (void)sendPacket(socket.get(), R"({"id":2,"why":{}})", {}, MSG_DONTWAIT);
    agents.settle();
    for (const auto& one : std::exchange(agents.asked, {})) {
      ++heard;
      agents.server.answer(one, AgentDenial{std::string(30'000, 'd')}, agents.clock.now());
    }
  }
  CHECK(heard < 30);  // Its socket's buffer, and kMaxAgentQueue.
  const UniqueFd listening = agents.greeted("one");
  agents.say(listening, R"({"id":2,"listen":{"to":["override"]}})");
  REQUIRE(agents.asked.size() == 1);
  AgentOverride told;
  told.argv = {std::string(30'000, 'w')};
  for (int i = 0; i < 60; ++i) agents.server.tell(agents.asked[0].connection, told);
  std::size_t read = 0;
  std::uint64_t missed = 0;
  for (auto notice = Agents::read(listening); notice; notice = Agents::read(listening), agents.settle()) {
    ++read;
    missed += std::stoull((*notice)["notice"]["missed"].get<std::string>());
  }
  CHECK(read < 30);
  CHECK(read + missed == 60);
}

TEST_CASE("connections that come and go without end are counted like packets") {
  Agents agents;
  agents.open("one");
  int made = 0;
  for (; made < 2 * kMaxAgentRate; ++made) {
    const UniqueFd socket = makeSocket();
    const sockaddr_un address = addressOf(agents.dir.path() + "/one");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) break;
    agents.settle();
  }
  CHECK(made >= kMaxAgentRate / 4);  // Each is heard twice: it comes, and it goes.
  CHECK(made < 2 * kMaxAgentRate);   // The backlog is full, and nobody is awake for it.
  CHECK_FALSE(agents.isReady());
  agents.clock.advance(std::chrono::seconds(2));
  agents.server.expire(agents.clock.now());
  agents.settle();
  (void)agents.greeted("one");
}

TEST_CASE("a run that is over is heard out, then its connections close") {
  Agents agents;
  const RunId run = agents.open("one");
  const UniqueFd socket = agents.greeted("one"), late = agents.connect("one");
  REQUIRE(sendPacket(socket.get(), R"({"id":2,"report_usage":{"id":"last"}})"));
  REQUIRE(sendPacket(late.get(), kHello));
  REQUIRE(sendPacket(late.get(), R"({"id":2,"report_usage":{"id":"later"}})"));
  const auto said = agents.server.drain(run, agents.clock.now());
  REQUIRE(said.size() == 2);
  agents.server.close(run);
  agents.server.answer(said[0], AgentDone{}, agents.clock.now());  // To nobody.
  CHECK(Agents::isClosed(socket));
  CHECK_FALSE(agents.isReady());
  CHECK(agents.server.connections() == 0);
}
