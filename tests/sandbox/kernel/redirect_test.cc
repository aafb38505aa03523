#include "sandbox/kernel/redirect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/kernel/namespaces.h"
#include "sdk/base/io.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

sockaddr_in at(const char* address, int port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address, &made.sin_addr);
  return made;
}

int tryConnect(int socket, const sockaddr_in& to) {
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

UniqueFd listenAt(int type, int port) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in own = at("127.0.0.1", port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return {};
  if (type == SOCK_STREAM && ::listen(fd.get(), 8) != 0) return {};
  return fd;
}

// Runs `body` in a network namespace of its own that prepareNetwork() has set up; what it returns is what was wrong.
std::string inPreparedNetwork(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe";
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string wrong;
    if (::unshare(CLONE_NEWNET) != 0) wrong = "unshare";
    if (wrong.empty() && !bringLoopbackUp()) wrong = "lo";
    if (wrong.empty()) {
      if (auto prepared = prepareNetwork(); !prepared) wrong = prepared.error().message;
    }
    if (wrong.empty()) wrong = body();
    (void)writeAll(writer.get(), wrong, "the result");
    ::_exit(0);
  }
  writer.reset();
  const auto wrong = readAll(reader.get(), kibibytes(4), "the result");
  ::waitpid(child, nullptr, 0);
  return wrong ? *wrong : wrong.error().message;
}

#define EXPECT(condition) \
  if (!(condition)) return std::string(#condition " is false; errno ") + std::strerror(errno)

}  // namespace

TEST_CASE("packet rules can be loaded on this kernel") {
  const auto probed = probeRedirect();
  INFO((probed ? "" : probed.error().message));
  CHECK(probed.has_value());
}

TEST_CASE("a connection to any address is accepted by the one listener, which learns where it wanted to") {
  CHECK(inPreparedNetwork([]() -> std::string {
          const UniqueFd listener = listenAt(SOCK_STREAM, kRedirectTcpPort);
          EXPECT(listener);
          for (const char* address : {"93.184.216.34", "198.18.3.4", "10.77.0.1", "169.254.169.254"}) {
            const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            EXPECT(tryConnect(client.get(), at(address, 443)) == 0);
            const UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
            EXPECT(accepted);
            const auto wanted = originalDestination(accepted.get());
            EXPECT(wanted.has_value());
            EXPECT(wanted->port == 443);
            EXPECT(wanted->address == ntohl(at(address, 0).sin_addr.s_addr));
          }
          return {};
        }) == "");
}

TEST_CASE("a connection to the namespace's own 127.0.0.1 is not redirected") {
  CHECK(inPreparedNetwork([]() -> std::string {
          const UniqueFd redirected = listenAt(SOCK_STREAM, kRedirectTcpPort);
          const UniqueFd own = listenAt(SOCK_STREAM, 3000);
          const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          EXPECT(tryConnect(client.get(), at("127.0.0.1", 3000)) == 0);
          const UniqueFd accepted(::accept(own.get(), nullptr, nullptr));
          EXPECT(accepted);
          pollfd ready{redirected.get(), POLLIN, 0};
          EXPECT(::poll(&ready, 1, 0) == 0);
          const UniqueFd self(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          EXPECT(tryConnect(self.get(), at("127.0.0.1", kRedirectTcpPort)) == 0);
          const UniqueFd looped(::accept(redirected.get(), nullptr, nullptr));
          const auto wanted = originalDestination(looped.get());
          EXPECT(!wanted || wanted->address >> 24 == 127);
          return {};
        }) == "");
}

TEST_CASE("a datagram to port 53 of any address is answered from there, others are refused") {
  CHECK(inPreparedNetwork([]() -> std::string {
          const UniqueFd names = listenAt(SOCK_DGRAM, kRedirectDnsPort);
          for (const char* server : {"8.8.8.8", "127.0.0.1"}) {
            const UniqueFd client(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
            EXPECT(tryConnect(client.get(), at(server, 53)) == 0);
            EXPECT(::send(client.get(), "ask", 3, 0) == 3);
            char text[8];
            sockaddr_in from{};
            socklen_t length = sizeof from;
            EXPECT(::recvfrom(names.get(), text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &length) == 3);
            EXPECT(::sendto(names.get(), "told", 4, 0, reinterpret_cast<sockaddr*>(&from), length) == 4);
            EXPECT(::recv(client.get(), text, sizeof text, 0) == 4);
          }
          const UniqueFd other(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
          EXPECT(tryConnect(other.get(), at("1.1.1.1", 443)) == 0);
          EXPECT(::send(other.get(), "quic", 4, 0) < 0);
          EXPECT(errno == EPERM || errno == ECONNREFUSED);
          return {};
        }) == "");
}

TEST_CASE("an IPv6 address outside has no route") {
  CHECK(inPreparedNetwork([]() -> std::string {
          for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
            const UniqueFd client(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
            sockaddr_in6 to{};
            to.sin6_family = AF_INET6;
            to.sin6_port = htons(443);
            inet_pton(AF_INET6, "2606:2800:220:1::1", &to.sin6_addr);
            EXPECT(::connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) < 0);
            EXPECT(errno == ENETUNREACH || errno == EADDRNOTAVAIL);
          }
          return {};
        }) == "");
}

TEST_CASE("a second set-up of the same namespace is refused") {
  CHECK(inPreparedNetwork([]() -> std::string {
          const auto again = prepareNetwork();
          EXPECT(!again.has_value());
          return {};
        }) == "");
}
