// What goes out, and what does not: one real egress, the test around it.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/dns_message.h"
#include "sandbox/egress/outer.h"
#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"
#include "tests/sandbox/egress/hello_bytes.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("egress: an allowed tunnel carries bytes both ways, and is on record before the first one leaves") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 8443);
  egress.acknowledge(false);
  egress.giveRules(allowing({host("api.example.org", 8443)}));
  const Wire client = egress.proxy();
  client.send(connectTo("API.example.org.:8443") + "early");
  const Wire outside = server.accept();
  const Record record = egress.expectRecord(RecordKind::kLeavesDevice, "api.example.org:8443");
  CHECK(record.action.what == "http-connect");
  CHECK(has(record.action.object, "tcp 127.0.0.1:"));
  CHECK(record.rule.origin.line == 7);
  CHECK(client.read(kEstablished.size()) == kEstablished);
  outside.send("hello");
  CHECK(client.read(5) == "hello");
  CHECK(!outside.hasBytes());
  egress.send(Recorded{record.ticket});
  CHECK(outside.read(5) == "early");
  client.finish();
  CHECK(outside.readAll().empty());
  outside.send("tail");
  outside.finish();
  CHECK(client.readAll() == "tail");
  const auto traffic = egress.expect<Traffic>([](const Traffic& one) { return one.hosts[0].receivedBytes == 9; });
  CHECK(traffic.hosts == std::vector<HostTraffic>{{"api.example.org", 8443, 5, 9, 1}});
}

