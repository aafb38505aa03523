// One connection to the agent's socket: made when it must be, lost and made anew, and whoever asks over it waits no
// longer than was said.
//
// A lost one is tried at most once per kRetry, and calls between return at once, but those with patience. One that is
// silent is waited for once: until it says something again, calls without patience return at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence {

class AgentLink {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kRetry{250};
  enum class Patience { kReturns, kTriesAgain };  // kTriesAgain: a lost connection is tried until time is over

  explicit AgentLink(std::string path);

  // The packet that answers {verb: body}; `body` is a JSON object. Nothing: nobody answered, and `trouble` says why.
  // Blocks until then, and a moment longer for what came while the process was frozen.
  std::optional<std::string> ask(const char* verb, const std::string& body, Time until, Patience patience,
                                 std::string& trouble);

  // For whoever awaits several answers. There is a connection, and all that came over it was taken. Blocks with
  // patience alone.
  bool isReady(Time until, Patience patience, std::string& trouble);
  bool isConnected() const { return static_cast<bool>(socket_); }
  std::uint64_t connection() const { return connection_; }  // how many there were
  // The number of the call. Never blocks. Fails with kBusy (not now), kInvalid (too long), or when the connection is
  // gone.
  Result<std::uint64_t> send(const char* verb, const std::string& body);
  // The answer to a call, once. Nothing: not yet, or never, when it is awaited no more.
  std::optional<std::string> answerTo(std::uint64_t call);
  bool isAwaited(std::uint64_t call) const { return awaited_.contains(call); }
  // Blocks until something came and takes it; false: nothing did in time.
  bool takeMore(Time until);

  // What came unasked over the connection there is; nothing: nothing yet. Blocks never. Fails when it is gone.
  Result<std::optional<std::string>> pending();
  int fd() const { return socket_.get(); }

  // Of ids that no other process chooses.
  const std::string& prefix() const { return prefix_; }

 private:
  bool connect(std::string& trouble);
  bool waitsFor(short events, Time until) const;
  std::nullopt_t fellSilent(std::string& trouble);
  bool readOne();
  void accept(std::string packet);
  void drop(std::string why);

  std::string path_, prefix_, why_;
  UniqueFd socket_;
  Time connectAt_{};
  std::uint64_t connection_ = 0, call_ = 0;
  std::map<std::uint64_t, std::optional<std::string>> awaited_;
  std::optional<std::string> refusal_;  // to nothing that was asked, or to all
  std::optional<Time> silentSince_;
};

}  // namespace ringfence
