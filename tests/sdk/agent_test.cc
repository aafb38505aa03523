// The C++ library against a socket that says what the test wants: what it is told unasked, and leases.
#include "sdk/agent/agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch_all.hpp>
#include <future>
#include <nlohmann/json.hpp>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

// One whom an agent connects to. Every wait has an end.
struct Listener {
  test::TempDir dir;
  std::string path = dir.path() + "/agent.sock";
  UniqueFd socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};

  Listener() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.get(), 16) == 0);
  }
  static bool isReadable(int fd) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 60'000) == 1;
  }
  // The connection of whoever came, greeted.
  UniqueFd accept() const {
    REQUIRE(isReadable(socket.get()));
    UniqueFd peer(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(read(peer).contains("hello"));
    say(peer, R"({"id":"1","hello":{"protocol":1}})");
    return peer;
  }
  static Json read(const UniqueFd& peer) {
    REQUIRE(isReadable(peer.get()));
    auto packet = receivePacket(peer.get(), kibibytes(64));
    return packet && !packet->bytes.empty() ? Json::parse(packet->bytes) : Json();
  }
  static void say(const UniqueFd& peer, const std::string& packet) { REQUIRE(sendPacket(peer.get(), packet)); }
  static void answer(const UniqueFd& peer, const Json& request, const std::string& what) {
    say(peer, R"({"id":")" + std::to_string(request["id"].get<std::uint64_t>()) + "\"," + what + "}");
  }
};

// Polls until something came; it is there, or on its way through the kernel.
std::size_t pollUntilSomething(Agent& agent) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  for (;;) {
    if (const std::size_t count = agent.poll(); count > 0 || std::chrono::steady_clock::now() > until) return count;
    pollfd poll{agent.noticesFd(), POLLIN, 0};
    (void)::poll(&poll, 1, 20);
  }
}

}  // namespace

TEST_CASE("callbacks are called by poll and by nothing else, with what was told") {
  Listener listener;
  Agent agent({.socket = listener.path, .timeout = 5s});
  std::vector<std::string> told;
  agent.onPause([&](const AgentPause& pause) {
    told.push_back(std::to_string(pause.within.count()) + " " + pause.why + " " + pause.limit);
    return PauseAnswer::kLater;
  });
  agent.onResume([&](const AgentResumed& resumed) {
    told.push_back(std::to_string(resumed.held.count()) + " " + resumed.why + " " + resumed.heldBy);
  });
  agent.onOverride([&](const AgentOverride& override) {
    told.push_back(override.op + " " + override.outcome + " " + override.argv.at(1) + " " +
                   std::to_string(override.count));
  });
  CHECK(agent.poll() == 0);
  const UniqueFd peer = listener.accept();
  CHECK(Listener::read(peer)["listen"]["to"] == Json({"override", "pause", "resume"}));
  Listener::say(peer, R"({"id":"0","notice":{"missed":"3","pause":{"within_ms":"5000","why":"time","limit":"x"}}})");
  Listener::say(peer, R"({"id":"0","notice":{"resume":{"held_ms":1500,"why":"asked","held_by":"person"}}})");
  Listener::say(peer,
                R"({"id":"0","notice":{"override":{"op":"exec","outcome":"rewritten","argv":["git","status"]}}})");
  Listener::say(peer, R"({"id":"0","notice":{"weather":{}}})");
  std::size_t count = 0;
  while (count < 4) {
    const std::size_t more = pollUntilSomething(agent);
    REQUIRE(more > 0);
    count += more;
  }
  CHECK(told == std::vector<std::string>{"5000 time x", "1500 asked person", "exec rewritten status 1"});
  CHECK(agent.missedNotices() == 3);
  CHECK(agent.poll() == 0);
}

TEST_CASE("a pause is answered when all callbacks are ready, and nobody waits for the answer to that") {
  Listener listener;
  Agent agent({.socket = listener.path, .timeout = 60s});
  agent.onPause([](const AgentPause&) { return PauseAnswer::kReady; });
  CHECK(agent.poll() == 0);
  const UniqueFd peer = listener.accept();
  (void)Listener::read(peer);
  Listener::say(peer, R"({"id":"0","notice":{"pause":{"within_ms":"5000"}}})");
  CHECK(pollUntilSomething(agent) == 1);
  CHECK(Listener::read(peer).contains("ready"));
}

TEST_CASE("after a lost connection it listens anew for the same") {
  Listener listener;
  Agent agent({.socket = listener.path, .timeout = 5s});
  agent.onResume([](const AgentResumed&) {});
  CHECK(agent.poll() == 0);
  { const UniqueFd peer = listener.accept(); }
  const auto until = std::chrono::steady_clock::now() + 60s;
  pollfd poll{listener.socket.get(), POLLIN, 0};
  while (::poll(&poll, 1, 20) != 1 && std::chrono::steady_clock::now() < until) (void)agent.poll();
  const UniqueFd peer = listener.accept();
  CHECK(Listener::read(peer)["listen"]["to"] == Json({"resume"}));
}

TEST_CASE("a lease is held as long as its connection, and says why it is not") {
  Listener listener;
  Agent agent({.socket = listener.path, .timeout = 60s});
  auto asked = std::async(std::launch::async, [&] { return agent.lease("npu", 2s); });
  std::optional<UniqueFd> peer = listener.accept();
  const Json request = Listener::read(*peer);
  CHECK(request["lease"]["device"] == "npu");
  CHECK(request["lease"]["wait_ms"] == 2000);
  Listener::answer(*peer, request, R"("leased":{"lease":"7","devices":["0000:00:0b.0"],"percent":50})");
  Agent::Lease lease = asked.get();
  CHECK(lease.isHeld());
  CHECK(lease.devices() == std::vector<std::string>{"0000:00:0b.0"});
  CHECK(lease.percent() == 50);
  CHECK(lease.fd() >= 0);
  Listener::say(*peer, R"({"id":"0","notice":{"lease_lost":{"lease":"7","why":"the run was frozen"}}})");
  REQUIRE(Listener::isReadable(lease.fd()));
  CHECK_FALSE(lease.isHeld());
  CHECK(lease.why() == "it was lost: the run was frozen");
  CHECK(Listener::isReadable(peer->get()));
  CHECK(receivePacket(peer->get(), kibibytes(64))->bytes.empty());

  auto again = std::async(std::launch::async, [&] { return agent.lease("npu", 0s); });
  peer = listener.accept();
  Listener::answer(*peer, Listener::read(*peer), R"("error":{"code":"busy","message":"another has it"})");
  Agent::Lease refused = again.get();
  CHECK_FALSE(refused.isHeld());
  CHECK(refused.why() == "busy: another has it");
  CHECK(agent.trouble() == refused.why());
}

TEST_CASE("outside a fence nobody is listened to, and nothing is leased") {
  Agent agent({.socket = "/nonexistent/agent.sock", .timeout = 100ms});
  agent.onPause([](const AgentPause&) { return PauseAnswer::kReady; });
  CHECK(agent.poll() == 0);
  CHECK(agent.noticesFd() == -1);
  CHECK_FALSE(agent.ready());
  Agent::Lease lease = agent.lease("npu", 0s);
  CHECK_FALSE(lease.isHeld());
  CHECK(lease.why().find("there is no socket") != std::string::npos);
}
