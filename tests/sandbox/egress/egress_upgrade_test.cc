// ws:// over plain HTTP: judged as a request to its host, a tunnel once that host has agreed, and never before.
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kFields =
    "Host: chat.example.org\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: a\r\n\r\n";
const std::string kByProxy = "GET http://chat.example.org/room HTTP/1.1\r\n" + kFields;
const std::string kDirect = "GET /room HTTP/1.1\r\n" + kFields;
const std::string kSent =
    "GET /room HTTP/1.1\r\nHost: chat.example.org\r\nsec-websocket-key: a\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\n\r\n";
const std::string kAgreed = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

// A run that may reach one host, on its port 80 alone.
struct Chat {
  EgressProcess egress;
  Server server;
  Chat() : server((egress.setName("chat.example.org", {"198.51.100.5"}), "198.51.100.5"), 80) {
    egress.giveRules(allowing({host("chat.example.org", 80)}));
  }
};

}  // namespace

TEST_CASE("egress: a websocket over plain HTTP is tunnelled once its host has agreed, through the proxy and without") {
  Chat chat;
  const std::string address = chat.egress.addressInside("chat.example.org");
  for (const bool byProxy : {true, false}) {
    CAPTURE(byProxy);
    const Wire client = byProxy ? chat.egress.proxy() : chat.egress.connectInside(address, 80);
    client.send((byProxy ? kByProxy : kDirect) + "early");
    const Wire outside = chat.server.accept();
    CHECK(outside.read(kSent.size()) == kSent);
    outside.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    CHECK(client.readUntil("\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    CHECK(!outside.hasBytes());  // What came early waits for the answer.
    outside.send(kAgreed + "hello");
    CHECK(client.readUntil("\r\n\r\n") == kAgreed);
    CHECK(client.read(5) == "hello");
    CHECK(outside.read(5) == "early");
    const std::string large(300'000, 'x');
    client.send(large);
    CHECK(outside.read(large.size()) == large);
    outside.send("down");
    CHECK(client.read(4) == "down");
    client.finish();
    CHECK(outside.readAll().empty());
    outside.send("last");
    outside.finish();
    CHECK(client.readAll() == "last");
  }
  const auto counted = chat.egress.expect<Traffic>(
      [](const Traffic& one) { return one.hosts.size() == 1 && one.hosts[0].connections == 2; });
  CHECK(counted.hosts[0].host == "chat.example.org");
}

TEST_CASE("egress: a host that does not agree gets one request, and nothing that the client says after it") {
  Chat chat;
  const Wire client = chat.egress.proxy();
  client.send(kByProxy + "GET /second HTTP/1.1\r\nHost: evil.example.org\r\n\r\n");
  Wire outside = chat.server.accept();
  CHECK(outside.read(kSent.size()) == kSent);
  outside.send("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nno");
  CHECK(client.readUntil("\r\n\r\nno") == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  client.send("GET /third HTTP/1.1\r\nHost: evil.example.org\r\n\r\n");
  client.finish();
  CHECK(outside.readAll().empty());
}

TEST_CASE("egress: a host that changes to what nobody asked for, or does not speak HTTP, is not heard") {
  Chat chat;
  for (const std::string answer : {"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                                   "HTTP/1.1 101 Switching\r\n\r\n", "SSH-2.0-x\r\n\r\n"}) {
    INFO(answer);
    const Wire client = chat.egress.proxy();
    client.send(kByProxy + "early");
    const Wire outside = chat.server.accept();
    CHECK(outside.read(kSent.size()) == kSent);
    outside.send(answer);
    const std::string told = client.readAll();
    CHECK(told.starts_with("HTTP/1.1 502"));
    CHECK(has(told, "the answer of chat.example.org:80"));
    CHECK(outside.readAll().empty());
  }
}

TEST_CASE(
    "egress: a websocket is asked about, forbidden and cut as its host is, and other upgrades are refused in words") {
  Chat chat;
  const Wire open = chat.egress.proxy();
  open.send(kByProxy);
  const Wire outside = chat.server.accept();
  CHECK(outside.read(kSent.size()) == kSent);
  outside.send(kAgreed);
  CHECK(open.readUntil("\r\n\r\n") == kAgreed);
  policy::Network network;
  network.ask = {host("chat.example.org", 80)};
  chat.egress.giveRules(network);
  CHECK(open.isReset());
  const Wire asking = chat.egress.proxy();
  asking.send(kByProxy);
  const Ask ask = chat.egress.expect<Ask>();
  CHECK(ask.action.action.target == "chat.example.org:80");
  Answer no;
  no.ask = ask.ask;
  no.outcome = Outcome::kDenied;
  no.say = "not today";
  chat.egress.send(no);
  CHECK(has(asking.readAll(), "not today"));
  const Wire other = chat.egress.proxy();
  other.send(
      "GET http://chat.example.org/ HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n");
  const std::string told = other.readAll();
  CHECK(told.starts_with("HTTP/1.1 400"));
  CHECK(has(told, "something other than websocket is not carried"));
  CHECK(!chat.server.hasClient());
}

TEST_CASE("egress: no byte of a websocket beyond the limit of what may be sent leaves") {
  Chat chat;
  policy::Network network = allowing({host("chat.example.org", 80)});
  network.sendLimit = Bytes{kSent.size() + 10};
  chat.egress.giveRules(network);
  const Wire client = chat.egress.proxy();
  client.send(kByProxy);
  const Wire outside = chat.server.accept();
  CHECK(outside.read(kSent.size()) == kSent);
  outside.send(kAgreed);
  CHECK(client.readUntil("\r\n\r\n") == kAgreed);
  client.send(std::string(100, 'x'));
  CHECK(outside.readAll() == std::string(10, 'x'));
}

TEST_CASE("egress: a credential is never sent with a change of the protocol") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  policy::Network network = allowing({host("api.example.org", 443)});
  policy::Credential credential;
  credential.host = "api.example.org";
  credential.header = "Authorization";
  network.credentials = {credential};
  egress.giveRules(network, {"the-secret"});
  for (const char* protocol : {"websocket", "tcp"}) {
    const Wire client = egress.proxy();
    client.send(std::string("GET /.ringfence/credential/0/realtime HTTP/1.1\r\nHost: 127.0.0.1:9480\r\nUpgrade: ") +
                protocol + "\r\nConnection: Upgrade\r\n\r\n");
    const std::string told = client.readAll();
    CHECK(told.starts_with("HTTP/1.1 400"));
    CHECK(has(told, "not asked for with a credential"));
  }
  CHECK(!server.hasClient());
}
