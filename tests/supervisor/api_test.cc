// The control socket's sessions over a socketpair: what a hostile, slow or old peer meets.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <catch2/catch_all.hpp>

#include "sdk/base/io.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/convert.h"
#include "supervisor/api/details.h"
#include "supervisor/api/server.h"
#include "supervisor/api/session.h"
#include "supervisor/api/wire.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::api;

namespace {

struct Connection {
  ManualClock clock;
  UniqueFd client;
  std::optional<Session> session;

  explicit Connection(Peer peer = {1000, false, false}) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    client.reset(pair[0]);
    session.emplace(UniqueFd(pair[1]), peer, clock.now());
  }
  void write(std::string_view bytes, std::vector<int> fds = {}) { REQUIRE(sendPacket(client.get(), bytes, fds)); }
  std::vector<Incoming> deliver() { return session->receive(clock.now()); }
  // The next answer; nullopt when there is none or the connection ended.
  std::optional<v1::ServerPacket> read() {
    auto packet = receivePacket(client.get(), kMaxPacket);
    if (!packet || packet->bytes.empty() || packet->bytes[0] != 0x01) return std::nullopt;
    v1::ServerPacket message;
    REQUIRE(message.ParseFromArray(packet->bytes.data() + 1, static_cast<int>(packet->bytes.size() - 1)));
    return message;
  }
  std::string readText() {
    auto packet = receivePacket(client.get(), kMaxPacket);
    return packet ? packet->bytes : "";
  }
  void greet() {
    write(packetOf([](v1::ClientPacket& packet) { packet.mutable_hello()->set_protocol(1); }));
    REQUIRE(deliver().empty());
    const auto hello = read();
    REQUIRE(hello.value().has_hello());
    REQUIRE(hello->hello().features_size() == 1);
    REQUIRE(hello->hello().features(0) == "questions");
  }
  template <typename Fill>
  static std::string packetOf(Fill fill) {
    v1::ClientPacket packet;
    packet.set_id(7);
    fill(packet);
    return std::string(1, '\x01') + packet.SerializeAsString();
  }
  // The peer was told `code` and the session ends once that is read.
  void requireRefused(const std::string& code) {
    REQUIRE(deliver().empty());
    const auto answer = read();
    REQUIRE(answer.has_value());
    CHECK(answer->error().code() == code);
    CHECK_FALSE(answer->error().message().empty());
    CHECK(session->finished());
  }
};

std::string listPacket() {
  return Connection::packetOf([](v1::ClientPacket& packet) { packet.mutable_list()->set_all(true); });
}

}  // namespace

TEST_CASE("a session answers hello and then delivers requests as values") {
  Connection connection;
  connection.greet();
  connection.write(listPacket());
  const auto incoming = connection.deliver();
  REQUIRE(incoming.size() == 1);
  CHECK(incoming[0].id == 7);
  CHECK(std::get<ListRuns>(incoming[0].request).all);
}

TEST_CASE("a session refuses a request before hello, and closes") {
  Connection connection;
  connection.write(listPacket());
  connection.requireRefused("invalid");
}

TEST_CASE("a session refuses a protocol it does not speak, and closes") {
  Connection connection;
  connection.write(Connection::packetOf([](v1::ClientPacket& packet) { packet.mutable_hello()->set_protocol(2); }));
  connection.requireRefused("unsupported");
}

TEST_CASE("a session names what is wrong with a malformed packet, and closes") {
  const std::string bytes =
      GENERATE(as<std::string>{}, "\x07garbage", std::string("\x01\xff\xff\xff\xff", 5), "{", "{\"id\":}",
               "{\"id\":1,\"nonsense\":{}}", std::string("\x02", 1), "\x02more than one byte", std::string("\x01", 1),
               "{\"id\":1,\"list\":[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]}");
  Connection connection;
  connection.greet();
  connection.write(bytes);
  REQUIRE(connection.deliver().empty());
  CHECK(connection.session->finished());
  CHECK_FALSE(connection.readText().empty());
}

