// One connection of the run, from its first byte to its last, without ever waiting. Mechanism alone: what it wants and
// what goes wrong comes up as a value, what becomes of it goes down as a call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "sandbox/egress/http_answer.h"
#include "sandbox/egress/http_body.h"
#include "sandbox/egress/negotiation.h"
#include "sandbox/egress/spool.h"
#include "sandbox/egress/stream.h"
#include "sandbox/egress/traffic.h"

namespace ringfence::sandbox {

class Session {
 public:
  enum class Entry { kProxy, kRaw };  // kProxy: the client says where it wants to
  // kRefusing: the last bytes are on their way to the client, and what it still sends is thrown away.
  enum class State { kNegotiating, kWaiting, kStreaming, kRefusing, kOver };

  struct Quiet {};
  struct LimitReached {};
  // The other side, in words.
  struct Broken {
    std::string what;  // "TLS to"
    std::string why;
  };
  using Happening = std::variant<Quiet, Wanted, Refused, Mismatch, LimitReached, Broken>;

  // How the connection outwards stands: kClosed politely, kReset it broke.
  enum class Upstream { kOpen, kClosed, kReset };

  // `pool` is borrowed.
  Session(UniqueFd client, Entry entry, SpoolPool& pool);

  State state() const { return state_; }
  int clientFd() const { return client_.fd(); }
  int upstreamFd() const { return upstream_ ? upstream_->fd() : -1; }
  // As far as it goes now. `scratch` is overwritten.
  Happening advance(std::span<char> scratch);

  struct Opening {
    std::string toClient;               // before anything of the other side
    std::string toUpstream;             // before anything of the client
    std::optional<Framing> oneRequest;  // of the client goes just this body
    Upgrade upgrade = Upgrade::kNone;   // and once the other side has agreed, all the rest
    std::optional<Gate> gate;           // whom the first bytes of the client may name
    HostTraffic* traffic = nullptr;     // counted there
    SendBudget* budget = nullptr;       // nothing: it leaves no device
    AnswerCounts* answers = nullptr;    // what models state is counted there
  };
  void open(Stream upstream, Opening opening);
  // What the client sends may go on from here.
  void release() { released_ = true; }
  // A byte of its content went one way or the other.
  bool hasCarried() const { return carried_; }
  // Bytes of its content so far.
  std::uint64_t sentBytes() const { return sent_; }
  std::uint64_t receivedBytes() const { return received_; }
  // Of these, and of what else goes to the client, it has not taken so many.
  std::size_t waitingForClient() const { return toClient_.size(); }
  Upstream upstream() const { return upstreamState_; }

  // No more comes: an answer of a model that is half through is over.
  void endAnswers() {
    if (counts_ != nullptr) answers_.finish(*counts_);
  }

  // Its client does not run: what the other side sends is kept as far as there is room.
  void hold() { held_ = true, full_ = false; }
  void letGo() { held_ = false; }
  // In the last hold what it kept left it no room.
  bool wasFull() const { return full_; }

  // Tells the client and ends; nothing to tell: a reset.
  void refuse(const std::string& reply);
  void end() { state_ = State::kOver; }

  std::uint32_t clientEvents() const;
  std::uint32_t upstreamEvents() const;
  // The client was heard to send no more. It may have gone, or wait for its answer.
  void noteLastWord();

 private:
  Happening negotiate(std::span<char> scratch);
  Happening stream(std::span<char> scratch);
  Happening pumpUp(std::span<char> scratch);
  Happening look();
  void passUp(std::span<char> scratch);
  void countSent(std::size_t count);
  Happening pumpDown(std::span<char> scratch);
  Happening lookAtReply();
  void drain(std::span<char> scratch);
  bool readClient(std::span<char> scratch);
  bool flushUp();
  void breakOff();
  bool flushDown();
  void keepForClient(std::string_view bytes);
  bool wantsClientBytes() const;
  bool onlyAnswers() const { return oneRequest_ && body_ && body_->done(); }

  Stream client_;
  std::optional<Stream> upstream_;
  State state_;
  Negotiation negotiation_;
  std::string fromClient_, toUpstream_;
  Spool toClient_;
  std::string reply_;  // to an upgrade, as far as it came
  std::optional<Gate> gate_;
  std::optional<BodyScanner> body_;
  HttpAnswerReader answers_;
  AnswerCounts* counts_ = nullptr;
  HostTraffic* traffic_ = nullptr;
  SendBudget* budget_ = nullptr;
  std::uint64_t sent_ = 0, received_ = 0;
  Upstream upstreamState_ = Upstream::kOpen;
  bool held_ = false, full_ = false;
  bool clientEnd_ = false, upstreamEnd_ = false, clientShut_ = false, upstreamShut_ = false;
  bool handshaken_ = false, released_ = false, oneRequest_ = false, moved_ = false, upgrading_ = false,
       carried_ = false, heardLast_ = false;
};

}  // namespace ringfence::sandbox
