// One connection of the control socket: Hello first, then requests as values; answers queue here and leave as the peer
// reads. A packet that is malformed, oversized or unknown is answered with a named error and the connection closes;
// nobody else notices. Blocks never. Owns its socket.
//
//   for (Incoming& incoming : session.receive(now)) … session.send(incoming.id, answer, {}, Last::kYes, now);
//   if (session.finished()) drop it;
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"
#include "supervisor/core/command.h"

namespace ringfence::supervisor::api {

inline constexpr std::uint32_t kProtocol = 1;
// What waits for a peer that does not read; above either, it is told `lagged` and disconnected.
inline constexpr Bytes kMaxQueuedOutput{4 << 20};
inline constexpr Milliseconds kMaxOutputDelay = std::chrono::seconds(5);
// Above this no more requests of that peer are read, and a log that is being read for it waits.
inline constexpr Bytes kOutputPause{256 << 10};
inline constexpr Milliseconds kHelloPatience = std::chrono::seconds(10);
inline constexpr std::size_t kMaxPacketsPerTurn = 16;

enum class Last { kNo, kYes };

struct Incoming {
  std::uint64_t id = 0;
  Request request;
  std::vector<UniqueFd> fds;
};

class Session {
 public:
  Session(UniqueFd socket, Peer peer, Now now);

  int fd() const { return socket_.get(); }
  const Peer& peer() const { return peer_; }

  // Requests that are there now, at most kMaxPacketsPerTurn packets. The end of the connection shows in finished().
  std::vector<Incoming> receive(Now now);
  // Queues an answer (descriptors are kept until they are sent) and sends what goes at once.
  void send(std::uint64_t id, const Answer& answer, std::vector<UniqueFd> fds, Last last, Now now);
  // Answers with a refusal; the connection closes when the peer has read it, or after kMaxOutputDelay.
  void refuseAndClose(std::uint64_t id, const Refusal& refusal, Now now);
  // Sends what the socket takes.
  void flush(Now now);
  // A peer that subscribed to the log pays for not reading; the seq of the last fact that left goes with `lagged`.
  void setSubscribed(std::uint64_t sinceSeq) {
    subscribed_ = true;
    lastSeq_ = std::max(lastSeq_, sinceSeq);
  }
  // Deadlines: Hello, unread output, the wait before closing.
  void expire(Now now);

  bool wantsRead() const { return !closing_ && !gone_ && queuedBytes_ <= kOutputPause.count; }
  bool wantsWrite() const { return !queue_.empty() && !gone_; }
  bool hasRoom() const { return !closing_ && queuedBytes_ <= kOutputPause.count; }
  // Nothing will come or go any more: drop it.
  bool finished() const { return gone_ || (closing_ && queue_.empty()); }
  // When expire() has something to do.
  std::optional<Microseconds> deadline() const;

 private:
  struct Queued {
    std::string bytes;
    std::vector<UniqueFd> fds;
    std::size_t size = 0;
    Microseconds since{};
    std::uint64_t seq = 0;  // of a line of the log
  };
  void handle(std::string_view bytes, std::vector<UniqueFd> fds, Now now, std::vector<Incoming>& incoming);
  void enqueue(std::uint64_t id, const Answer& answer, std::vector<UniqueFd> fds, Last last, Now now);
  void push(std::string bytes, std::vector<UniqueFd> fds, std::size_t size, Now now);
  void lag(Now now);

  UniqueFd socket_;
  Peer peer_;
  int format_ = 0;  // wire.h's Format; of the last request
  bool greeted_ = false;
  bool closing_ = false;
  bool gone_ = false;
  bool subscribed_ = false;
  std::uint64_t lastSeq_ = 0;
  Microseconds begun_{};
  Microseconds closingSince_{};
  std::deque<Queued> queue_;
  std::size_t queuedBytes_ = 0;
};

}  // namespace ringfence::supervisor::api
