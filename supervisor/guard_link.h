// The daemon's end of the pair of one guard, and that guard's ring of allowed actions. Blocks never. The guard may be
// hijacked: what it sends is bounded and checked for shape here, and whatever it does wrong ends the link.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"
#include "sdk/base/io.h"
#include "sdk/base/result.h"
#include "supervisor/core/command.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// Orders that wait for a guard that does not read.
inline constexpr std::size_t kMaxGuardQueue = 1024;
inline constexpr std::size_t kMaxGuardEventsPerTurn = 64;

class GuardLink {
 public:
  // `ring` may be absent: then the guard tells nothing of what it allows.
  GuardLink(GuardName name, UniqueFd socket, std::optional<sandbox::ActionRing> ring, std::uint64_t ringUpTo);

  const GuardName& name() const { return name_; }
  int fd() const { return socket_.get(); }
  bool wantsWrite() const { return !queue_.empty() && !over(); }
  // Why it ended; nothing more comes or goes.
  const std::optional<std::string>& trouble() const { return trouble_; }
  bool over() const { return trouble_.has_value(); }

  // Events that are there now, at most kMaxGuardEventsPerTurn.
  std::vector<sandbox::GuardEvent> receive();
  void send(const sandbox::GuardOrder& order);
  void flush();
  // Ends the link, and the guard where its process is known and really belongs to the run: another one that has learnt
  // nothing from the agent takes its place.
  void fail(std::string reason);
  // The run is over; nothing is wrong.
  void close();
  bool closed() const { return closed_; }

  struct Drained {
    std::vector<AllowedCount> actions;  // empty: nothing was there
    std::uint64_t upTo = 0;
    bool more = false;
  };
  // The next entries of the ring, equal ones counted together, as many as one fact holds.
  Result<Drained> drain() const;
  // They are on their way to the disk: drain() goes on behind them.
  void advance(std::uint64_t upTo) { cursor_ = upTo; }
  // They are recorded. True when there is more to drain.
  bool settle(std::uint64_t upTo);
  // Whether something before the next entry of drain() has not been let go of. Where a ring is full of that its guard
  // waits for room, and there is nothing to read.
  bool hasUnsettled() const { return ring_ && ring_->taken() != cursor_; }

 private:
  struct Queued {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };

  GuardName name_;
  UniqueFd socket_;
  std::optional<sandbox::ActionRing> ring_;
  std::uint64_t cursor_ = 0;
  bool closed_ = false;
  std::deque<Queued> queue_;
  std::optional<std::string> trouble_;
  std::int32_t pid_ = 0;  // of whoever sent last, as the kernel says
};

}  // namespace ringfence::supervisor
