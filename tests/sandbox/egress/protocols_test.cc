#include "sandbox/egress/client_hello.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/dns_message.h"
#include "sandbox/egress/socks.h"
#include "tests/sandbox/egress/hello_bytes.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using test::bytes16;
using test::helloBytes;

TEST_CASE("the server name of a hello is read, in one record or in many") {
  const std::string hello = helloBytes("Example.ORG");
  for (std::size_t cut = 0; cut < hello.size(); ++cut)
    CHECK(std::holds_alternative<NeedMore>(parseClientHello(hello.substr(0, cut))));
  const auto whole = parseClientHello(hello);
  REQUIRE(std::holds_alternative<ClientHello>(whole));
  CHECK(std::get<ClientHello>(whole).serverName == "example.org");
  CHECK(!std::get<ClientHello>(whole).encrypted);
  std::string pieces;
  const std::string handshake = hello.substr(5);
  for (std::size_t at = 0; at < handshake.size(); at += 7) {
    const std::string piece = handshake.substr(at, 7);
    pieces += "\x16\x03\x01" + bytes16(piece.size()) + piece;
  }
  const auto split = parseClientHello(pieces);
  REQUIRE(std::holds_alternative<ClientHello>(split));
  CHECK(std::get<ClientHello>(split).serverName == "example.org");
}

TEST_CASE("a hello in very many pieces is refused") {
  std::string pieces;
  for (const char c : helloBytes("example.org")) pieces += "\x16\x03\x01" + bytes16(1) + c;
  CHECK(std::holds_alternative<Error>(parseClientHello(pieces)));
}

TEST_CASE("a hello without a name, or with an encrypted one, says so") {
  const auto none = parseClientHello(helloBytes(""));
  REQUIRE(std::holds_alternative<ClientHello>(none));
  CHECK(!std::get<ClientHello>(none).serverName);
  const auto encrypted = parseClientHello(helloBytes("outer.org", bytes16(0xfe0d) + bytes16(1) + "x"));
  REQUIRE(std::holds_alternative<ClientHello>(encrypted));
  CHECK(std::get<ClientHello>(encrypted).encrypted);
}

TEST_CASE("a hello that names two servers or does not fit is refused; other bytes are no TLS") {
  const std::string twice = bytes16(0) + bytes16(8) + bytes16(6) + '\0' + bytes16(3) + "b.c";
  CHECK(std::holds_alternative<Error>(parseClientHello(helloBytes("a.org", twice))));
  CHECK(std::holds_alternative<Error>(parseClientHello(helloBytes("a.org", bytes16(9) + bytes16(200) + "x"))));
  std::string other = helloBytes("a.org");
  other[5] = 2;
  CHECK(std::holds_alternative<Error>(parseClientHello(other)));
  CHECK(std::holds_alternative<Error>(parseClientHello(std::string("\x16\x03\x01") + bytes16(0))));
  CHECK(std::holds_alternative<NotTls>(parseClientHello("SSH-2.0-x")));
  CHECK(std::holds_alternative<NotTls>(parseClientHello("GET / HTTP/1.1")));
}

TEST_CASE("a SOCKS request names a host, an address, or is refused with its code") {
  const auto request = [](const std::string& rest) { return parseSocksRequest(std::string("\x05", 1) + rest); };
  using namespace std::string_literals;
  const auto named = request("\x01\x00\x03\x0b"s + "example.org" + bytes16(443));
  REQUIRE(std::holds_alternative<SocksRequest>(named));
  CHECK(std::get<SocksRequest>(named).destination.text() == "example.org:443");
  CHECK(std::get<SocksRequest>(named).length == 18);
  const auto v4 = request("\x01\x00\x01\x5d\xb8\xd8\x22"s + bytes16(80));
  REQUIRE(std::holds_alternative<SocksRequest>(v4));
  CHECK(std::get<SocksRequest>(v4).destination.text() == "93.184.216.34:80");
  const auto refused = [&](const std::string& rest) {
    const auto parsed = request(rest);
    REQUIRE(std::holds_alternative<SocksRefusal>(parsed));
    return std::get<SocksRefusal>(parsed).reply;
  };
  CHECK(refused("\x02\x00\x01\x5d\xb8\xd8\x22"s + bytes16(80)) == SocksReply::kCommandUnknown);
  CHECK(refused("\x01\x00\x07\x01"s) == SocksReply::kAddressUnknown);
  CHECK(refused("\x01\x00\x03\x0c"s + "good.org\0.ev"s + bytes16(443)) == SocksReply::kNotAllowed);
  CHECK(refused("\x01\x00\x03\x03"s + "0x7" + bytes16(80)) == SocksReply::kNotAllowed);
  CHECK(refused("\x01\x01\x03\x01"s) == SocksReply::kFailure);
  CHECK(std::holds_alternative<NeedMore>(request("\x01\x00\x03\x0b"s + "exam")));
}

