// The log in one SQLite file: a thread that writes and checkpoints over one connection, a second connection that only
// reads.
//
//   auto opened = RF_TRY(SqliteStore::open(stateDir + "/log.db"));
//   opened.state;                      // the fold of everything durable
//   opened.store->append(facts);       // eventFd() is readable when they are on disk
//
// Durable means: in the write-ahead log and synced. A crash or power cut after that loses nothing that was reported.
// The chain shows that a fact was changed, not who did it; see chain.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "supervisor/store/sample.h"
#include "supervisor/store/store.h"

namespace ringfence::supervisor {

struct Migration;

struct StoredFact {
  Fact fact;
  std::string hash;  // 64 hexadecimal digits
  bool operator==(const StoredFact&) const = default;
};

struct StoreOptions {
  SampleBounds samples;
  std::uint64_t keptFacts = 1'000'000;    // older segments of 10,000 facts may be retired
  std::span<const Migration> steps = {};  // of the schema; none given: those of this build
};

inline constexpr std::size_t kMaxReadFacts = 4096;
inline constexpr std::size_t kMaxReadBuckets = 8192;
inline constexpr std::size_t kMaxLookedBack = 20000;

class SqliteStore final : public Store {
 public:
  struct Opened;
  // Checks pages, the chain after the last snapshot and that the end is there (head_file.h), migrates, and locks the
  // file against another daemon. Blocks. Fails with kBusy when another daemon has it, kUnsupported when a newer build
  // wrote it, kInvalid when it is damaged: each names the file and what to do. A damaged one stays as it was found.
  static Result<Opened> open(const std::string& path, StoreOptions options = {});
  // Commits what is queued, unless a failure stands. Blocks.
  ~SqliteStore() override;

  Result<void> append(const std::vector<Fact>& facts) override;
  Result<void> queue(const std::vector<Fact>& facts) override;
  void begin() override;
  Result<void> appendSnapshot(const Fact& fact, std::string state) override;
  int eventFd() const override;
  Progress progress() override;
  void retry() override;

  // For the beat of the daemon (supervisor/heartbeat.h): through the thread that writes.
  void pass(std::uint64_t token);
  std::uint64_t passed() const;

  // Never fails and never waits. They are written with the next facts, or within five seconds; the oldest are dropped
  // when 4,096 wait.
  void appendSamples(std::span<const Sample> samples);

  // Durable facts after `sinceSeq` in order, at most `limit` and at most kMaxReadFacts; of one run, or (empty) all.
  // Reads from the file, for which it may wait as long as any read does, never for the writer. Fails with kInvalid,
  // naming it, for a fact that is not what was written. (Of one run: a fact that its index lost is not missed here; the
  // whole chain is checked by verifyLog.)
  Result<std::vector<StoredFact>> read(std::uint64_t sinceSeq, const RunId& run, std::size_t limit);
  // The newest fact that is older than `wall`, among the last kMaxLookedBack; 0 when there is none among them.
  Result<std::uint64_t> seqBefore(Microseconds wall);
  // What became of the samples of a run, those that are not written yet too: all that end after `since`, in order; of
  // more than `limit` or kMaxReadBuckets, the newest.
  Result<std::vector<SampleBucket>> series(const RunId& run, Microseconds since, std::size_t limit = kMaxReadBuckets);

 private:
  struct Parts;
  explicit SqliteStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

struct SqliteStore::Opened {
  std::unique_ptr<SqliteStore> store;
  State state;
};

}  // namespace ringfence::supervisor
