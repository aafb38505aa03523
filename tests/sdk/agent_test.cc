// The C++ library against a socket that says what the test wants: what it is told unasked, and leases.
#include "sdk/agent/agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_all.hpp>
#include <csignal>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

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

TEST_CASE("a lease is given back at its release though a child of fork() lives, and no child ends its parent's") {
  Listener listener;
  Agent agent({.socket = listener.path, .timeout = 60s});
  auto asked = std::async(std::launch::async, [&] { return agent.lease("npu", 0s); });
  const UniqueFd peer = listener.accept();
  Listener::answer(peer, Listener::read(peer), R"("leased":{"lease":"7","devices":["0000:00:0b.0"],"percent":50})");
  Agent::Lease lease = asked.get();
  REQUIRE(lease.isHeld());

  const pid_t ends = ::fork();
  REQUIRE(ends >= 0);
  if (ends == 0) {
    lease.release();
    ::_exit(lease.fd() == -1 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(ends, &status, 0) == ends);
  CHECK(status == 0);
  CHECK(lease.isHeld());

  const pid_t lives = ::fork();
  REQUIRE(lives >= 0);
  if (lives == 0) {
    (void)::alarm(120);
    for (;;) ::pause();
  }
  lease.release();
  const bool isToldSo = Listener::isReadable(peer.get());
  const auto packet = isToldSo ? receivePacket(peer.get(), kibibytes(64)) : Result<Packet>(Packet{});
  (void)::kill(lives, SIGKILL);
  REQUIRE(::waitpid(lives, &status, 0) == lives);
  REQUIRE(isToldSo);
  REQUIRE(packet);
  CHECK(packet->bytes.empty());
  CHECK(lease.why() == "it was released");
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

namespace {

// Takes what comes at a socket and answers reports, in a thread, until it goes.
class Counter {
 public:
  enum class Mood { kAnswers, kHangsUp, kSilent };
  explicit Counter(const Listener& listener, Mood mood) : listener_(listener), mood_(mood) {}
  ~Counter() {
    isOver_ = true;
    thread_.join();
  }
  std::size_t connections() const { return connections_; }
  std::set<std::string> ids() const {
    const std::scoped_lock lock(mutex_);
    return ids_;
  }
  // In force when it returns.
  void setMood(Mood mood) {
    mood_ = mood;
    while (seen_ != mood) std::this_thread::sleep_for(1ms);
  }

 private:
  void run() {
    std::vector<UniqueFd> peers;
    while (!isOver_) {
      const Mood mood = mood_;
      seen_ = mood;
      std::vector<pollfd> polls{{listener_.socket.get(), POLLIN, 0}};
      for (const UniqueFd& peer : peers) polls.push_back({peer.get(), POLLIN, 0});
      if (mood == Mood::kSilent || ::poll(polls.data(), polls.size(), 5) <= 0) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      for (std::size_t i = 1; i < polls.size(); ++i)
        if (polls[i].revents != 0 && !serve(peers[i - 1])) peers[i - 1].reset();
      std::erase_if(peers, [](const UniqueFd& peer) { return !peer; });
      if ((polls[0].revents & POLLIN) == 0) continue;
      ++connections_;
      UniqueFd peer(::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (mood == Mood::kAnswers) peers.push_back(std::move(peer));
    }
  }
  bool serve(const UniqueFd& peer) {
    const auto packet = receivePacket(peer.get(), kibibytes(64));
    if (!packet || packet->bytes.empty()) return false;
    const Json request = Json::parse(packet->bytes);
    std::string what = R"("done":{})";
    if (request.contains("hello")) what = R"("hello":{"protocol":1})";
    if (request.contains("report_usage")) {
      const std::scoped_lock lock(mutex_);
      ids_.insert(request["report_usage"]["id"].get<std::string>());
      what = R"("totals":{"input_tokens":"1","reports":")" + std::to_string(ids_.size()) + "\"}";
      if (request["report_usage"]["model"] == "bad") what = R"("error":{"code":"invalid","message":"no"})";
      if (request["report_usage"]["model"] == "busy") what = R"("error":{"code":"busy","message":"no"})";
    }
    const std::string answer = R"({"id":")" + std::to_string(request["id"].get<std::uint64_t>()) + "\"," + what + "}";
    return sendPacket(peer.get(), answer).has_value() && what.find("invalid") == std::string::npos;
  }

  const Listener& listener_;
  std::atomic<Mood> mood_, seen_ = Mood::kAnswers;
  std::atomic<bool> isOver_ = false;
  std::atomic<std::size_t> connections_ = 0;
  mutable std::mutex mutex_;
  std::set<std::string> ids_;
  std::thread thread_{[this] { run(); }};
};

AgentUsage usage(std::string model, std::string id) {
  AgentUsage used;
  used.model = std::move(model);
  used.inputTokens = 1;
  used.id = std::move(id);
  return used;
}

}  // namespace

TEST_CASE("a lost connection is tried four times a second, and calls between return at once") {
  Listener listener;
  const Counter counter(listener, Counter::Mood::kHangsUp);
  Agent agent({.socket = listener.path, .timeout = 60s});
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) {
    CHECK_FALSE(agent.say("x"));
    CHECK_FALSE(agent.reportUsage(usage("m", std::to_string(i % 10))));
    CHECK_FALSE(agent.safePoint());
  }
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(counter.connections() <= 1 + static_cast<std::size_t>(took / 250ms));
  CHECK(agent.trouble().find("did not answer") != std::string::npos);
}

