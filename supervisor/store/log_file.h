// The tables of the log over one connection: what to read and write, no threads. For this folder alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/store/chain.h"
#include "supervisor/store/sqlite.h"

namespace ringfence::supervisor {

struct StoredRow {
  FactRow row;
  std::string hash;  // raw
};

// Where the chain is at: the last fact, or the last one that was retired.
struct ChainPoint {
  std::uint64_t seq = 0;
  std::string hash = chainStart();
};

struct SnapshotRow {
  std::uint64_t upToSeq = 0;
  std::uint64_t takenSeq = 0;
  std::string state;
};

class LogReader {
 public:
  static Result<LogReader> create(Connection& connection);

  Result<ChainPoint> base();  // facts up to here are retired
  Result<ChainPoint> head();
  Result<std::optional<SnapshotRow>> lastSnapshot();
  // Calls `use` for each fact after `sinceSeq` in order, until it returns an error or `limit` facts were read.
  Result<void> each(std::uint64_t sinceSeq, std::size_t limit,
                    const std::function<Result<void>(const StoredRow&)>& use);
  Result<std::vector<StoredRow>> ofRun(std::uint64_t sinceSeq, const RunId& run, std::size_t limit);
  // The newest fact older than `wall` among the last `looked`; 0: none of them is.
  Result<std::uint64_t> seqBefore(Microseconds wall, std::size_t looked);
  Result<std::optional<std::string>> hashOf(std::uint64_t seq);
  // The fact before it, or the last that was retired; another one when neither is there.
  Result<ChainPoint> pointBefore(std::uint64_t seq);

 private:
  struct Statements {
    Statement base, head, snapshot, all, ofRun, before, hashOf;
  };
  explicit LogReader(Statements statements) : statements_(std::move(statements)) {}
  Statements statements_;
};

class LogWriter {
 public:
  static Result<LogWriter> create(Connection& connection);

  Result<void> addFact(const FactRow& row, std::string_view hash);
  Result<void> addSnapshot(const SnapshotRow& snapshot);
  // Deletes what `segment` retires. Fails with kInternal when it is not what the log holds at that place.
  Result<void> retire(const SegmentRetired& segment);

 private:
  struct Statements {
    Statement fact, snapshot, hashOf, setBase, dropFacts, dropSnapshots;
  };
  explicit LogWriter(Statements statements) : statements_(std::move(statements)) {}
  Statements statements_;
};

}  // namespace ringfence::supervisor
