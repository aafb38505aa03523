// Addresses of this machine and of private networks: who reaches them, and who does not.
#include <cerrno>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

policy::Network asking(const std::string& name) {
  policy::Network network;
  network.ask = {host(name)};
  return network;
}

Answer allowed(const Ask& ask) {
  Answer made;
  made.ask = ask.ask;
  made.outcome = Outcome::kAllowed;
  return made;
}

}  // namespace

TEST_CASE("egress: an address of this machine that a rule asks about is reached when it is allowed, and by no name") {
  EgressProcess egress;
  egress.setName("name.example.org", {"127.0.0.1"});
  const Server server("127.0.0.1", 8443);
  policy::Network network;
  network.ask = {host("127.0.0.1", 8443), host("name.example.org")};
  egress.giveRules(network);
  const Wire client = egress.proxy();
  client.send(connectTo("127.0.0.1:8443") + "hello");
  egress.send(allowed(egress.expect<Ask>()));
  CHECK(client.read(kEstablished.size()) == kEstablished);
  const Wire outside = server.accept();
  CHECK(outside.read(5) == "hello");
  (void)egress.expectRecord(RecordKind::kLeavesDevice, "127.0.0.1:8443");
  (void)egress.expect<RulesInForce>();
  egress.giveRules(network);
  CHECK(egress.expect<RulesInForce>().cut == 0);
  outside.send("word");
  CHECK(client.read(4) == "word");
  const Wire named = egress.proxy();
  named.send(connectTo("name.example.org:8443"));
  egress.send(allowed(egress.expect<Ask>()));
  CHECK(named.readAll().starts_with("HTTP/1.1 403"));
  CHECK(!server.hasClient());
  network.ask.clear();
  egress.giveRules(network);
  CHECK(egress.expect<RulesInForce>().cut == 1);
  CHECK(client.isReset());
}

TEST_CASE("egress: what a person sends to an address that no rule names is denied, and not on record as opened") {
  EgressProcess egress;
  const Server server("127.0.0.1", 8443);
  egress.giveRules(asking("ask.example.org"));
  const Wire client = egress.proxy();
  client.send(connectTo("ask.example.org:8443"));
  Answer other = allowed(egress.expect<Ask>());
  other.outcome = Outcome::kRewritten;
  other.rewrite.host = "127.0.0.1";
  egress.send(other);
  CHECK(client.readAll().starts_with("HTTP/1.1 403"));
  CHECK(egress.expect<Record>().kind == RecordKind::kDenied);
  CHECK(egress.expect<Performed>().sysErrno == EACCES);
  CHECK(!server.hasClient());
}

TEST_CASE("egress: this machine's own address is reached by whom a rule names it to, and by nobody else") {
  EgressProcess egress;
  egress.setName("own.example.org", {"198.51.100.10"});
  egress.setName("other.example.org", {"198.51.100.1"});
  const Server own("198.51.100.10", 8443);
  const Server other("198.51.100.1", 8443);
  policy::Network network;
  network.fallback = policy::Decision::kAllow;
  network.allow = {host("own.example.org")};
  egress.giveRules(network);
  for (const std::string target : {"198.51.100.10:8443", "own.example.org:8443"}) {
    const Wire client = egress.proxy();
    client.send(connectTo(target) + "secret");
    const std::string told = client.readAll();
    CHECK(told.starts_with("HTTP/1.1 403"));
    CHECK(told.find("a rule must name it") != std::string::npos);
    (void)egress.expectRecord(RecordKind::kDenied, target);
    CHECK(own.accept().readAll().empty());
  }
  const Wire without = egress.connectInside("198.51.100.10", 8443);
  CHECK(without.isReset());
  CHECK(own.accept().readAll().empty());
  const Wire elsewhere = egress.proxy();
  elsewhere.send(connectTo("other.example.org:8443"));
  CHECK(elsewhere.read(kEstablished.size()) == kEstablished);
  network.allow = {host("198.51.100.10", 8443)};
  egress.giveRules(network);
  const Wire named = egress.proxy();
  named.send(connectTo("198.51.100.10:8443") + "hello");
  CHECK(named.read(kEstablished.size()) == kEstablished);
  const Wire outside = own.accept();
  CHECK(outside.read(5) == "hello");
  (void)egress.expect<RulesInForce>([](const RulesInForce& rules) { return rules.generation == 2; });
  // As soon as no rule names it any more, though any other address is allowed.
  network.allow.clear();
  egress.giveRules(network);
  CHECK(egress.expect<RulesInForce>([](const RulesInForce& rules) { return rules.generation == 3; }).cut == 1);
  CHECK(named.isReset());
}

TEST_CASE("egress: an address that one before gave to a name is no other name's after it") {
  std::string before;
  {
    EgressProcess first;
    first.giveRules(allowing({host("a.example.org")}));
    before = first.addressInside("a.example.org");
    REQUIRE_FALSE(before.empty());
  }
  EgressProcess egress({"--restarted"});
  egress.setName("b.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 8443);
  egress.giveRules(allowing({host("a.example.org"), host("b.example.org")}));
  const std::string now = egress.addressInside("b.example.org");
  CHECK(now != before);
  CHECK(egress.connectInside(before, 8443).isReset());
  CHECK_FALSE(server.hasClient());
  const Wire client = egress.connectInside(now, 8443);
  client.send("hello");
  CHECK(server.accept().read(5) == "hello");
}
