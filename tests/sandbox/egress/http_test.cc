#include "sandbox/egress/http_head.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/http_body.h"
#include "sandbox/egress/http_upgrade.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

HttpHead head(const std::string& text) {
  auto parsed = parseHttpHead(text);
  REQUIRE(std::holds_alternative<HttpHead>(parsed));
  return std::get<HttpHead>(std::move(parsed));
}
bool isBad(const std::string& text) { return std::holds_alternative<Error>(parseHttpHead(text)); }

}  // namespace

TEST_CASE("a head is read when its empty line is there, and not before") {
  const std::string text = "GET http://example.org/a HTTP/1.1\r\nHost: example.org\r\nX-One:  two \r\n\r\nrest";
  for (std::size_t cut = 0; cut + 4 < text.size(); ++cut)
    CHECK(std::holds_alternative<NeedMore>(parseHttpHead(text.substr(0, cut))));
  const HttpHead read = head(text);
  CHECK(read.method == "GET");
  CHECK(read.target == "http://example.org/a");
  CHECK(read.fields == std::vector<HttpField>{{"host", "example.org"}, {"x-one", "two"}});
  CHECK(text.substr(read.length) == "rest");
}

TEST_CASE("a head that two programs could read differently is refused") {
  for (const std::string text :
       {"GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET /\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\n folded: a\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nnothing\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    INFO(text);
    CHECK(isBad(text));
  }
  CHECK(isBad(std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24)));
  CHECK(isBad("GET / HTTP/1.1\r\nA: " + std::string(kMaxHttpHead.count, 'a')));
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i <= kMaxHttpFields; ++i) many += "A: b\r\n";
  CHECK(isBad(many + "\r\n"));
}

TEST_CASE("a body whose end could be read in two ways is refused") {
  const auto framing = [](const std::string& fields, const char* version = "1.1") {
    return framingOf(head(std::string("POST / HTTP/") + version + "\r\n" + fields + "\r\n"));
  };
  CHECK(std::get<BodyLength>(*framing("Content-Length: 12\r\n")).bytes == 12);
  CHECK(std::holds_alternative<Chunked>(*framing("Transfer-Encoding: Chunked\r\n")));
  CHECK(std::holds_alternative<NoBody>(*framing("")));
  for (const char* fields :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n", "Content-Length: -1\r\n", "Content-Length: 0x1\r\n",
        "Content-Length:\r\n", "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    INFO(fields);
    CHECK(!framing(fields).has_value());
  }
  CHECK(!framing("Transfer-Encoding: chunked\r\n", "1.0").has_value());
}

TEST_CASE("a target in absolute form names its host, and no user") {
  const auto target = parseAbsoluteTarget("HTTP://Example.org:8080/a/b?c=d");
  REQUIRE(target);
  CHECK(target->destination.text() == "example.org:8080");
  CHECK(target->origin == "/a/b?c=d");
  CHECK(parseAbsoluteTarget("http://example.org")->origin == "/");
  CHECK(parseAbsoluteTarget("http://example.org?q")->origin == "/?q");
  for (const char* text : {"https://example.org/", "http://a@example.org/", "http://0x7f.1/", "http://example.org/#x",
                           "/path", "http:///path", "ftp://example.org/"}) {
    INFO(text);
    CHECK(!parseAbsoluteTarget(text).has_value());
  }
}

TEST_CASE("one Host field is needed") {
  CHECK(hostOf(head("GET / HTTP/1.1\r\nHost: A.org\r\n\r\n"), 80)->text() == "a.org:80");
  CHECK(!hostOf(head("GET / HTTP/1.1\r\n\r\n"), 80).has_value());
  CHECK(!hostOf(head("GET / HTTP/1.1\r\nHost: a.org\r\nHost: b.org\r\n\r\n"), 80).has_value());
}

TEST_CASE("what is forwarded is one request without anything meant for a proxy alone") {
  const HttpHead read = head(
      "POST http://a.org/x HTTP/1.1\r\nHost: a.org\r\nConnection: keep-alive, X-Private\r\nProxy-Authorization: "
      "secret\r\n"
      "X-Private: 1\r\nUpgrade: websocket\r\nX-Api-Key: mine\r\nContent-Length: 3\r\nAccept: */*\r\n\r\n");
  const auto made = forwardedHead(read, {.target = "/x", .host = "a.org", .set = {{"x-api-key", "theirs"}}});
  REQUIRE(made);
  CHECK(*made ==
        "POST /x HTTP/1.1\r\nHost: a.org\r\ncontent-length: 3\r\naccept: */*\r\nx-api-key: theirs\r\nConnection: "
        "close\r\n\r\n");
  CHECK(!forwardedHead(head("POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\n"),
                       {.target = "/", .host = "a", .set = {}})
             .has_value());
}

