#include "sandbox/egress/destination.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/judge.h"
#include "sandbox/egress/name_table.h"

using namespace ringfence;
using namespace ringfence::sandbox;

TEST_CASE("a name is lower case without its last dot, an address has its usual form") {
  CHECK(parseDestination("API.Example.ORG.", 443)->text() == "api.example.org:443");
  CHECK(parseDestination("93.184.216.34", 80)->text() == "93.184.216.34:80");
  CHECK(parseDestination("[2606:2800::1]", 443)->text() == "[2606:2800::1]:443");
  CHECK(parseDestination("2606:2800:0:0::1", 443)->text() == "[2606:2800::1]:443");
  CHECK(parseDestination("::ffff:127.0.0.1", 80)->text() == "127.0.0.1:80");
}

TEST_CASE("what some program would read as an address in an odd form is refused") {
  for (const char* text : {"0x7f.1",
                           "2130706433",
                           "127.1",
                           "0177.0.0.1",
                           "017700000001",
                           "0x7f000001",
                           "127.0.0.1.",
                           "1.2.3.4.5",
                           "0x7F.0x0.0x0.0x1",
                           "127.0.0.01",
                           "fe80::1%eth0",
                           "::1%lo",
                           "host.0x1f",
                           "256.1.1.1",
                           "example.org:80",
                           "*.example.org",
                           "",
                           ".",
                           "a b",
                           "[::1"}) {
    INFO(text);
    CHECK(!parseDestination(text, 80).has_value());
  }
  CHECK(!parseDestination(std::string_view("allowed.org\0.evil.org", 21), 80).has_value());
  CHECK(!parseDestination("example.org", 0).has_value());
}

TEST_CASE("an authority without brackets around an IPv6 address, or with an odd port, is refused") {
  CHECK(parseAuthority("example.org", std::uint16_t{80})->port == 80);
  CHECK(parseAuthority("[::2]:8080", std::uint16_t{80})->text() == "[::2]:8080");
  CHECK(parseAuthority("[2606::2]", std::uint16_t{80})->text() == "[2606::2]:80");
  for (const char* text : {"::1:80", "example.org:", "example.org:0", "example.org:99999", "example.org:80x", "a:b:1",
                           "user@example.org:80", "example.org:+80"}) {
    INFO(text);
    CHECK(!parseAuthority(text, std::uint16_t{80}).has_value());
  }
  CHECK(!parseAuthority("example.org", std::nullopt).has_value());
}

TEST_CASE("a name keeps its address, and no address is given twice") {
  NameTable table;
  const auto first = table.addressOf("a.example.org");
  const auto second = table.addressOf("b.example.org");
  REQUIRE((first && second));
  CHECK(*first != *second);
  CHECK(table.addressOf("a.example.org") == first);
  CHECK(NameTable::isSynthetic(*first));
  CHECK(*table.nameOf(*second) == "b.example.org");
  CHECK(table.nameOf(*second + 1) == nullptr);
  CHECK(!NameTable::isSynthetic(198U << 24 | 20U << 16));
  for (std::size_t i = 2; i < kMaxNames; ++i) REQUIRE(table.addressOf(std::to_string(i) + ".org"));
  CHECK(!table.addressOf("one-more.org"));
  CHECK(table.addressOf("b.example.org") == second);
}

TEST_CASE("the table of a later egress gives none of the first one's addresses, nor those of one shortly before it") {
  NameTable first;
  for (std::size_t i = 0; i < kMaxNames; ++i) REQUIRE(first.addressOf(std::to_string(i) + ".org"));
  for (const int boottime : {0, 1, 77, 1000, 1023, 1024, 86'400, 1'000'000'000}) {
    INFO(boottime);
    NameTable before = NameTable::after(std::chrono::seconds(boottime));
    NameTable later = NameTable::after(std::chrono::seconds(boottime + 1));
    const auto old = before.addressOf("a.example.org");
    const auto again = later.addressOf("a.example.org");
    REQUIRE((old && again));
    CHECK(old != again);
    CHECK(later.nameOf(*old) == nullptr);
    CHECK(*later.nameOf(*again) == "a.example.org");
    for (std::size_t i = 1; i < kMaxNames; ++i) {
      const auto address = later.addressOf(std::to_string(i) + ".org");
      REQUIRE(address);
      REQUIRE(NameTable::isSynthetic(*address));
      REQUIRE(first.nameOf(*address) == nullptr);
    }
    CHECK(!later.addressOf("one-more.org"));
  }
}

namespace {

policy::HostRule rule(std::string host, std::optional<std::uint16_t> port = std::nullopt) {
  policy::HostRule made;
  made.host = std::move(host);
  made.port = port;
  return made;
}
Judge judgeOf(const policy::Network& network) {
  policy::Document document;
  document.network = network;
  return Judge(document, {});
}
policy::Address address(const char* text) { return policy::Address::parse(text).value(); }

}  // namespace

