// The agents' own sockets: of each live run the listening end of the one inside it, and who connected to it. Who asks
// is known by the socket that it came through; what a peer says of itself, and its pid, mean nothing. Blocks never, and
// nobody notices another: each connection has its own bounds, and so has each run. Owns the sockets.
//
//   loop.watch(server.fd(), EPOLLIN, [&] { for (auto& asked : server.serve(now)) … server.answer(asked, …); });
//   wake at server.deadline() (monotonic): server.expire(now)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/api/agent_wire.h"
#include "supervisor/api/socket_watch.h"

namespace ringfence::supervisor::api {

inline constexpr std::size_t kMaxAgentConnections = 16;  // of one run
inline constexpr std::size_t kMaxAgentUnanswered = 64;   // of one connection; then no more of it is read
inline constexpr std::size_t kMaxAgentNotices = 64;      // of one connection, that it has not read
inline constexpr Milliseconds kMaxAgentHelloTime = std::chrono::seconds(10);
inline constexpr Milliseconds kMaxAgentCloseTime = std::chrono::seconds(5);  // for an error to be read
// What one connection has not read of its answers, before no more is read of it; and of its notices, before the oldest
// go.
inline constexpr Bytes kMaxAgentQueue{128 << 10};
inline constexpr Bytes kMaxAgentNoticeBytes{256 << 10};
// Packets and connections of one run: so many a second, and as many at once. What is over waits in its sockets.
inline constexpr std::int64_t kMaxAgentRate = 500;
// A packet counts as one for each so many bytes of it that were begun.
inline constexpr Bytes kAgentRateUnit{4 << 10};

class AgentServer {
 public:
  static Result<AgentServer> create();

  // Readable when serve() has something to do. A bounded part of it is done in one call.
  int fd() const { return sockets_.fd(); }

  // One that is open already stays as it is.
  Result<void> open(const RunId& run, UniqueFd listener);
  bool isOpen(const RunId& run) const { return runs_.contains(run); }
  void close(const RunId& run);

  struct Asked {
    RunId run;
    std::uint64_t connection = 0;  // never used again
    std::uint64_t call = 0;
    AgentRequest request;  // no AgentHello: that is answered here
  };
  std::vector<Asked> serve(Now now);
  // What programs of a run that is over had still said; as much as serve() would take of them.
  std::vector<Asked> drain(const RunId& run, Now now);
  // Each that was asked, once; to whoever is gone nothing is said.
  void answer(const Asked& asked, const AgentAnswer& answer, Now now);

  // Told to one connection, asked for or not; a reader that is slow misses the oldest.
  void tell(std::uint64_t connection, const AgentNotice& notice);

  // Whoever asked is there still.
  bool isConnected(std::uint64_t connection) const { return connections_.contains(connection); }

  // Those whose time is over, and those of runs that may ask again.
  void expire(Now now);
  std::optional<Microseconds> deadline() const;  // monotonic
  std::size_t connections() const { return connections_.size(); }

 private:
  using Id = std::uint64_t;
  struct Run {
    UniqueFd listener;
    std::size_t connections = 0;
    Microseconds until{};  // when all packets that it sent are earned
    std::optional<Microseconds> pausedUntil = std::nullopt;
    bool isWatched = true;  // its listener
  };
  struct Connection {
    RunId run;
    UniqueFd socket;
    Microseconds begun{};
    bool greeted = false;
    bool closing = false;
    Microseconds closingSince{};
    std::size_t unanswered = 0;
    std::deque<std::string> queue = {};
    Bytes queued{0};
    std::deque<AgentNotice> notices = {};
    std::deque<Bytes> noticeBytes = {};  // of each
    Bytes noticed{0};                    // of all
    std::uint64_t missed = 0;            // notices, before the first of them
    std::uint32_t watched = 0;           // EPOLLIN, EPOLLOUT; 0: not watched
  };
  enum class Next { kStays, kOver };

  explicit AgentServer(SocketWatch sockets) : sockets_(std::move(sockets)) {}
  void accept(const RunId& run, Now now);
  Next receive(Id id, Connection& connection, Now now, std::vector<Asked>& asked);
  Next handle(Id id, Connection& connection, std::string_view packet, Now now, std::vector<Asked>& asked);
  static bool mayRead(Run& run, Now now);
  static void push(Connection& connection, std::string packet);
  static void forgetNotice(Connection& connection);
  void watchListener(std::uint64_t id, Run& run);
  Next flush(Connection& connection);
  void refuseAndClose(Connection& connection, std::uint64_t call, const std::string& message, Now now);
  void settle(Id id, Connection& connection);
  void watch(Id id, Connection& connection, std::uint32_t wanted);
  void drop(Id id);

  SocketWatch sockets_;
  std::map<RunId, Run> runs_;
  std::map<std::uint64_t, RunId> listeners_;  // by the id in sockets_, whose first bit is set
  std::map<Id, Connection> connections_;
  Id next_ = 1;
};

}  // namespace ringfence::supervisor::api