TEST_CASE("a change to websocket is carried, what may be passed over is, and the rest is refused") {
  const auto upgrade = [](const std::string& fields, const std::string& start = "GET / HTTP/1.1") {
    const HttpHead read = head(start + "\r\nHost: a\r\n" + fields + "\r\n");
    return upgradeOf(read, framingOf(read).value());
  };
  CHECK(upgrade("Connection: Upgrade\r\nUpgrade: WebSocket\r\n").value() == Upgrade::kWebSocket);
  CHECK(upgrade("Connection: a, upgrade\r\nUpgrade: h2c, websocket\r\n").value() == Upgrade::kWebSocket);
  CHECK(upgrade("").value() == Upgrade::kNone);
  CHECK(upgrade("Upgrade: websocket\r\n").value() == Upgrade::kNone);  // Not for the next hop.
  CHECK(upgrade("Connection: upgrade\r\n").value() == Upgrade::kNone);
  CHECK(upgrade("Connection: upgrade\r\nUpgrade: h2c, TLS/1.2, HTTP/2.0\r\n").value() == Upgrade::kNone);
  CHECK(upgrade("Connection: upgrade\r\nUpgrade: websocket\r\n", "GET / HTTP/1.0").value() == Upgrade::kNone);
  for (const char* fields :
       {"Upgrade: tcp\r\n", "Upgrade: websocket, tcp\r\n", "Upgrade: websocket/13\r\n",
        "Upgrade: websocket\r\nUpgrade: websocket\r\n", "Upgrade: websocket\r\nContent-Length: 1\r\n"}) {
    INFO(fields);
    CHECK(!upgrade(std::string("Connection: upgrade\r\n") + fields).has_value());
  }
  CHECK(!upgrade("Connection: upgrade\r\nUpgrade: websocket\r\n", "POST / HTTP/1.1").has_value());
}

TEST_CASE("the answer to a change of the protocol is read when all of its head is there, and as one thing") {
  const std::string agreed = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n";
  for (std::size_t cut = 0; cut < agreed.size(); ++cut)
    CHECK(std::holds_alternative<NeedMore>(readUpgradeReply(agreed.substr(0, cut))));
  const auto reply = [](const std::string& text) { return std::get<UpgradeReply>(readUpgradeReply(text)); };
  CHECK(reply(agreed + "rest").kind == UpgradeReply::Kind::kUpgraded);
  CHECK(reply(agreed + "rest").head == agreed);
  CHECK(reply(agreed + "rest").length == agreed.size());
  CHECK(reply("HTTP/1.1 100\r\n\r\n").kind == UpgradeReply::Kind::kInterim);
  const auto refused =
      reply("HTTP/1.1 426 no\r\nconnection: Upgrade,\r\n more\r\nKeep-Alive: 5\r\nUpgrade: websocket\r\n\r\n");
  CHECK(refused.kind == UpgradeReply::Kind::kRefused);
  CHECK(refused.head == "HTTP/1.1 426 no\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n");
  for (const std::string text : {"HTTP/1.1 101 x\r\n\r\n", "HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n",
                                 "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
                                 "HTTP/2 101\r\n\r\n", "HTTP/1.1 1x1 x\r\n\r\n", "HTTP/1.1 1011\r\n\r\n", "\r\n\r\n"}) {
    INFO(text);
    CHECK(std::holds_alternative<Error>(readUpgradeReply(text)));
  }
  CHECK(std::holds_alternative<Error>(readUpgradeReply(std::string(kMaxHttpHead.count, 'a'))));
}

TEST_CASE("a body is followed to its end, however it is cut, and not beyond") {
  const std::string chunked = "5;x=y\r\nhello\r\n0A\r\n0123456789\r\n0\r\nTrailer: a\r\n\r\n";
  for (std::size_t cut = 0; cut <= chunked.size(); ++cut) {
    BodyScanner scanner{Framing{Chunked{}}};
    std::size_t taken = scanner.take(chunked.substr(0, cut)).value();
    taken += scanner.take(chunked.substr(cut) + "GET /").value();
    CHECK(taken == chunked.size());
    CHECK(scanner.done());
  }
  BodyScanner length{Framing{BodyLength{4}}};
  CHECK(length.take("ab").value() == 2);
  CHECK(length.take("cdGET").value() == 2);
  CHECK(length.done());
  CHECK(BodyScanner{Framing{NoBody{}}}.take("GET").value() == 0);
}

TEST_CASE("a chunk that is not framed exactly is refused") {
  for (const char* text : {"5\nhello\r\n", "5\r\nhelloX\r\n", "x\r\n", "\r\n", "-5\r\n", "5 \r\nhello\r\n",
                           "0x5\r\nhello\r\n", "5\r\nhello0\r\n\r\n", "ffffffffffffffffff\r\n", "5\r\r\nhello"}) {
    INFO(text);
    CHECK(!BodyScanner{Framing{Chunked{}}}.take(text).has_value());
  }
  CHECK(!BodyScanner{Framing{Chunked{}}}.take(std::string(400, '0')).has_value());
}
