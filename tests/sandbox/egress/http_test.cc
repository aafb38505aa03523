#include "sandbox/egress/http_head.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/egress/http_body.h"

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
