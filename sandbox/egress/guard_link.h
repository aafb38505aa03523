// The egress's end of its pair with the daemon: what is told, what must be acknowledged, what comes back. Survives a
// daemon: what was not acknowledged is told again when the next one asks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sandbox/wire/guard.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

enum class Start { kFirst, kRestarted };

class GuardLink {
 public:
  // `pair` is borrowed and becomes non-blocking. `pid`: what the daemon knows it by; 0: the own one.
  static Result<GuardLink> create(int pair, Start start, std::int32_t pid);

  int fd() const { return pair_; }
  bool wantsToWrite() const { return !queue_.empty(); }
  // Too much waits to be told: nothing new is begun until it is less.
  bool isFull() const { return queue_.size() >= kMaxQueue; }

  std::uint64_t ask(GuardedAction action, GuardRule rule);
  void withdraw(std::uint64_t ask, std::string why);
  void performed(std::uint64_t ask, std::int32_t sysErrno, std::string note);
  // The ticket that a Recorded brings back.
  std::uint64_t record(Record record);
  // Afterwards: nobody waits.
  void tell(GuardEvent event);

  // What is queued, as far as the socket takes it.
  Result<void> flush();
  // Orders that are there, acknowledgements included. Fails with kUnavailable when the other side is gone.
  Result<std::vector<GuardOrder>> receive();
  // Says hello and everything open again.
  void repeat();
  void answered(std::uint64_t ask) { asks_.erase(ask); }
  void recorded(std::uint64_t ticket) { records_.erase(ticket); }

 private:
  static constexpr std::size_t kMaxQueue = 1024;

  GuardLink(int pair, Start start, std::int32_t pid, std::uint64_t firstNumber)
      : pair_(pair), start_(start), pid_(pid), next_(firstNumber) {}

  int pair_ = -1;
  Start start_ = Start::kFirst;
  std::int32_t pid_ = 0;
  std::uint64_t next_ = 1;  // of asks and tickets; above those of any egress of this run before
  std::deque<std::string> queue_;
  std::map<std::uint64_t, Ask> asks_;
  std::map<std::uint64_t, Record> records_;
};

}  // namespace ringfence::sandbox