TEST_CASE("a daemon that stands still is waited for once, and hears all when it goes on") {
  Listener listener;
  Counter counter(listener, Counter::Mood::kAnswers);
  Agent agent({.socket = listener.path, .timeout = 2s});
  REQUIRE(agent.flush());
  REQUIRE(agent.whoami());
  counter.setMood(Counter::Mood::kSilent);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {  // Each would wait for 2 s.
    CHECK_FALSE(agent.say("x"));
    CHECK_FALSE(agent.reportUsage(usage("m", std::to_string(i))));
    CHECK_FALSE(agent.safePoint());
  }
  CHECK(std::chrono::steady_clock::now() - began < 60s);  // One wait of a call and one of a report, of 600 s.
  counter.setMood(Counter::Mood::kAnswers);
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!agent.flush() && std::chrono::steady_clock::now() < until) {}
  CHECK(counter.ids().size() == 100);
  CHECK(agent.say("x"));
  CHECK(agent.lostReports() == 0);
}

TEST_CASE("reports that are not waited for are bounded, sent by whatever is called next, and counted once") {
  Listener listener;
  Counter counter(listener, Counter::Mood::kSilent);
  Agent agent({.socket = listener.path, .timeout = 60s});
  for (int i = 0; i < 2060; ++i) CHECK(agent.reportUsageLater(usage("m", std::to_string(i / 2))));
  CHECK(agent.lostReports() == 6);
  counter.setMood(Counter::Mood::kAnswers);
  REQUIRE(agent.flush());
  CHECK(counter.ids().size() >= 1024);
  CHECK(agent.reportUsageLater(usage("m", "last")));
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!counter.ids().contains("last") && std::chrono::steady_clock::now() < until) (void)agent.poll();
  CHECK(counter.ids().contains("last"));
}

TEST_CASE("a report that is refused as wrong is given up, and one that is busy is kept") {
  Listener listener;
  Counter counter(listener, Counter::Mood::kAnswers);
  Agent agent({.socket = listener.path, .timeout = 60s});
  CHECK_FALSE(agent.reportUsage(usage("bad", "1")));
  CHECK(agent.trouble() == "invalid: no");
  CHECK(agent.flush());
  CHECK(agent.reportUsageLater(usage("bad", "2")));
  CHECK(agent.flush());
  CHECK(agent.lostReports() == 1);
  CHECK_FALSE(agent.reportUsage(usage("busy", "3")));
  CHECK(agent.trouble() == "busy: no");
  CHECK_FALSE(agent.flush());
  AgentUsage longest = usage("m", "4");
  longest.model = std::string(70'000, 'm');
  CHECK_FALSE(agent.reportUsage(longest));
  CHECK(agent.trouble().starts_with("invalid"));
}

TEST_CASE("what an interruption would have it do again goes with safe points and sections, where it is told") {
  Listener listener;
  std::vector<Json> said;
  auto daemon = std::async(std::launch::async, [&] {
    const UniqueFd peer = listener.accept();
    for (int i = 0; i < 6; ++i) {
      said.push_back(Listener::read(peer));
      const bool isSection = said.back().contains("critical_section");
      Listener::answer(peer, said.back(), isSection ? R"("granted":{"milliseconds":"2000"})" : R"("done":{})");
    }
  });
  Agent agent({.socket = listener.path, .timeout = 60s});
  CHECK(agent.safePoint());
  CHECK(agent.safePoint(2500ms));
  { const auto section = agent.criticalSection(2s, 40s); }
  { const auto section = agent.criticalSection(2s); }
  daemon.get();
  CHECK(said[0]["safe_point"] == Json::object());
  CHECK(said[1]["safe_point"] == Json::parse(R"({"redo_seconds":2.5})"));
  CHECK(said[2]["critical_section"] == Json::parse(R"({"seconds":2,"redo_seconds":40.0})"));
  CHECK(said[4]["critical_section"] == Json::parse(R"({"seconds":2})"));
}

TEST_CASE("what an interruption would cost is told with what it is made of, and not at all where nobody knows") {
  Listener listener;
  Json asked;
  auto daemon = std::async(std::launch::async, [&] {
    const UniqueFd peer = listener.accept();
    asked = Listener::read(peer);
    Listener::answer(
        peer, asked,
        R"("interruption_costs":{"freeze":{"seconds":40,"claimed_seconds":39.5,"forbidden":false,"why":"so",)"
        R"("cheaper_after_ms":"3000"},"freeze_and_reclaim":{"seconds":41},)"
        R"("kill":{"seconds":102.5,"tokens":7,"work_cpu_seconds":70,"forbidden":true},)"
        R"("activity":"streaming","since_safe_point_ms":"100000"})");
    Listener::answer(peer, Listener::read(peer), R"("error":{"code":"unavailable","message":"nothing was read"})");
    Listener::answer(peer, Listener::read(peer), R"("interruption_costs":{"freeze":{"seconds":"much"}})");
  });
  Agent agent({.socket = listener.path, .timeout = 60s});
  const auto costs = agent.interruptionCost(30s);
  REQUIRE(costs);
  CHECK(asked["interruption_cost"]["hold_ms"] == 30'000);
  CHECK(costs->freeze.seconds == 40);
  CHECK(costs->freeze.claimedSeconds == 39.5);
  CHECK_FALSE(costs->freeze.tokens);
  CHECK(costs->freeze.cheaperAfter == 3s);
  CHECK(costs->freeze.why == "so");
  CHECK(costs->freezeAndReclaim.seconds == 41);
  CHECK(costs->kill.tokens == 7);
  CHECK(costs->kill.workCpuSeconds == 70);
  CHECK(costs->kill.forbidden);
  CHECK(costs->sinceSafePoint == 100s);
  CHECK(costs->activity == "streaming");
  CHECK_FALSE(agent.interruptionCost());
  CHECK(agent.trouble() == "unavailable: nothing was read");
  CHECK_FALSE(agent.interruptionCost());
  daemon.get();
}
