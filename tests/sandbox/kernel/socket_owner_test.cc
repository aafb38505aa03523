#include "sandbox/kernel/socket_owner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "sdk/base/io.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

constexpr ConnectionEnds kEnds{{0x0a4d0001, 43210}, {0xc6120003, 443}};
constexpr char kHead[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

std::chrono::steady_clock::time_point later() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }

// One connection of this process over the loopback device, whichever family its socket is of.
struct Connection {
  UniqueFd listener, client, accepted;
  ConnectionEnds ends;

  explicit Connection(int family) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    client.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (family == AF_INET) {
      REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    } else {
      sockaddr_in6 mapped{};
      mapped.sin6_family = AF_INET6;
      mapped.sin6_port = address.sin_port;
      REQUIRE(::inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr) == 1);
      REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&mapped), sizeof mapped) == 0);
    }
    sockaddr_in peer{};
    length = sizeof peer;
    accepted.reset(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
    REQUIRE(accepted);
    ends = {{INADDR_LOOPBACK, ntohs(peer.sin_port)}, {INADDR_LOOPBACK, ntohs(address.sin_port)}};
  }
  std::uint64_t inode() const {
    struct stat status {};
    REQUIRE(::fstat(client.get(), &status) == 0);
    return status.st_ino;
  }
};

UniqueFd open(const char* path) { return std::move(openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY)).value(); }

}  // namespace

TEST_CASE("the ends of a connection are read from exactly one form of text") {
  CHECK(parseConnectionEnds("tcp 10.77.0.1:43210 to 198.18.0.3:443") == kEnds);
  for (const char* wrong :
       {"", "tcp", "tcp 10.77.0.1:43210", "tcp 10.77.0.1:43210 to ", "udp 10.77.0.1:43210 to 198.18.0.3:443",
        "tcp 10.77.0.1 to 198.18.0.3:443", "tcp 10.77.0.1:43210 to 198.18.0.3:65536",
        "tcp 10.77.0.256:43210 to 198.18.0.3:443", "tcp 10.77.1:43210 to 198.18.0.3:443",
        "tcp 10.77.0.1:43210 to 198.18.0.3:443 ", "tcp  10.77.0.1:43210 to 198.18.0.3:443",
        "tcp 10.77.0.1:-1 to 198.18.0.3:443", "tcp ::1:43210 to 198.18.0.3:443"}) {
    INFO(wrong);
    CHECK_FALSE(parseConnectionEnds(wrong));
  }
}

TEST_CASE("a socket is found by both of its ends, and one that nobody holds is none") {
  const auto line = [](const std::string& own, const std::string& far, const std::string& inode) {
    return "   0: " + own + " " + far + " 01 00000000:00000000 00:00000000 00000000  1000        0 " + inode +
           " 1 0000000000000000 20 4 30 10 -1\n";
  };
  const std::string own = "01004D0A:A8CA", far = "030012C6:01BB";
  const std::string mapped = "0000000000000000FFFF0000";
  CHECK(findSocket(kHead + line(own, far, "4711"), kEnds) == 4711);
  CHECK(findSocket(kHead + line(mapped + own, mapped + far, "4712"), kEnds) == 4712);
  CHECK(findSocket(kHead + line(own, "040012C6:01BB", "1") + line(own, far, "4713"), kEnds) == 4713);
  CHECK_FALSE(findSocket(kHead + line(far, own, "4711"), kEnds));
  CHECK_FALSE(findSocket(kHead + line(own, far, "0"), kEnds));
  CHECK_FALSE(findSocket(kHead + line("00000000000000000000000000000001" + own.substr(8), far, "4711"), kEnds));
  CHECK_FALSE(findSocket(line(own, far, "4711"), kEnds));  // The first line names the columns.
  CHECK_FALSE(findSocket("", kEnds));
  CHECK_FALSE(findSocket(std::string(kHead) + "   0: " + own, kEnds));
}

TEST_CASE("a connection of this process is found in the kernel's own tables, of IPv4 and IPv6 sockets") {
  const UniqueFd net = open("/proc/self/net");
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && ::access("/proc/self/net/tcp6", F_OK) != 0) continue;
    CAPTURE(family);
    const Connection connection(family);
    CHECK(findConnection(net.get(), connection.ends).value() == connection.inode());
    const auto reversed = findConnection(net.get(), {connection.ends.far, connection.ends.own}).value();
    CHECK(reversed != connection.inode());
  }
  const auto none = findConnection(net.get(), {{INADDR_LOOPBACK, 1}, {INADDR_LOOPBACK, 2}});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::kNotFound);
}

TEST_CASE("all that hold a socket are found, who was there first leads, and who lets go is none") {
  const UniqueFd proc = open("/proc");
  Connection connection(AF_INET);
  const std::uint64_t inode = connection.inode();
  int gate[2];
  REQUIRE(::pipe2(gate, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(gate[1]);
    (void)!::read(gate[0], &byte, 1);
    ::_exit(0);
  }
  REQUIRE(child > 0);
  auto holders = findHolders(proc.get(), {child, ::getpid()}, inode, later());
  CHECK(holders.complete);
  REQUIRE(holders.found.size() == 2);
  CHECK(holders.found[0].startTime <= holders.found[1].startTime);
  connection.client.reset();
  holders = findHolders(proc.get(), {child, ::getpid(), -1}, inode, later());
  REQUIRE(holders.found.size() == 1);
  CHECK(holders.found[0].pid == child);
  ::close(gate[0]);
  ::close(gate[1]);
  CHECK(::waitpid(child, nullptr, 0) == child);
  CHECK(findHolders(proc.get(), {child, ::getpid()}, inode, later()).found.empty());
}

TEST_CASE("a search that may take no time says that it did not look at all") {
  const UniqueFd proc = open("/proc");
  std::vector<UniqueFd> many;
  for (int i = 0; i < 200; ++i) many.emplace_back(::dup(STDERR_FILENO));
  const auto holders = findHolders(proc.get(), {::getpid()}, 1, std::chrono::steady_clock::time_point{});
  CHECK_FALSE(holders.complete);
  CHECK(holders.found.empty());
}
