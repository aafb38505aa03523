// A run that is held: its clients do not read, and here they are the test, which does not either. The servers are real.
#include <sys/socket.h>

#include <csignal>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/spool.h"
#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

// A stream as of a model, far more than what all buffers on the way hold of it.
std::string stream(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += "data: {\"event\":" + std::to_string(i) + "}\n\n";
  text.resize(bytes);
  return text;
}

// Its server's patience with a client that takes nothing, and buffers that hide nothing.
void shrink(const Wire& wire, int option, int seconds) {
  const int bytes = option == SO_RCVBUF ? 65536 : 4096;  // Smaller windows take minutes to hand it on.
  const timeval patience{seconds, 0};
  REQUIRE(::setsockopt(wire.fd(), SOL_SOCKET, option, &bytes, sizeof bytes) == 0);
  if (option == SO_SNDBUF) REQUIRE(::setsockopt(wire.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
}

// How much of it the server could write before its patience ended.
std::size_t written(const Wire& server, const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t sent =
        ::send(server.fd(), bytes.data() + at, std::min<std::size_t>(2048, bytes.size() - at), MSG_NOSIGNAL);
    if (sent <= 0) return at;
    at += static_cast<std::size_t>(sent);
  }
  return at;
}

struct Pair {
  Wire client, server;
};

Pair tunnel(EgressProcess& egress, const Server& listener, const std::string& to) {
  Pair pair;
  pair.client = egress.proxy();
  pair.client.send(connectTo(to));
  pair.server = listener.accept();
  CHECK(pair.client.read(kEstablished.size()) == kEstablished);
  return pair;
}

}  // namespace

TEST_CASE("egress: what a server streams to a run that is held is kept, and handed on whole, in order, once") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  Pair pair = tunnel(egress, listener, "198.51.100.1:443");
  shrink(pair.client, SO_RCVBUF, 0);
  shrink(pair.server, SO_SNDBUF, 5);
  egress.send(RunHeld{true});
  const std::string events = stream(kMostSpooled);  // The kernel takes half of it at most.
  CHECK(written(pair.server, events) == events.size());
  (void)egress.expect<Traffic>([&](const Traffic& one) { return one.hosts.at(0).receivedBytes == events.size(); });
  pair.server.finish();
  egress.send(RunHeld{false});
  CHECK(pair.client.readAll() == events);
  egress.send(RunHeld{true});  // Which ends the watching of the first.
  const auto report = egress.expect<HoldReport>();
  CHECK(report.connections == 1);
  CHECK(report.reset == 0);
  CHECK(report.full == 0);
  CHECK(report.keptBytes > events.size() / 4);
  CHECK(report.keptBytes <= kMostSpooled);
}

TEST_CASE("egress: the same server gives up a run whose egress is held with it") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  Pair pair = tunnel(egress, listener, "198.51.100.1:443");
  shrink(pair.client, SO_RCVBUF, 0);
  shrink(pair.server, SO_SNDBUF, 1);
  REQUIRE(::kill(egress.outerPid(), SIGSTOP) == 0);
  const std::string events = stream(2 * kMostSpooled);
  CHECK(written(pair.server, events) < events.size());
  REQUIRE(::kill(egress.outerPid(), SIGCONT) == 0);
}

TEST_CASE("egress: a server that sends without end waits when its share is full, and others keep theirs") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  Pair endless = tunnel(egress, listener, "198.51.100.1:443");
  Pair other = tunnel(egress, listener, "198.51.100.1:443");
  shrink(endless.client, SO_RCVBUF, 0);
  shrink(endless.server, SO_SNDBUF, 2);
  egress.send(RunHeld{true});
  const std::string all = stream(4 * kMostSpooled);
  std::size_t taken = written(endless.server, all);
  CHECK(taken > kMostSpooled);
  // What the server's patience ended before is still on its way through the kernel, and makes room there for more.
  (void)egress.expect<Traffic>([](const Traffic& one) { return one.hosts.at(0).receivedBytes >= kMostSpooled; });
  while (const std::size_t more = written(endless.server, all.substr(taken))) taken += more;
  CHECK(taken < all.size());
  other.server.send("still here");
  other.server.finish();
  egress.send(RunHeld{false});
  CHECK(other.client.readAll() == "still here");
  CHECK(endless.client.read(taken) == all.substr(0, taken));
  egress.send(RunHeld{true});
  const auto report = egress.expect<HoldReport>();
  CHECK(report.connections == 2);
  CHECK(report.full == 1);
  CHECK(report.keptBytes >= kMostSpooled);
  CHECK(report.keptBytes < kMostSpooled + (1 << 20));
}