TEST_CASE("a SOCKS greeting without the way without a password is answered with no way") {
  using namespace std::string_literals;
  const auto open = parseSocksGreeting("\x05\x02\x02\x00rest"s);
  REQUIRE(std::holds_alternative<SocksGreeting>(open));
  CHECK(std::get<SocksGreeting>(open).length == 4);
  CHECK(socksGreetingReply(std::get<SocksGreeting>(open)) == "\x05\x00"s);
  const auto closed = parseSocksGreeting("\x05\x01\x02"s);
  CHECK(socksGreetingReply(std::get<SocksGreeting>(closed)) == "\x05\xff"s);
  CHECK(std::holds_alternative<Error>(parseSocksGreeting("\x04\x01"s)));
}

TEST_CASE("a DNS question is read and answered with one address") {
  const std::string bytes = dnsQuestion(0x1234, "API.example.org", kDnsA).value();
  const auto parsed = parseDnsQuery(bytes);
  REQUIRE(std::holds_alternative<DnsQuestion>(parsed));
  const auto& question = std::get<DnsQuestion>(parsed);
  CHECK(question.name == "api.example.org");
  CHECK(question.type == kDnsA);
  const std::string answer = dnsAnswer(question, DnsCode::kNoError, DnsAddress{.v4 = 0xc6120010, .seconds = 60});
  const auto reply = parseDnsReply(answer, 0x1234, "api.example.org", kDnsA);
  REQUIRE(reply);
  REQUIRE(reply->addresses.size() == 1);
  CHECK(reply->addresses[0].text() == "198.18.0.16");
  CHECK(!parseDnsReply(answer, 0x1235, "api.example.org", kDnsA));
  CHECK(!parseDnsReply(answer, 0x1234, "other.example.org", kDnsA));
  CHECK(!parseDnsReply(answer, 0x1234, "api.example.org", kDnsAaaa));
  CHECK(parseDnsReply(dnsAnswer(question, DnsCode::kNoSuchName), 0x1234, "api.example.org", kDnsA)->code ==
        DnsCode::kNoSuchName);
}

TEST_CASE("a malformed DNS question is answered with a format error, an answer with nothing") {
  const std::string good = dnsQuestion(7, "example.org", kDnsA).value();
  const auto code = [](const std::string& bytes) {
    const auto parsed = parseDnsQuery(bytes);
    REQUIRE(std::holds_alternative<DnsRefuse>(parsed));
    return std::get<DnsRefuse>(parsed).code;
  };
  std::string two = good;
  two[5] = 2;
  CHECK(code(two) == DnsCode::kFormatError);
  CHECK(code(good.substr(0, 20)) == DnsCode::kFormatError);
  CHECK(code(good + "x") == DnsCode::kFormatError);
  std::string pointer = good;
  pointer[12] = '\xc0';
  CHECK(code(pointer) == DnsCode::kFormatError);
  std::string dotted = good;
  dotted[14] = '.';
  CHECK(code(dotted) == DnsCode::kFormatError);
  std::string update = good;
  update[2] = 0x28;
  CHECK(code(update) == DnsCode::kNotImplemented);
  std::string answer = good;
  answer[2] = '\x81';
  CHECK(std::holds_alternative<DnsIgnore>(parseDnsQuery(answer)));
  CHECK(std::holds_alternative<DnsIgnore>(parseDnsQuery("short")));
}

TEST_CASE("aliases are followed in an answer, and pointers that run in circles are not") {
  const std::string question = dnsQuestion(7, "a.org", kDnsA).value();
  std::string answer = question;
  answer[2] = '\x81';
  answer[7] = 2;
  using namespace std::string_literals;
  answer += "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x07\x01"s + "b\x03org\x00"s;
  std::string good = answer + "\x01"s + "b\x03org\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x5d\xb8\xd8\x22"s;
  const auto reply = parseDnsReply(good, 7, "a.org", kDnsA);
  REQUIRE(reply);
  REQUIRE(reply->addresses.size() == 1);
  CHECK(reply->addresses[0].text() == "93.184.216.34");
  std::string circle = question;
  circle[2] = '\x81';
  circle[7] = 1;
  circle += "\xc0"s + static_cast<char>(question.size()) + "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x5d\xb8\xd8\x22"s;
  CHECK(parseDnsReply(circle, 7, "a.org", kDnsA)->addresses.empty());
}