TEST_CASE("a session refuses a packet longer than 64 KiB, and closes") {
  Connection connection;
  connection.greet();
  connection.write(std::string(1, '\x01') + std::string(kMaxPacket.count, 'x'));
  connection.requireRefused("invalid");
}

TEST_CASE("a session refuses a field that it does not know, because it could be a restriction") {
  Connection connection;
  connection.greet();
  connection.write(listPacket() + std::string("\xfa\x7d\x01z", 4));  // field 2015, one byte
  connection.requireRefused("invalid");
}

TEST_CASE("a session refuses an unspecified enum, and an empty selector does not mean all") {
  Connection connection;
  connection.greet();
  SECTION("stdio") {
    connection.write(Connection::packetOf([](v1::ClientPacket& packet) { packet.mutable_run()->add_argv("true"); }));
  }
  SECTION("selector") {
    connection.write(Connection::packetOf([](v1::ClientPacket& packet) { packet.mutable_kill(); }));
  }
  connection.requireRefused("invalid");
}

TEST_CASE("a session says the same in JSON and in protobuf") {
  Connection connection;
  connection.write(R"({"id":"1","hello":{"protocol":1}})");
  REQUIRE(connection.deliver().empty());
  CHECK(connection.readText().find(R"("protocol":1)") != std::string::npos);
  connection.write(R"({"id":9,"show":{"run":"coder"}})");
  auto incoming = connection.deliver();
  REQUIRE(incoming.size() == 1);
  CHECK(std::get<ShowRun>(incoming[0].request).run == "coder");
  const Done done{{"r-0123456789abcdef"}};
  connection.session->send(9, done, {}, Last::kYes, connection.clock.now());
  CHECK(connection.readText() == R"({"id":"9","last":true,"done":{"count":1,"runs":["r-0123456789abcdef"]}})");
  connection.write(listPacket());
  REQUIRE(connection.deliver().size() == 1);
  connection.session->send(7, done, {}, Last::kYes, connection.clock.now());
  CHECK(connection.read().value().done().runs(0) == "r-0123456789abcdef");
}

TEST_CASE("a session takes a long request from a sealed memfd, and refuses an unsealed one") {
  Connection connection;
  connection.greet();
  const std::string message = Connection::packetOf([](v1::ClientPacket& packet) {
                                packet.mutable_run()->set_stdio(v1::STDIO_CAPTURED);
                                packet.mutable_run()->add_argv(std::string(100000, 'a'));
                              }).substr(1);
  SECTION("sealed") {
    auto memfd = sealedMemfd("test", message);
    REQUIRE(memfd);
    connection.write("\x02", {memfd->get(), 0});
    auto incoming = connection.deliver();
    REQUIRE(incoming.size() == 1);
    CHECK(std::get<RunRequest>(incoming[0].request).argv.at(0).size() == 100000);
    CHECK(incoming[0].fds.size() == 1);
  }
  SECTION("unsealed") {
    const UniqueFd memfd(::memfd_create("test", MFD_CLOEXEC));
    REQUIRE(writeAll(memfd.get(), message, "test"));
    connection.write("\x02", {memfd.get()});
    connection.requireRefused("invalid");
  }
}

TEST_CASE("a long answer arrives in a memfd") {
  Connection connection;
  connection.greet();
  connection.write(listPacket());
  REQUIRE(connection.deliver().size() == 1);
  connection.session->send(7, Document{std::string(200000, 'j'), ""}, {}, Last::kYes, connection.clock.now());
  auto packet = receivePacket(connection.client.get(), kMaxPacket);
  REQUIRE(packet);
  CHECK(packet->bytes == "\x02");
  REQUIRE(packet->fds.size() == 1);
  auto held = readAll(packet->fds[0].get(), kMaxMessage, "answer");
  v1::ServerPacket message;
  REQUIRE(message.ParseFromString(held.value()));
  CHECK(message.json().json().size() == 200000);
}