TEST_CASE("egress: connections that break while a run is held are counted, and what came before is handed on") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  Pair kept = tunnel(egress, listener, "198.51.100.1:443");
  Pair closes = tunnel(egress, listener, "198.51.100.1:443");
  Pair breaks = tunnel(egress, listener, "198.51.100.1:443");
  egress.send(RunHeld{true});
  closes.server.send("all of it");
  closes.server.finish();
  const linger reset{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(breaks.server.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
  breaks.server.close();
  CHECK(breaks.client.readAll().empty());
  CHECK(closes.client.readAll() == "all of it");
  egress.send(RunHeld{false});
  kept.client.send("on");
  CHECK(kept.server.read(2) == "on");
  egress.send(RunHeld{true});
  const auto report = egress.expect<HoldReport>();
  CHECK(report.connections == 3);
  CHECK(report.closed == 1);
  CHECK(report.reset == 1);
}

TEST_CASE("egress: whether a run waits for an answer or gets one is told by the way its bytes go") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  Pair pair = tunnel(egress, listener, "198.51.100.1:443");
  pair.client.send(std::string(600, 'q'));
  CHECK(pair.server.read(600).size() == 600);
  CHECK(egress.expect<NetworkActivity>().state == NetworkState::kWaiting);
  pair.server.send("data: x\n\n");
  CHECK(egress.expect<NetworkActivity>().state == NetworkState::kStreaming);
  const auto quiet = egress.expect<NetworkActivity>();
  CHECK(quiet.state == NetworkState::kQuiet);
  CHECK(quiet.turns == 1);
  CHECK(quiet.quietForMs >= 3'000);
  egress.send(Repeat{});  // Another daemon.
  CHECK(egress.expect<NetworkActivity>().turns == 1);
}

TEST_CASE("egress: a call that is deferred is made when it is let, and only what comes later waits") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1"), host("198.51.100.2")}));
  const Server listener("198.51.100.1", 443), another("198.51.100.2", 443);
  Pair before = tunnel(egress, listener, "198.51.100.1:443");
  egress.send(DeferCalls{true});
  const Wire client = egress.proxy();
  client.send(connectTo("198.51.100.1:443"));
  before.client.send("goes on");
  CHECK(before.server.read(7) == "goes on");
  // It is denied at once, also now: by then the egress has seen the other.
  const Wire denied = egress.proxy();
  denied.send(connectTo("198.51.100.9:443"));
  CHECK(denied.readAll().starts_with("HTTP/1.1 403"));
  CHECK_FALSE(listener.hasClient());
  CHECK_FALSE(client.hasBytes());
  egress.send(DeferCalls{false});
  const Wire outside = listener.accept();
  CHECK(client.read(kEstablished.size()) == kEstablished);
  (void)tunnel(egress, another, "198.51.100.2:443");
}

TEST_CASE("egress: a call that nobody lets waits as long as clients are patient, and then is made") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.1")}));
  const Server listener("198.51.100.1", 443);
  (void)tunnel(egress, listener, "198.51.100.1:443");
  egress.send(DeferCalls{true});
  const Wire client = egress.proxy();
  const auto began = std::chrono::steady_clock::now();
  client.send(connectTo("198.51.100.1:443"));
  const Wire outside = listener.accept();
  CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(3'900));
}
