// The log of facts, durable. The seam `Store` has one real implementation (sqlite_store.h); tests have one that loses
// power or space. All methods are called from the loop's thread; none blocks on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/core/decide.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// Result of commits since the last look.
struct Progress {
  std::uint64_t durableSeq = 0;  // every fact up to here is on disk
  std::optional<Error> failure;  // a batch failed: nothing after durableSeq will become durable until `retry`
  std::optional<SegmentRetired> retirable = std::nullopt;  // may leave the log, when the core says so (tendLog)
};

class Store {
 public:
  virtual ~Store() = default;
  // Queues facts in order; they commit together with whatever else has gathered. Fails with kUnavailable when the queue
  // is at its bound (kMaxQueuedFacts).
  virtual Result<void> append(const std::vector<Fact>& facts) = 0;
  // As append, but the commit may wait for begin(): whoever has more to do at once is not held up by the one that
  // writes.
  virtual Result<void> queue(const std::vector<Fact>& facts) { return append(facts); }
  virtual void begin() {}
  // Readable when progress() has news.
  virtual int eventFd() const = 0;
  virtual Progress progress() = 0;
  // Tries the failed batch again (the disk may have room now).
  virtual void retry() = 0;
  // Queues a SnapshotTaken fact with the state that it names; both become durable together. A store that keeps no
  // snapshots folds the whole log instead.
  virtual Result<void> appendSnapshot(const Fact& fact, std::string state) {
    (void)state;
    return append({fact});
  }
};

// The facts about the log itself that are due: a snapshot, a segment that may go. Appends and folds them. Call it once
// a turn, with the last progress. Fails as append does, and may then be called again later.
Result<void> tendLog(Store& store, State& state, const Progress& progress, const Context& context);

inline constexpr std::size_t kMaxQueuedFacts = 65536;

}  // namespace ringfence::supervisor
