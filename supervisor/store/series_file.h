// The table of what became of samples over one connection. For this folder alone.
#pragma once

#include <optional>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/store/sample.h"
#include "supervisor/store/sqlite.h"

namespace ringfence::supervisor {

class SeriesReader {
 public:
  static Result<SeriesReader> create(Connection& connection);
  // That end after `since`, in order; of more than `limit`, the newest.
  Result<std::vector<SampleBucket>> read(const RunId& run, Microseconds since, std::size_t limit);

 private:
  explicit SeriesReader(Statement rows) : rows_(std::move(rows)) {}
  Statement rows_;
};

class SeriesWriter {
 public:
  static Result<SeriesWriter> create(Connection& connection, SampleBounds bounds);
  // Within a transaction of the caller.
  Result<void> add(const std::vector<Sample>& samples);
  // What was added last is not in the file.
  void rolledBack();

 private:
  struct Statements {
    Statement add, fold, drop, count, trim;
  };
  SeriesWriter(Statements statements, SampleBounds bounds) : statements_(std::move(statements)), bounds_(bounds) {}
  Result<void> addOne(const Sample& sample);
  Result<void> fold(std::int64_t from, std::int64_t to, Microseconds before);
  Result<void> tend(Microseconds now);

  Statements statements_;
  SampleBounds bounds_;
  std::optional<std::int64_t> tendedMinute_;
  std::optional<std::uint64_t> atMost_;  // so many buckets, or fewer
};

}  // namespace ringfence::supervisor
