#include "sandbox/egress/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>

namespace ringfence::sandbox {
namespace {

constexpr int kBacklog = 128;
// A connection that says nothing is asked whether it is there, by the kernel: home routers forget one after some
// minutes of silence (a run that is held, a model that thinks), and this is less.
constexpr int kAskAfterSeconds = 60;
constexpr int kAskEverySeconds = 20;
constexpr int kAsksUnanswered = 6;

int typeOf(Transport transport) {
  return (transport == Transport::kStream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
}

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

SocketAddress socketAddress(const policy::Address& address, std::uint16_t port) {
  SocketAddress made;
  if (address.isV4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&made.bytes);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    (void)::inet_pton(AF_INET, address.text().c_str(), &v4->sin_addr);  // The text of an address is one.
    made.length = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.bytes);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    (void)::inet_pton(AF_INET6, address.text().c_str(), &v6->sin6_addr);
    made.length = sizeof *v6;
  }
  return made;
}

std::string endText(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_in end{};
  socklen_t length = sizeof end;
  if (ask(socket, reinterpret_cast<sockaddr*>(&end), &length) != 0 || end.sin_family != AF_INET) return {};
  char text[INET_ADDRSTRLEN];
  if (::inet_ntop(AF_INET, &end.sin_addr, text, sizeof text) == nullptr) return {};
  return std::string(text) + ":" + std::to_string(ntohs(end.sin_port));
}

// Empty: neither IPv4 nor IPv6, or gone.
std::string addressBytes(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage end{};
  socklen_t length = sizeof end;
  if (ask(socket, reinterpret_cast<sockaddr*>(&end), &length) != 0) return {};
  const auto bytesOf = [](const auto& address) {
    return std::string(reinterpret_cast<const char*>(&address), sizeof address);
  };
  if (end.ss_family == AF_INET) return bytesOf(reinterpret_cast<const sockaddr_in*>(&end)->sin_addr);
  if (end.ss_family == AF_INET6) return bytesOf(reinterpret_cast<const sockaddr_in6*>(&end)->sin6_addr);
  return {};
}

}  // namespace

Result<UniqueFd> bindLoopback(Transport transport, std::uint16_t port) {
  const std::string what = "127.0.0.1:" + std::to_string(port);
  UniqueFd fd(::socket(AF_INET, typeOf(transport), 0));
  if (!fd) return posixError(errno, "opening a socket for " + what);
  const int one = 1;
  if (transport == Transport::kStream && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
    return posixError(errno, "preparing " + what);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
    return posixError(errno, "taking " + what);
  // What is accepted here inherits it.
  if (transport == Transport::kStream) (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (transport == Transport::kStream && ::listen(fd.get(), kBacklog) != 0)
    return posixError(errno, "listening on " + what);
  return fd;
}

Result<UniqueFd> beginConnect(Transport transport, const policy::Address& address, std::uint16_t port) {
  const std::string what = address.text() + " port " + std::to_string(port);
  UniqueFd fd(::socket(address.isV4() ? AF_INET : AF_INET6, typeOf(transport), 0));
  if (!fd) return posixError(errno, "opening a socket to " + what);
  const int one = 1;
  if (transport == Transport::kStream) {
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // Slower without, not wrong.
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, &kAskAfterSeconds, sizeof kAskAfterSeconds);
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, &kAskEverySeconds, sizeof kAskEverySeconds);
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, &kAsksUnanswered, sizeof kAsksUnanswered);
  }
  const SocketAddress to = socketAddress(address, port);
  if (::connect(fd.get(), to.get(), to.length) != 0 && errno != EINPROGRESS)
    return posixError(errno, "connecting to " + what);
  return fd;
}

int takeError(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

std::string peerText(int socket) { return endText(socket, ::getpeername); }
std::string calledText(int socket) { return endText(socket, ::getsockname); }

bool isToOwnAddress(int socket) {
  const std::string own = addressBytes(socket, ::getsockname);
  return !own.empty() && own == addressBytes(socket, ::getpeername);
}

void resetOnClose(int socket) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);  // Else it is closed politely.
}

}  // namespace ringfence::sandbox
