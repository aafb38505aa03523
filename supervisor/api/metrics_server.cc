#include "supervisor/api/metrics_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "supervisor/api/exposition.h"
#include "supervisor/api/listener.h"

namespace ringfence::supervisor::api {
namespace {

constexpr std::uint64_t kListener = 0;
constexpr int kEventsPerCall = 8;
constexpr int kAcceptsPerCall = 8;
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

struct Status {
  const char* line;
  const char* say;
  const char* field = "";
};
constexpr Status kOk{"200 OK", ""};
constexpr Status kBadRequest{"400 Bad Request", "a request is GET or HEAD of /metrics, as HTTP\n"};
constexpr Status kNotFound{"404 Not Found", "there is /metrics alone\n"};
constexpr Status kNotAllowed{"405 Method Not Allowed", "only GET and HEAD\n", "Allow: GET, HEAD\r\n"};
constexpr Status kForbidden{"403 Forbidden", ""};
constexpr Status kTooMany{"503 Service Unavailable", ""};
constexpr Status kTooLarge{"431 Request Header Fields Too Large", "a request has at most 8 KiB\n"};

std::string headOf(const Status& status, std::string_view type, std::size_t length) {
  return std::string("HTTP/1.0 ") + status.line + "\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(length) + "\r\n" + status.field + "Connection: close\r\n\r\n";
}

struct Asked {
  bool body = true;
  std::optional<Status> refused;
};

// Of the first line alone; what else a head says changes nothing.
Asked read(std::string_view head) {
  std::string_view line = head.substr(0, head.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last == first || !line.substr(last + 1).starts_with("HTTP/1."))
    return {true, kBadRequest};
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  target = target.substr(0, target.find('?'));
  if (!target.starts_with('/')) return {true, kBadRequest};
  if (method != "GET" && method != "HEAD") return {true, kNotAllowed};
  if (target != "/metrics" && target != "/") return {method == "GET", kNotFound};
  return {method == "GET", std::nullopt};
}

bool isWhole(std::string_view head) {
  return head.find("\r\n\r\n") != std::string_view::npos || head.find("\n\n") != std::string_view::npos;
}

bool wouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// Told at once or not at all: no connection is kept for it.
void turnAway(int socket, const Status& status, const std::string& why) {
  const std::string text = headOf(status, kPlain, why.size() + 1) + why + '\n';
  (void)::send(socket, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

Result<MetricsServer> MetricsServer::listen(const std::string& path, RoleGroups roles, std::string cgroupRoot) {
  UniqueFd listener = RF_TRY(listenAt(path, SocketKind::kStream));
  SocketWatch sockets = RF_TRY(SocketWatch::create("the connections to " + path));
  RF_TRY(sockets.add(listener.get(), EPOLLIN, kListener));
  return MetricsServer(std::move(listener), std::move(sockets), roles, std::move(cgroupRoot));
}

void MetricsServer::serve(Now now, const Render& render) {
  for (const auto& [id, events] : sockets_.ready(kEventsPerCall)) {
    if (id == kListener) {
      accept(now);
      continue;
    }
    const auto found = connections_.find(id);
    // To close the socket ends its watch: nobody else has it.
    if (found != connections_.end() && advance(found->second, render) == Next::kOver) connections_.erase(found);
  }
}

void MetricsServer::accept(Now now) {
  for (int i = 0; i < kAcceptsPerCall; ++i) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;  // None waits, or it is gone already; one that could not be had is tried again.
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) continue;
    if (!hasRoomFor(who.uid)) {
      turnAway(socket.get(), kTooMany, "too many connections; close some and try again");
      continue;
    }
    auto identity = identify(socket.get(), roles_, cgroupRoot_);
    if (!identity)
      turnAway(socket.get(), kForbidden, identity.error().message);
    else
      admit(std::move(socket), identity->peer, now);
  }
}

// Root is not locked out by others: the total bound leaves it one user's share.
bool MetricsServer::hasRoomFor(std::uint32_t uid) const {
  const auto same = std::ranges::count_if(connections_, [&](const auto& one) { return one.second.peer.uid == uid; });
  const std::size_t total = uid == 0 ? kMaxScrapers + kMaxScrapersPerUser : kMaxScrapers;
  return static_cast<std::size_t>(same) < kMaxScrapersPerUser && connections_.size() < total;
}

void MetricsServer::admit(UniqueFd socket, Peer peer, Now now) {
  const std::uint64_t id = next_++;
  if (!sockets_.add(socket.get(), EPOLLIN, id)) return;  // Closes: it gets no answer, and may come again.
  Connection connection;
  connection.id = id;
  connection.socket = std::move(socket);
  connection.peer = peer;
  connection.until = now.monotonic + kMaxScrapeTime;
  connections_.emplace(id, std::move(connection));
}

MetricsServer::Next MetricsServer::advance(Connection& connection, const Render& render) {
  if (!connection.answering && listenTo(connection, render) == Next::kOver) return Next::kOver;
  return connection.answering ? send(connection) : Next::kStays;
}

MetricsServer::Next MetricsServer::listenTo(Connection& connection, const Render& render) {
  std::array<char, 2048> buffer{};
  const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return wouldBlock() ? Next::kStays : Next::kOver;
  if (got == 0) return Next::kOver;  // Left before it had asked.
  connection.head.append(buffer.data(), static_cast<std::size_t>(got));
  if (isWhole(connection.head) || connection.head.size() >= kMaxRequestHead.count) answer(connection, render);
  return Next::kStays;
}

void MetricsServer::answer(Connection& connection, const Render& render) {
  Asked asked = isWhole(connection.head) ? read(connection.head) : Asked{true, kTooLarge};
  connection.answering = true;
  connection.head = {};
  if (!asked.refused) connection.body = render(connection.peer);
  if (asked.refused) connection.body = std::make_shared<const std::string>(asked.refused->say);
  const std::size_t length = connection.body->size();
  connection.answerHead = asked.refused ? headOf(*asked.refused, kPlain, length) : headOf(kOk, kExpositionType, length);
  if (!asked.body) connection.body.reset();
}

// Head and body as one text.
MetricsServer::Next MetricsServer::send(Connection& connection) {
  const std::size_t head = connection.answerHead.size();
  const std::size_t all = head + (connection.body ? connection.body->size() : 0);
  while (connection.sent < all) {
    const std::string& part = connection.sent < head ? connection.answerHead : *connection.body;
    const std::size_t at = connection.sent < head ? connection.sent : connection.sent - head;
    const ssize_t sent =
        ::send(connection.socket.get(), part.data() + at, part.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return wouldBlock() ? waitForReader(connection) : Next::kOver;
    connection.sent += static_cast<std::size_t>(sent);
  }
  return Next::kOver;
}

MetricsServer::Next MetricsServer::waitForReader(Connection& connection) {
  if (connection.waiting) return Next::kStays;
  connection.waiting = true;
  return sockets_.change(connection.socket.get(), EPOLLOUT, connection.id) ? Next::kStays : Next::kOver;
}

void MetricsServer::expire(Now now) {
  std::erase_if(connections_, [&](const auto& one) { return one.second.until <= now.monotonic; });
}

std::optional<Microseconds> MetricsServer::deadline() const {
  std::optional<Microseconds> first;
  for (const auto& [id, connection] : connections_)
    first = std::min(first.value_or(Microseconds::max()), connection.until);
  return first;
}

}  // namespace ringfence::supervisor::api