TEST_CASE("egress: without rules nothing is answered, and by a policy that names nobody nothing leaves") {
  EgressProcess egress;
  const auto hello = egress.expect<GuardHello>();
  CHECK(hello.kind == GuardKind::kEgress);
  CHECK(!hello.restarted);
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  const Wire client = egress.proxy();
  client.send(connectTo("api.example.org:443"));
  CHECK(!client.hasBytes());
  egress.giveRules({});
  CHECK(egress.expect<RulesInForce>().generation == 1);
  const std::string told = client.readAll();
  CHECK(told.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(has(told, R"({"op":"connect","target":"api.example.org:443","outcome":"forbidden","rule":)"));
  (void)egress.expectRecord(RecordKind::kDenied, "api.example.org:443");
  CHECK(has(egress.denialsText(), "\"target\":\"api.example.org:443\""));
  CHECK(egress.addressInside("api.example.org").empty());
  CHECK(!server.hasClient());
  CHECK(egress.queries().empty());
}

TEST_CASE("egress: an address in an odd form is denied by every protocol and reaches nobody") {
  EgressProcess egress;
  policy::Network network;
  network.fallback = policy::Decision::kAllow;
  egress.giveRules(network);
  const Server local("127.0.0.1", 80);
  const Server any("198.51.100.1", 80);
  std::size_t tried = 0;
  for (const std::string literal : {"::1",
                                    "::ffff:127.0.0.1",
                                    "::ffff:7f00:1",
                                    "::127.0.0.1",
                                    "fe80::1",
                                    "fe80::1%lo",
                                    "64:ff9b::7f00:1",
                                    "64:ff9b:1::7f00:1",
                                    "2002:7f00:1::",
                                    "fc00::1",
                                    "fd00:ec2::254",
                                    "::",
                                    "ff02::1",
                                    "0x7f.1",
                                    "0x7f000001",
                                    "2130706433",
                                    "017700000001",
                                    "127.1",
                                    "127.0.1",
                                    "0177.0.0.1",
                                    "0.0.0.0",
                                    "0",
                                    "127.0.0.1",
                                    "127.8.9.10",
                                    "10.0.0.1",
                                    "172.16.0.1",
                                    "192.168.0.1",
                                    "169.254.169.254",
                                    "100.64.0.1",
                                    "198.18.0.1",
                                    "10.77.0.1",
                                    "localhost",
                                    "localhost.",
                                    "a.localhost"}) {
    INFO(literal);
    const std::string shown = literal.find(':') == std::string::npos ? literal : "[" + literal + "]";
    const Wire connect = egress.proxy();
    connect.send(connectTo(shown + ":80"));
    CHECK(connect.readAll().starts_with("HTTP/1.1 403"));
    const Wire absolute = egress.proxy();
    absolute.send("GET http://" + shown + "/ HTTP/1.1\r\nHost: " + shown + "\r\n\r\n");
    CHECK(absolute.readAll().starts_with("HTTP/1.1 403"));
    const Wire socks = egress.proxy();
    socks.send(socksTo(literal, 80));
    CHECK(socks.read(4) == std::string("\x05\x00\x05\x02", 4));
    ++tried;
  }
  CHECK(tried >= 30);
  CHECK(!local.hasClient());
  CHECK(egress.queries().empty());
  // The same by a public address does arrive.
  const Wire control = egress.proxy();
  control.send(connectTo("198.51.100.1:80"));
  CHECK(control.read(kEstablished.size()) == kEstablished);
  CHECK(any.hasClient());
}

TEST_CASE(
    "egress: a name that resolves to a private, local or metadata address is denied, also the second time alone") {
  EgressProcess egress;
  egress.giveRules(allowing({host("flip.example.org"), host("meta.example.org"), host("six.example.org")}));
  const Server server("198.51.100.1", 443);
  const Server local("127.0.0.1", 443);
  egress.setName("flip.example.org", {"198.51.100.1", "127.0.0.1"});
  egress.setName("meta.example.org", {"169.254.169.254"});
  const Wire first = egress.proxy();
  first.send(connectTo("flip.example.org:443"));
  CHECK(first.read(kEstablished.size()) == kEstablished);
  const Wire outside = server.accept();
  for (const char* name : {"flip.example.org:443", "meta.example.org:443"}) {
    const Wire again = egress.proxy();
    again.send(connectTo(name));
    CHECK(again.readAll().starts_with("HTTP/1.1 403"));
    (void)egress.expectRecord(RecordKind::kDenied, name);
  }
  CHECK(!local.hasClient());
  // What was connected goes on: its address was pinned.
  first.send("still");
  CHECK(outside.read(5) == "still");
}

TEST_CASE("egress: a name has an address of its own inside, others have none, and nobody is asked outside") {
  EgressProcess egress;
  policy::Network network = allowing({host("api.example.org", 443)});
  network.ask = {host("ask.example.org", 9000)};
  egress.giveRules(network);
  const std::string api = egress.addressInside("api.example.org");
  CHECK(api.starts_with("198.18."));
  CHECK(egress.addressInside("api.example.org") == api);
  CHECK(egress.addressInside("ask.example.org") != api);
  CHECK(egress.addressInside("secret-data.evil.example.org").empty());
  const std::string none = egress.askName(dnsQuestion(5, "evil.example.org", kDnsA).value());
  CHECK(parseDnsReply(none, 5, "evil.example.org", kDnsA)->code == DnsCode::kNoSuchName);
  const std::string six = egress.askName(dnsQuestion(6, "api.example.org", kDnsAaaa).value());
  CHECK(parseDnsReply(six, 6, "api.example.org", kDnsAaaa)->code == DnsCode::kNoError);
  CHECK(parseDnsReply(six, 6, "api.example.org", kDnsAaaa)->addresses.empty());
  std::string broken = dnsQuestion(8, "api.example.org", kDnsA).value();
  broken[5] = 7;
  CHECK((egress.askName(broken)[3] & 0xf) == 1);
  const Wire stream = egress.connectInside("9.9.9.9", 53);
  const std::string question = dnsQuestion(9, "api.example.org", kDnsA).value();
  stream.send(test::bytes16(question.size()) + question);
  const std::string length = stream.read(2);
  const std::string answer = stream.read(static_cast<std::size_t>(static_cast<unsigned char>(length[1])));
  CHECK(parseDnsReply(answer, 9, "api.example.org", kDnsA)->addresses[0].text() == api);
  CHECK(egress.queries().empty());
}

TEST_CASE("egress: a program that knows of no proxy connects by name, when TLS names the same host") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.2"});
  egress.giveRules(allowing({host("api.example.org", 443)}));
  const Server server("198.51.100.2", 443);
  const std::string address = egress.addressInside("api.example.org");
  const Wire good = egress.connectInside(address, 443);
  const std::string hello = helloBytes("api.example.org");
  good.send(hello.substr(0, 20));
  good.send(hello.substr(20) + "rest");
  const Wire outside = server.accept();
  CHECK(outside.read(hello.size() + 4) == hello + "rest");
  const Wire fronting = egress.connectInside(address, 443);
  fronting.send(helloBytes("other.example.org"));
  const Wire second = server.accept();
  CHECK(fronting.isReset());
  CHECK(second.readAll().empty());
  const Record record = egress.expectRecord(RecordKind::kDenied, "api.example.org:443");
  CHECK(has(record.rule.why, "other.example.org"));
  const Wire tunnel = egress.proxy();
  tunnel.send(connectTo("api.example.org:443"));
  CHECK(tunnel.read(kEstablished.size()) == kEstablished);
  tunnel.send(helloBytes("other.example.org"));
  CHECK(server.accept().readAll().empty());
}

