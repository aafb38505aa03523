#include "supervisor/store/series_file.h"

#include <algorithm>

namespace ringfence::supervisor {
namespace {

constexpr std::int64_t kSecondUsec = 1'000'000;
// Nothing that is measured gets there, and a bucket's sum of such numbers fits.
constexpr std::uint64_t kMostKept = std::uint64_t{1} << 50;

std::optional<std::uint64_t> readOptional(const Statement& statement, int column) {
  if (statement.isNull(column)) return std::nullopt;
  return statement.number(column);
}

void bindOptional(Statement& statement, int index, const std::optional<std::uint64_t>& number) {
  if (number && *number <= kMostKept)
    statement.bind(index, *number);
  else
    statement.bindNull(index);
}

std::int64_t startOf(Microseconds at, std::int64_t seconds) {
  return static_cast<std::int64_t>(at.count()) / (seconds * kSecondUsec) * (seconds * kSecondUsec);
}

}  // namespace

Result<SeriesReader> SeriesReader::create(Connection& connection) {
  Statement rows = RF_TRY(connection.prepare(
      "SELECT grain, start_us, cpu_usec, io_read_bytes, io_write_bytes, memory_min, memory_max, pids_max, "
      "CASE WHEN memory_count > 0 THEN memory_sum / memory_count END FROM buckets "
      "WHERE run = ?1 AND start_us + grain * 1000000 > ?2 ORDER BY start_us DESC, grain LIMIT ?3"));
  return SeriesReader(std::move(rows));
}

Result<std::vector<SampleBucket>> SeriesReader::read(const RunId& run, Microseconds since, std::size_t limit) {
  std::vector<SampleBucket> found;
  rows_.bind(1, run.text()).bind(2, static_cast<std::int64_t>(since.count())).bind(3, std::uint64_t{limit});
  while (true) {
    const bool row = RF_TRY(rows_.step());
    if (!row) break;
    found.push_back({.run = run,
                     .start = Microseconds(rows_.signedNumber(1)),
                     .seconds = static_cast<std::uint32_t>(rows_.number(0)),
                     .cpuUsec = readOptional(rows_, 2),
                     .ioReadBytes = readOptional(rows_, 3),
                     .ioWriteBytes = readOptional(rows_, 4),
                     .memoryMin = readOptional(rows_, 5),
                     .memoryMean = readOptional(rows_, 8),
                     .memoryMax = readOptional(rows_, 6),
                     .pidsMax = readOptional(rows_, 7)});
  }
  std::ranges::reverse(found);
  return found;
}

// What is folded into what is there: of counters the greater, as they only grow; min() and max() of SQLite are null
// when one of two is, so each is asked for what the other has.
#define RF_FOLD                                                                                                        \
  " ON CONFLICT(run, grain, start_us) DO UPDATE SET at_us = max(at_us, excluded.at_us), "                              \
  "cpu_usec = coalesce(max(cpu_usec, excluded.cpu_usec), cpu_usec, excluded.cpu_usec), "                               \
  "io_read_bytes = coalesce(max(io_read_bytes, excluded.io_read_bytes), io_read_bytes, excluded.io_read_bytes), "      \
  "io_write_bytes = coalesce(max(io_write_bytes, excluded.io_write_bytes), io_write_bytes, excluded.io_write_bytes), " \
  "memory_min = coalesce(min(memory_min, excluded.memory_min), memory_min, excluded.memory_min), "                     \
  "memory_max = coalesce(max(memory_max, excluded.memory_max), memory_max, excluded.memory_max), "                     \
  "memory_sum = memory_sum + excluded.memory_sum, memory_count = memory_count + excluded.memory_count, "               \
  "pids_max = coalesce(max(pids_max, excluded.pids_max), pids_max, excluded.pids_max)"

Result<SeriesWriter> SeriesWriter::create(Connection& connection, SampleBounds bounds) {
  Statement add = RF_TRY(connection.prepare(
      "INSERT INTO buckets VALUES(?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, coalesce(?7, 0), ?7 IS NOT NULL, ?8)" RF_FOLD));
  Statement fold = RF_TRY(connection.prepare(
      "INSERT INTO buckets SELECT run, ?2, start_us - start_us % (?2 * 1000000), max(at_us), max(cpu_usec), "
      "max(io_read_bytes), max(io_write_bytes), min(memory_min), max(memory_max), sum(memory_sum), sum(memory_count), "
      "max(pids_max) FROM buckets WHERE grain = ?1 AND start_us < ?3 "
      "GROUP BY run, start_us - start_us % (?2 * 1000000)" RF_FOLD));
  Statement drop = RF_TRY(connection.prepare("DELETE FROM buckets WHERE grain = ?1 AND start_us < ?2"));
  Statement count = RF_TRY(connection.prepare("SELECT count(*) FROM buckets"));
  Statement trim = RF_TRY(connection.prepare(
      "DELETE FROM buckets WHERE (run, grain, start_us) IN (SELECT run, grain, start_us FROM buckets "
      "ORDER BY grain DESC, start_us LIMIT ?1)"));
  return SeriesWriter({std::move(add), std::move(fold), std::move(drop), std::move(count), std::move(trim)}, bounds);
}

#undef RF_FOLD

Result<void> SeriesWriter::add(const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) RF_TRY(addOne(sample));
  if (atMost_) *atMost_ += samples.size();
  if (samples.empty()) return {};
  const Microseconds now = samples.back().wall;
  const std::int64_t minute = startOf(now, 60);
  if (tendedMinute_ == minute) return {};
  RF_TRY(tend(now));
  tendedMinute_ = minute;
  return {};
}

void SeriesWriter::rolledBack() {
  tendedMinute_.reset();
  atMost_.reset();
}

Result<void> SeriesWriter::addOne(const Sample& sample) {
  Statement& row = statements_.add;
  row.bind(1, sample.run.text()).bind(2, startOf(sample.wall, 1)).bind(3, std::int64_t{sample.wall.count()});
  bindOptional(row, 4, sample.cpuUsec);
  bindOptional(row, 5, sample.ioReadBytes);
  bindOptional(row, 6, sample.ioWriteBytes);
  bindOptional(row, 7, sample.memoryBytes);
  bindOptional(row, 8, sample.pids);
  return row.run();
}

// Whole coarser ones only, so that no moment is in two.
Result<void> SeriesWriter::fold(std::int64_t from, std::int64_t to, Microseconds before) {
  const std::int64_t limit = startOf(before, to);
  RF_TRY(statements_.fold.bind(1, from).bind(2, to).bind(3, limit).run());
  return statements_.drop.bind(1, from).bind(2, limit).run();
}

Result<void> SeriesWriter::tend(Microseconds now) {
  RF_TRY(fold(1, 60, now - bounds_.seconds));
  RF_TRY(fold(60, 3600, now - bounds_.minutes));
  RF_TRY(statements_.drop.bind(1, std::int64_t{3600}).bind(2, startOf(now - bounds_.hours, 3600)).run());
  if (atMost_ && *atMost_ <= bounds_.total) return {};  // To count them takes as long as they are many.
  const bool counted = RF_TRY(statements_.count.step());
  const std::uint64_t all = counted ? statements_.count.number(0) : 0;
  statements_.count.reset();
  atMost_ = std::min(all, bounds_.total);
  if (all <= bounds_.total) return {};
  return statements_.trim.bind(1, all - bounds_.total).run();
}

}  // namespace ringfence::supervisor
