// The socket at which programs that collect metrics ask: HTTP/1.0, one request a connection, GET or HEAD of /metrics.
// Blocks never: whoever does not ask, or does not read, within kMaxScrapeTime is cut off, and so is nobody else.
//
//   loop.watch(server.fd(), EPOLLIN, [&] { server.serve(now, render); });    wake at server.deadline():
//   server.expire(now)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"
#include "supervisor/api/peer_identity.h"
#include "supervisor/api/socket_watch.h"

namespace ringfence::supervisor::api {

inline constexpr std::size_t kMaxScrapers = 32;
inline constexpr std::size_t kMaxScrapersPerUser = 8;
inline constexpr Bytes kMaxRequestHead{8 << 10};
inline constexpr Milliseconds kMaxScrapeTime = std::chrono::seconds(10);

class MetricsServer {
 public:
  // The text for whom asks; several may share one.
  using Render = std::function<std::shared_ptr<const std::string>(const Peer&)>;

  // Binds `path` for every user; roles decide what each is told, and a program inside a run is told nothing.
  static Result<MetricsServer> listen(const std::string& path, RoleGroups roles, std::string cgroupRoot);

  // Readable when serve() has something to do. A bounded part of it is done in one call.
  int fd() const { return sockets_.fd(); }
  void serve(Now now, const Render& render);
  // Cuts off whose time is over.
  void expire(Now now);
  std::optional<Microseconds> deadline() const;  // monotonic
  // For connections from now on.
  void setRoles(RoleGroups roles) { roles_ = roles; }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    std::uint64_t id = 0;
    UniqueFd socket;
    Peer peer;
    Microseconds until{};
    std::string head;  // of the request, until it is whole
    std::string answerHead;
    std::shared_ptr<const std::string> body;  // absent: nothing but the head
    std::size_t sent = 0;
    bool answering = false;
    bool waiting = false;  // for the peer to read
  };
  enum class Next { kStays, kOver };

  MetricsServer(UniqueFd listener, SocketWatch sockets, RoleGroups roles, std::string cgroupRoot)
      : listener_(std::move(listener)),
        sockets_(std::move(sockets)),
        roles_(roles),
        cgroupRoot_(std::move(cgroupRoot)) {}
  void accept(Now now);
  void admit(UniqueFd socket, Peer peer, Now now);
  bool hasRoomFor(std::uint32_t uid) const;
  Next advance(Connection& connection, const Render& render);
  Next listenTo(Connection& connection, const Render& render);
  Next send(Connection& connection);
  Next waitForReader(Connection& connection);
  void answer(Connection& connection, const Render& render);

  UniqueFd listener_;
  SocketWatch sockets_;
  RoleGroups roles_;
  std::string cgroupRoot_;
  std::map<std::uint64_t, Connection> connections_;  // ids are never used again
  std::uint64_t next_ = 1;
};

}  // namespace ringfence::supervisor::api