TEST_CASE("a subscriber that does not read is told that it lagged, with the last seq that left, and disconnected") {
  Connection connection;
  connection.greet();
  connection.write(listPacket());
  REQUIRE(connection.deliver().size() == 1);
  connection.session->setSubscribed(42);
  LogLine line{42, "now", "", "kind", std::string(10000, 'x'), ""};
  const auto sendNext = [&] {
    ++line.seq;
    connection.session->send(7, line, {}, Last::kNo, connection.clock.now());
  };
  SECTION("too long") {
    for (int i = 0; i < 200; ++i) sendNext();
    REQUIRE(connection.session->wantsWrite());
    connection.clock.advance(kMaxOutputDelay);
    connection.session->expire(connection.clock.now());
  }
  SECTION("too much") {
    for (int i = 0; i < 1000; ++i) sendNext();
  }
  std::optional<v1::ServerPacket> last;
  std::uint64_t lastRead = 42;
  while (auto packet = connection.read()) {
    if (packet->has_log_line()) lastRead = packet->log_line().seq();
    last = packet;
    connection.session->flush(connection.clock.now());
  }
  REQUIRE(last.has_value());
  CHECK(last->error().code() == "lagged");
  CHECK(lastRead > 42);
  CHECK(last->error().last_seq() == lastRead);
  CHECK(connection.session->finished());
}

TEST_CASE("a peer that is told to go and does not read is dropped all the same") {
  Connection connection;
  connection.greet();
  connection.write(listPacket());
  REQUIRE(connection.deliver().size() == 1);
  const LogLine line{1, "now", "", "kind", std::string(60000, 'x'), ""};
  for (int i = 0; i < 20; ++i) connection.session->send(7, line, {}, Last::kNo, connection.clock.now());
  connection.write("garbage");
  REQUIRE(connection.deliver().empty());
  CHECK_FALSE(connection.session->wantsRead());
  connection.session->refuseAndClose(0, {"invalid", "garbage", {}, 1, {}, 0}, connection.clock.now());
  CHECK_FALSE(connection.session->finished());
  connection.clock.advance(kMaxOutputDelay);
  connection.session->expire(connection.clock.now());
  CHECK(connection.session->finished());
}

TEST_CASE("a peer that never says hello is sent away") {
  Connection connection;
  connection.clock.advance(kHelloPatience);
  connection.session->expire(connection.clock.now());
  CHECK(connection.read().value().error().code() == "invalid");
  CHECK(connection.session->finished());
}

TEST_CASE("a session ends when its peer does, without a word") {
  Connection connection;
  connection.greet();
  connection.client.reset();
  CHECK(connection.deliver().empty());
  CHECK(connection.session->finished());
}

TEST_CASE("roles come from uid and groups") {
  const RoleGroups roles{500, 501};
  CHECK(rolesOf(0, {}, roles).admin);
  CHECK(rolesOf(1000, {500}, roles).admin);
  CHECK_FALSE(rolesOf(1000, {501}, roles).admin);
  CHECK(rolesOf(1000, {501}, roles).viewer);
  CHECK_FALSE(rolesOf(1000, {0, 1000}, roles).viewer);
  CHECK_FALSE(rolesOf(1000, {0}, RoleGroups{}).admin);
}

TEST_CASE("a peer inside a run is known by its control group, in both layouts") {
  CHECK(isInsideRun("0::/ringfence-background/r-0123456789abcdef/agent\n", "ringfence"));
  CHECK(isInsideRun("4:memory:/ringfence-interactive/r-0123456789abcdef/agent\n0::/\n", "ringfence"));
  CHECK_FALSE(isInsideRun("0::/user.slice/user-1000.slice\n", "ringfence"));
  CHECK_FALSE(isInsideRun("0::/other-background/r-0123456789abcdef/agent\n", "ringfence"));
}