TEST_CASE("a policy that names no host lets nothing out and answers no name") {
  const Judge judge = judgeOf({});
  CHECK(judge.connection(*parseDestination("example.org", 443)).decision == policy::Decision::kForbid);
  CHECK(!judge.mayAnswer("example.org"));
}

TEST_CASE("a name is answered when any of its ports may be reached") {
  policy::Network network;
  network.allow = {rule("git.example.org", 9418), rule("*.cdn.example.org", 443)};
  network.ask = {rule("ask.example.org", 8443)};
  const Judge judge = judgeOf(network);
  CHECK(judge.mayAnswer("git.example.org"));
  CHECK(judge.mayAnswer("a.cdn.example.org"));
  CHECK(judge.mayAnswer("ask.example.org"));
  CHECK(!judge.mayAnswer("cdn.example.org"));
  CHECK(!judge.mayAnswer("other.example.org"));
  CHECK(!judge.mayAnswer("93.184.216.34"));
}

TEST_CASE("an address that is not public is refused after resolution, unless a rule says it literally") {
  policy::Network network;
  network.fallback = policy::Decision::kAllow;
  network.allow = {rule("10.1.2.3", 443)};
  policy::HostRule range;
  range.cidr = "203.0.113.0/24";
  network.forbid = {range};
  const Judge judge = judgeOf(network);
  for (const char* text : {"127.0.0.1",
                           "10.0.0.1",
                           "192.168.1.1",
                           "172.16.0.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "::",
                           "::1",
                           "::7f00:1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::a00:1",
                           "2002:7f00:1::",
                           "2001:0:7f00:1::",
                           "fe80::1",
                           "fd00:ec2::254",
                           "ff02::1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "198.18.0.1",
                           "203.0.113.7"}) {
    INFO(text);
    CHECK(judge.refusalOf(address(text), 443, Asked::kNot).has_value());
  }
  CHECK(!judge.refusalOf(address("10.1.2.3"), 443, Asked::kNot));
  CHECK(judge.refusalOf(address("10.1.2.3"), 80, Asked::kNot));
  CHECK(!judge.refusalOf(address("93.184.216.34"), 443, Asked::kNot));
  CHECK(!judge.refusalOf(address("2606:2800::1"), 443, Asked::kNot));
}

TEST_CASE("an address that a rule asks about literally may be dialled by whom a person allowed that very address") {
  policy::Network network;
  network.fallback = policy::Decision::kAsk;
  network.ask = {rule("10.1.2.3", 443)};
  network.forbid = {rule("10.1.2.4")};
  const Judge judge = judgeOf(network);
  CHECK(!judge.refusalOf(address("10.1.2.3"), 443, Asked::kAddress));
  CHECK(judge.refusalOf(address("10.1.2.3"), 443, Asked::kNot));
  CHECK(judge.refusalOf(address("10.1.2.3"), 80, Asked::kAddress));
  CHECK(judge.refusalOf(address("10.1.2.4"), 443, Asked::kAddress));
  CHECK(judge.refusalOf(address("10.1.2.5"), 443, Asked::kAddress));
  CHECK(!judge.refusalOf(address("93.184.216.34"), 443, Asked::kNot));
}

TEST_CASE("an address that proves to be this machine's own needs a rule that says it, however public it looks") {
  policy::Network network;
  const auto refused = [&network](const char* text, Asked asked) {
    return judgeOf(network).refusalOfOwn(address(text), 443, asked).has_value();
  };
  for (const auto fallback : {policy::Decision::kAllow, policy::Decision::kAsk, policy::Decision::kForbid}) {
    network.fallback = fallback;
    network.allow = {rule("93.184.216.34", 443), rule("own.example.org")};
    network.ask = {rule("2606:2800::1")};
    CHECK(!refused("93.184.216.34", Asked::kNot));
    CHECK(refused("93.184.216.35", Asked::kNot));
    CHECK(refused("93.184.216.35", Asked::kAddress));
    CHECK(refused("2606:2800::1", Asked::kNot));
    CHECK(!refused("2606:2800::1", Asked::kAddress));
    network.ask.clear();
    CHECK(refused("2606:2800::1", Asked::kAddress));
  }
  policy::HostRule range;
  range.cidr = "93.184.216.0/24";
  network.allow = {range};
  CHECK(!refused("93.184.216.35", Asked::kNot));
  network.forbid = {rule("93.184.216.35")};
  CHECK(refused("93.184.216.35", Asked::kNot));
}

TEST_CASE("a replacement is still bound by what is forbidden, and by nothing weaker") {
  policy::Network network;
  network.forbid = {rule("evil.example.org")};
  const Judge judge = judgeOf(network);
  CHECK(judge.replacement(*parseDestination("mirror.example.org", 443)).decision == policy::Decision::kAllow);
  CHECK(judge.replacement(*parseDestination("evil.example.org", 443)).decision == policy::Decision::kForbid);
}
