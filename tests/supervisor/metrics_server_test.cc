// The socket of the metrics over a real one in the file system: what asks well, badly, slowly, or not at all.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <cstring>

#include "supervisor/api/metrics_server.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::api;

namespace {

struct Scraped {
  test::TempDir dir;
  ManualClock clock;
  std::string path = dir.path() + "/metrics.sock";
  std::string body = "metric 1\n";
  int renders = 0;
  MetricsServer server = MetricsServer::listen(path, {}, "ringfence").value();

  UniqueFd connect() const {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
  }
  bool isReady() const {
    pollfd poll{server.fd(), POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
  }
  // Until there is nothing to do, as the loop would.
  void settle() {
    for (int turn = 0; isReady(); ++turn) {
      REQUIRE(turn < 10'000);
      server.serve(clock.now(), [this](const Peer& peer) {
        CHECK(peer.uid == ::geteuid());
        ++renders;
        return std::make_shared<const std::string>(body);
      });
    }
  }
  UniqueFd ask(const std::string& request) {
    UniqueFd socket = connect();
    REQUIRE(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
    settle();
    return socket;
  }
};

enum class End { kOpen, kClosed };

// What is there now.
std::pair<std::string, End> readAvailable(const UniqueFd& socket) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return {text, End::kClosed};
    if (got < 0) return {text, End::kOpen};
  }
}

std::string answerTo(Scraped& scraped, const std::string& request) {
  const UniqueFd socket = scraped.ask(request);
  const auto [text, end] = readAvailable(socket);
  CHECK(end == End::kClosed);
  return text;
}

constexpr char kGet[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace

TEST_CASE("who asks for the metrics gets a whole answer of HTTP/1.0, and the connection ends") {
  Scraped scraped;
  const std::string head =
      "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 9\r\n"
      "Connection: close\r\n\r\n";
  CHECK(answerTo(scraped, kGet) == head + "metric 1\n");
  CHECK(answerTo(scraped, "GET /metrics?a=b HTTP/1.0\n\n") == head + "metric 1\n");
  CHECK(answerTo(scraped, "GET / HTTP/1.0\r\n\r\n") == head + "metric 1\n");
  CHECK(answerTo(scraped, "HEAD /metrics HTTP/1.1\r\n\r\n") == head);
  CHECK(scraped.server.connections() == 0);
  struct stat about {};
  REQUIRE(::stat(scraped.path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0666);
}

TEST_CASE("a request that comes in pieces is answered when it is whole") {
  Scraped scraped;
  const UniqueFd socket = scraped.connect();
  for (const char* piece = kGet; *piece != '\0'; ++piece) {
    CHECK(scraped.renders == 0);
    REQUIRE(::send(socket.get(), piece, 1, MSG_NOSIGNAL) == 1);
    scraped.settle();
  }
  CHECK(scraped.renders == 1);
  CHECK(readAvailable(socket).first.ends_with("\r\n\r\nmetric 1\n"));
}

TEST_CASE("what is no request for the metrics is refused by name, and nothing is read for it") {
  Scraped scraped;
  CHECK(answerTo(scraped, "GET /else HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
  const std::string notAllowed = answerTo(scraped, "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(notAllowed.starts_with("HTTP/1.0 405 "));
  CHECK(notAllowed.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  for (const char* bad : {"\r\n\r\n", "GET\n\n", "GET /metrics\n\n", "GET  HTTP/1.0\n\n", "\x01{\"id\":1}\n\n",
                          "GET metrics HTTP/1.0\r\n\r\n", "GET /metrics GOPHER/1.0\r\n\r\n"}) {
    INFO(bad);
    CHECK(answerTo(scraped, bad).starts_with("HTTP/1.0 400 "));
  }
  CHECK(answerTo(scraped, "GET /" + std::string(9000, 'a')).starts_with("HTTP/1.0 431 "));
  CHECK(scraped.renders == 0);
  CHECK(scraped.server.connections() == 0);
}

TEST_CASE("who does not ask in time is cut off, and who left is forgotten") {
  Scraped scraped;
  const UniqueFd silent = scraped.connect();
  const UniqueFd half = scraped.ask("GET /metr");
  scraped.settle();
  CHECK(scraped.server.connections() == 2);
  UniqueFd gone = scraped.connect();
  scraped.settle();
  gone.reset();
  scraped.settle();
  CHECK(scraped.server.connections() == 2);
  CHECK(scraped.server.deadline() == scraped.clock.now().monotonic + kMaxScrapeTime);

  scraped.clock.advance(kMaxScrapeTime - Milliseconds(1));
  scraped.server.expire(scraped.clock.now());
  CHECK(scraped.server.connections() == 2);
  scraped.clock.advance(Milliseconds(1));
  scraped.server.expire(scraped.clock.now());
  CHECK(scraped.server.connections() == 0);
  CHECK_FALSE(scraped.server.deadline());
  CHECK(readAvailable(silent) == std::pair(std::string(), End::kClosed));
  CHECK(readAvailable(half) == std::pair(std::string(), End::kClosed));
}

TEST_CASE("a reader that stalls keeps nobody busy, gets the rest when it reads, and is cut off when it does not") {
  Scraped scraped;
  scraped.body = std::string(4 << 20, 'x');
  const UniqueFd slow = scraped.ask(kGet), stalled = scraped.ask(kGet);
  CHECK_FALSE(scraped.isReady());
  CHECK(scraped.server.connections() == 2);

  std::string got;
  for (End end = End::kOpen; end == End::kOpen;) {
    const auto [more, now] = readAvailable(slow);
    REQUIRE((!more.empty() || now == End::kClosed));
    got += more;
    end = now;
    scraped.settle();
  }
  CHECK(got.size() == got.find("\r\n\r\n") + 4 + scraped.body.size());
  CHECK(scraped.renders == 2);
  scraped.clock.advance(kMaxScrapeTime);
  scraped.server.expire(scraped.clock.now());
  CHECK(scraped.server.connections() == 0);
  const auto [part, end] = readAvailable(stalled);
  CHECK(end == End::kClosed);
  CHECK(part.size() < scraped.body.size());
}

TEST_CASE("one user holds so many connections at most, is told so, and gets in again when one is over") {
  Scraped scraped;
  std::vector<UniqueFd> held;
  for (std::size_t i = 0; i < kMaxScrapersPerUser; ++i) held.push_back(scraped.connect());
  scraped.settle();
  CHECK(scraped.server.connections() == kMaxScrapersPerUser);
  for (int i = 0; i < 100; ++i) {
    const UniqueFd more = scraped.connect();
    scraped.settle();
    const auto [text, end] = readAvailable(more);
    CHECK(text.starts_with("HTTP/1.0 503 "));
    CHECK(end == End::kClosed);
  }
  CHECK(scraped.server.connections() == kMaxScrapersPerUser);
  held.pop_back();
  scraped.settle();
  CHECK(answerTo(scraped, kGet).starts_with("HTTP/1.0 200 "));
}

TEST_CASE("a socket that nobody serves any more is replaced, one that is served and what is no socket are not") {
  test::TempDir dir;
  const std::string path = dir.path() + "/metrics.sock";
  {
    auto first = MetricsServer::listen(path, {}, "ringfence");
    REQUIRE(first);
    const auto second = MetricsServer::listen(path, {}, "ringfence");
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::kBusy);
  }
  CHECK(MetricsServer::listen(path, {}, "ringfence"));
  const auto file = MetricsServer::listen(dir.write("file", "kept"), {}, "ringfence");
  REQUIRE_FALSE(file);
  CHECK(file.error().message.find("is no socket") != std::string::npos);
  CHECK(test::readFile(dir.path() + "/file") == "kept");
}