TEST_CASE("egress: an address that no rule names, and one that was never given to a name, are reset") {
  EgressProcess egress;
  egress.giveRules(allowing({host("198.51.100.3", 25), host("api.example.org")}));
  const Server allowed("198.51.100.3", 25);
  const Server other("198.51.100.4", 25);
  const Wire good = egress.connectInside("198.51.100.3", 25);
  const Wire outside = allowed.accept();
  outside.send("220 hello");
  CHECK(good.read(9) == "220 hello");
  for (const char* address : {"198.51.100.4", "198.18.9.9", "10.77.0.1", "169.254.169.254"}) {
    INFO(address);
    const Wire denied = egress.connectInside(address, 25);
    CHECK(denied.isReset());
    (void)egress.expectRecord(RecordKind::kDenied, std::string(address) + ":25");
  }
  const Wire self = egress.connectInside("127.0.0.1", 15001);
  CHECK(self.isReset());
  CHECK(!other.hasClient());
}

TEST_CASE("egress: every plain request is authorised by itself, and what could be read in two ways is refused") {
  EgressProcess egress;
  egress.setName("web.example.org", {"198.51.100.5"});
  egress.giveRules(allowing({host("web.example.org", 80)}));
  const Server server("198.51.100.5", 80);
  const Wire good = egress.proxy();
  good.send(
      "POST http://web.example.org/a?b HTTP/1.1\r\nHost: web.example.org\r\nContent-Length: 4\r\nUpgrade: h2c\r\n"
      "Connection: upgrade, keep-alive\r\nProxy-Authorization: x\r\n\r\nbody"
      "GET http://evil.example.org/ HTTP/1.1\r\nHost: evil.example.org\r\n\r\n");
  const Wire outside = server.accept();
  const std::string expected =
      "POST /a?b HTTP/1.1\r\nHost: web.example.org\r\ncontent-length: 4\r\nConnection: close\r\n\r\nbody";
  CHECK(outside.read(expected.size()) == expected);
  outside.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfine");
  outside.finish();
  CHECK(has(good.readAll(), "fine"));
  CHECK(outside.readAll().empty());  // The second request went nowhere.
  const std::string start = "GET http://web.example.org/ HTTP/1.1\r\n";
  for (const std::string& request :
       {start + "Host: evil.example.org\r\n\r\n", start + "\r\n",
        start + "Host: web.example.org\r\nHost: web.example.org\r\n\r\n",
        start + "Host: web.example.org\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        start + "Host: web.example.org:81\r\n\r\n", start + "Host: web.example.org\r\n X: folded\r\n\r\n",
        std::string("GET / HTTP/1.1\r\nHost: web.example.org\r\n\r\n"), start + "Host : web.example.org\r\n\r\n",
        start + "Host: web.example.org\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc",
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    INFO(request);
    const Wire odd = egress.proxy();
    odd.send(request);
    const std::string told = odd.readAll();
    CHECK((told.starts_with("HTTP/1.1 400") || told.starts_with("HTTP/1.1 502")));
  }
  const Wire chunked = egress.proxy();
  chunked.send(start.substr(0, start.size()) +
               "Host: web.example.org\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n");
  const Wire half = server.accept();
  CHECK(chunked.readAll().find("200") == std::string::npos);
  CHECK(!has(half.readAll(), "X"));
  CHECK(!server.hasClient());
}

TEST_CASE("egress: on port 80 without a proxy, the request must be for the host that was connected to") {
  EgressProcess egress;
  egress.setName("web.example.org", {"198.51.100.5"});
  egress.giveRules(allowing({host("web.example.org", 80)}));
  const Server server("198.51.100.5", 80);
  const std::string address = egress.addressInside("web.example.org");
  const Wire good = egress.connectInside(address, 80);
  good.send("GET / HTTP/1.1\r\nHost: Web.example.org\r\n\r\nGET /second HTTP/1.1\r\nHost: evil.example.org\r\n\r\n");
  Wire outside = server.accept();
  const std::string expected = "GET / HTTP/1.1\r\nHost: web.example.org\r\nConnection: close\r\n\r\n";
  CHECK(outside.read(expected.size()) == expected);
  outside.send("HTTP/1.1 200 OK\r\n\r\nfine");
  outside.close();
  CHECK(has(good.readAll(), "fine"));
  for (const char* request : {"GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n", "SSH-2.0-x\r\n\r\n",
                              "GET http://evil.example.org/ HTTP/1.1\r\nHost: web.example.org\r\n\r\n"}) {
    INFO(request);
    const Wire bad = egress.connectInside(address, 80);
    bad.send(request);
    CHECK(bad.isReset());
    CHECK(server.accept().readAll().empty());
  }
}

TEST_CASE("egress: slow and half-open clients take no more than their share, and the next one is served when they go") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  egress.giveRules(allowing({host("api.example.org", 443)}));
  const Server server("198.51.100.1", 443);
  std::vector<Wire> slow;
  for (int i = 0; i < 350; ++i) {
    slow.push_back(egress.proxy());
    if (i % 2 == 0) slow.back().send("GET http://a");
  }
  const Wire client = egress.proxy();
  client.send(connectTo("api.example.org:443"));
  CHECK(::kill(egress.outerPid(), 0) == 0);
  slow.clear();
  CHECK(client.read(kEstablished.size()) == kEstablished);
  const Wire huge = egress.proxy();
  huge.send("GET http://api.example.org/ HTTP/1.1\r\nX: " + std::string(70'000, 'a'));
  CHECK(huge.readAll().starts_with("HTTP/1.1 400"));
}

TEST_CASE(
    "egress: where stalled clients have every place, the next one takes that of one of them, and the log says so") {
  const rlimit descriptors{4096, 4096};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  policy::Network network = allowing({host("api.example.org", 443)});
  network.ask = {host("asked.example.org", 443)};
  egress.giveRules(network);
  const Server server("198.51.100.1", 443);
  const Wire working = egress.proxy();
  working.send(connectTo("api.example.org:443") + "a");
  CHECK(working.read(kEstablished.size()) == kEstablished);
  const Wire workingOutside = server.accept();
  CHECK(workingOutside.read(1) == "a");
  const Wire asking = egress.proxy();
  asking.send(connectTo("asked.example.org:443"));
  (void)egress.expect<Ask>();
  std::vector<Wire> stalled;
  for (std::size_t i = 0; i < kMaxConnections + 50; ++i) {
    stalled.push_back(egress.proxy());
    if (i % 2 == 0) stalled.back().send("GET http://a");
  }
  // None of them goes away.
  for (int i = 0; i < 3; ++i) {
    const Wire client = egress.proxy();
    client.send(connectTo("api.example.org:443"));
    CHECK(client.read(kEstablished.size()) == kEstablished);
  }
  const Record record = egress.expectRecord(RecordKind::kDenied, "(not said yet)");
  CHECK(record.rule.text == "connections of a run");
  CHECK(has(record.rule.why, "all 1024 connections that a run may have are in use"));
  CHECK(has(egress.denialsText(), "it was dropped for the next one"));
  CHECK(stalled.front().isReset());
  // Who works, and who waits for a person, stays.
  working.send("b");
  CHECK(workingOutside.read(1) == "b");
  CHECK(!asking.hasBytes());
  CHECK(::kill(egress.outerPid(), 0) == 0);
}

TEST_CASE("egress: a client that sends no more gets its answer, of a tunnel and of one request") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  egress.giveRules(allowing({host("api.example.org")}));
  const std::string inside = egress.addressInside("api.example.org");
  const Server tunnels("198.51.100.1", 7000);
  for (int i = 0; i < 3; ++i) {
    const Wire client = egress.connectInside(inside, 7000);
    client.send("question\n");
    client.finish();
    const Wire outside = tunnels.accept();
    CHECK(outside.readAll() == "question\n");
    outside.send("answer");
    outside.finish();
    CHECK(client.readAll() == "answer");
  }
  const Server plain("198.51.100.1", 80);
  for (const bool proxied : {false, true}) {
    const Wire client = proxied ? egress.proxy() : egress.connectInside(inside, 80);
    client.send(std::string("GET ") + (proxied ? "http://api.example.org/" : "/") +
                " HTTP/1.1\r\nHost: api.example.org\r\n\r\n");
    const Wire outside = plain.accept();
    (void)outside.readUntil("\r\n\r\n");
    client.finish();
    ::usleep(100'000);
    outside.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer");
    outside.finish();
    CHECK(client.readAll().ends_with("\r\n\r\nanswer"));
  }
}

TEST_CASE("egress: a client that sends no more and waits for its refusal gets it, and costs nothing meanwhile") {
  EgressProcess egress;
  egress.acknowledge(false);
  egress.giveRules(allowing({host("api.example.org")}));
  const auto ticks = [&egress] {
    std::istringstream words(readFile("/proc/" + std::to_string(egress.outerPid()) + "/stat"));
    std::vector<std::string> all(std::istream_iterator<std::string>(words), {});
    return std::stol(all.at(13)) + std::stol(all.at(14));
  };
  const Wire client = egress.proxy();
  client.send(connectTo("other.example.org:443"));
  (void)egress.expectRecord(RecordKind::kDenied, "other.example.org:443");
  const long before = ticks();
  client.finish();
  CHECK(client.readAll().starts_with("HTTP/1.1 403"));
  CHECK(ticks() - before < ::sysconf(_SC_CLK_TCK) / 4);
}
