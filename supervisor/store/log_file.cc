#include "supervisor/store/log_file.h"

#include <algorithm>

#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

StoredRow readRow(const Statement& statement) {
  return {.row = {.seq = statement.number(0),
                  .run = std::string(statement.bytes(1)),
                  .at = {Microseconds(statement.signedNumber(2)), Microseconds(statement.signedNumber(3)),
                         Microseconds(statement.signedNumber(4))},
                  .bootId = std::string(statement.bytes(5)),
                  .kind = std::string(statement.bytes(6)),
                  .body = std::string(statement.bytes(7))},
          .hash = std::string(statement.bytes(8))};
}

}  // namespace

// ---- reading

Result<LogReader> LogReader::create(Connection& connection) {
  Statement base = RF_TRY(connection.prepare("SELECT up_to_seq, head_hash FROM retired"));
  Statement head = RF_TRY(connection.prepare("SELECT seq, hash FROM facts ORDER BY seq DESC LIMIT 1"));
  Statement snapshot =
      RF_TRY(connection.prepare("SELECT up_to_seq, taken_seq, state FROM snapshots ORDER BY up_to_seq DESC LIMIT 1"));
  Statement all =
      RF_TRY(connection.prepare("SELECT seq, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash FROM facts "
                                "WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  Statement ofRun =
      RF_TRY(connection.prepare("SELECT seq, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash FROM facts "
                                "WHERE run = ?3 AND run <> '' AND seq > ?1 ORDER BY seq LIMIT ?2"));
  Statement before =
      RF_TRY(connection.prepare("SELECT seq FROM (SELECT seq, wall_us FROM facts ORDER BY seq DESC LIMIT ?2) "
                                "WHERE wall_us < ?1 LIMIT 1"));
  Statement hashOf = RF_TRY(connection.prepare("SELECT hash FROM facts WHERE seq = ?1"));
  return LogReader({std::move(base), std::move(head), std::move(snapshot), std::move(all), std::move(ofRun),
                    std::move(before), std::move(hashOf)});
}

Result<ChainPoint> LogReader::base() {
  ChainPoint point;
  const bool found = RF_TRY(statements_.base.step());
  if (found) {
    point = {statements_.base.number(0), std::string(statements_.base.bytes(1))};
    statements_.base.reset();
  }
  return point;
}

Result<ChainPoint> LogReader::head() {
  const bool found = RF_TRY(statements_.head.step());
  if (!found) return base();
  ChainPoint point{statements_.head.number(0), std::string(statements_.head.bytes(1))};
  statements_.head.reset();
  return point;
}

Result<std::optional<SnapshotRow>> LogReader::lastSnapshot() {
  Statement& row = statements_.snapshot;
  const bool found = RF_TRY(row.step());
  if (!found) return std::optional<SnapshotRow>();
  std::optional<SnapshotRow> snapshot({row.number(0), row.number(1), std::string(row.bytes(2))});
  row.reset();
  return snapshot;
}

Result<void> LogReader::each(std::uint64_t sinceSeq, std::size_t limit,
                             const std::function<Result<void>(const StoredRow&)>& use) {
  Statement& rows = statements_.all;
  rows.bind(1, sinceSeq).bind(2, static_cast<std::uint64_t>(std::min<std::size_t>(limit, INT64_MAX)));
  while (true) {
    const bool row = RF_TRY(rows.step());
    if (!row) return {};
    Result<void> used = use(readRow(rows));
    if (used) continue;
    rows.reset();
    return used;
  }
}

Result<std::vector<StoredRow>> LogReader::ofRun(std::uint64_t sinceSeq, const RunId& run, std::size_t limit) {
  std::vector<StoredRow> found;
  statements_.ofRun.bind(1, sinceSeq).bind(2, static_cast<std::uint64_t>(limit)).bind(3, run.text());
  while (true) {
    const bool row = RF_TRY(statements_.ofRun.step());
    if (!row) return found;
    found.push_back(readRow(statements_.ofRun));
  }
}

Result<std::uint64_t> LogReader::seqBefore(Microseconds wall, std::size_t looked) {
  Statement& row = statements_.before;
  row.bind(1, static_cast<std::int64_t>(wall.count())).bind(2, static_cast<std::uint64_t>(looked));
  const bool found = RF_TRY(row.step());
  const std::uint64_t seq = found ? row.number(0) : 0;
  row.reset();
  return seq;
}

Result<std::optional<std::string>> LogReader::hashOf(std::uint64_t seq) {
  const bool found = RF_TRY(statements_.hashOf.bind(1, seq).step());
  if (!found) return std::optional<std::string>();
  std::optional<std::string> hash(statements_.hashOf.bytes(0));
  statements_.hashOf.reset();
  return hash;
}

Result<ChainPoint> LogReader::pointBefore(std::uint64_t seq) {
  auto hash = RF_TRY(hashOf(seq - 1));
  if (hash) return ChainPoint{seq - 1, *std::move(hash)};
  return base();
}

// ---- writing

Result<LogWriter> LogWriter::create(Connection& connection) {
  Statement fact =
      RF_TRY(connection.prepare("INSERT INTO facts(seq, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash) "
                                "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  Statement snapshot =
      RF_TRY(connection.prepare("INSERT INTO snapshots(up_to_seq, taken_seq, state) VALUES(?1, ?2, ?3)"));
  Statement hashOf = RF_TRY(connection.prepare("SELECT hash FROM facts WHERE seq = ?1"));
  Statement setBase =
      RF_TRY(connection.prepare("INSERT OR REPLACE INTO retired(only, up_to_seq, head_hash) VALUES(0, ?1, ?2)"));
  Statement dropFacts = RF_TRY(connection.prepare("DELETE FROM facts WHERE seq <= ?1"));
  // Only the last snapshot is ever read.
  Statement dropSnapshots = RF_TRY(connection.prepare("DELETE FROM snapshots WHERE up_to_seq < ?1"));
  return LogWriter({std::move(fact), std::move(snapshot), std::move(hashOf), std::move(setBase), std::move(dropFacts),
                    std::move(dropSnapshots)});
}

Result<void> LogWriter::addFact(const FactRow& row, std::string_view hash) {
  const auto micros = [](Microseconds time) { return static_cast<std::int64_t>(time.count()); };
  return statements_.fact.bind(1, row.seq)
      .bind(2, row.run)
      .bind(3, micros(row.at.wall))
      .bind(4, micros(row.at.monotonic))
      .bind(5, micros(row.at.boottime))
      .bind(6, row.bootId)
      .bind(7, row.kind)
      .bind(8, row.body)
      .bindBlob(9, hash)
      .run();
}

Result<void> LogWriter::addSnapshot(const SnapshotRow& snapshot) {
  RF_TRY(statements_.snapshot.bind(1, snapshot.upToSeq).bind(2, snapshot.takenSeq).bind(3, snapshot.state).run());
  return statements_.dropSnapshots.bind(1, snapshot.upToSeq).run();
}

Result<void> LogWriter::retire(const SegmentRetired& segment) {
  const bool found = RF_TRY(statements_.hashOf.bind(1, segment.upToSeq).step());
  const std::string hash = found ? std::string(statements_.hashOf.bytes(0)) : std::string();
  statements_.hashOf.reset();
  if (!found || encodeHex(hash) != segment.headHash) {
    return Error{ErrorCode::kInternal,
                 "fact " + std::to_string(segment.upToSeq) + " cannot be retired: the log holds another one there", 0};
  }
  RF_TRY(statements_.setBase.bind(1, segment.upToSeq).bindBlob(2, hash).run());
  return statements_.dropFacts.bind(1, segment.upToSeq).run();
}

}  // namespace ringfence::supervisor
