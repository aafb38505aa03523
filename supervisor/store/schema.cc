#include "supervisor/store/schema.h"

#include <array>

namespace ringfence::supervisor {
namespace {

// "RFNC": tells this file from any other SQLite database.
constexpr std::uint64_t kApplicationId = 0x52464e43;

// kind and body of a fact are in supervisor/core; hash is the chain of chain.h. Samples are bounded and not in the
// chain.
constexpr std::array kSteps{Migration{1, R"sql(
CREATE TABLE facts(
  seq INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  wall_us INTEGER NOT NULL,
  mono_us INTEGER NOT NULL,
  boot_us INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  hash BLOB NOT NULL) STRICT;
CREATE INDEX facts_of_run ON facts(run, seq) WHERE run <> '';
CREATE TABLE snapshots(
  up_to_seq INTEGER PRIMARY KEY,
  taken_seq INTEGER NOT NULL,
  state TEXT NOT NULL) STRICT;
CREATE TABLE retired(
  only INTEGER PRIMARY KEY CHECK (only = 0),
  up_to_seq INTEGER NOT NULL,
  head_hash BLOB NOT NULL) STRICT;
CREATE TABLE samples(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  wall_us INTEGER NOT NULL,
  cpu_usec INTEGER,
  memory_bytes INTEGER,
  pids INTEGER,
  io_read_bytes INTEGER,
  io_write_bytes INTEGER) STRICT;
CREATE INDEX samples_of_run ON samples(run, id);
)sql"},
                            // grain is in seconds; memory_sum and memory_count make a mean, whatever is folded.
                            // Coarse ones are older than fine ones: that index has the oldest first.
                            Migration{2, R"sql(
CREATE TABLE buckets(
  run TEXT NOT NULL,
  grain INTEGER NOT NULL,
  start_us INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  cpu_usec INTEGER,
  io_read_bytes INTEGER,
  io_write_bytes INTEGER,
  memory_min INTEGER,
  memory_max INTEGER,
  memory_sum INTEGER NOT NULL,
  memory_count INTEGER NOT NULL,
  pids_max INTEGER,
  PRIMARY KEY(run, grain, start_us)) STRICT, WITHOUT ROWID;
CREATE INDEX buckets_by_age ON buckets(grain DESC, start_us);
INSERT INTO buckets SELECT run, 1, wall_us - wall_us % 1000000, max(wall_us), max(cpu_usec), max(io_read_bytes),
  max(io_write_bytes), min(memory_bytes), max(memory_bytes), CAST(total(memory_bytes) AS INTEGER), count(memory_bytes),
  max(pids) FROM samples GROUP BY run, wall_us - wall_us % 1000000;
DROP TABLE samples;
)sql"}};

Result<std::uint64_t> readVersion(Connection& connection) {
  Statement version = RF_TRY(connection.prepare("PRAGMA user_version"));
  RF_TRY(version.step());
  return version.number(0);
}

Result<bool> isEmpty(Connection& connection) {
  Statement tables = RF_TRY(connection.prepare("SELECT count(*) FROM sqlite_schema"));
  RF_TRY(tables.step());
  return tables.number(0) == 0;
}

Result<void> requireOurs(Connection& connection) {
  Statement id = RF_TRY(connection.prepare("PRAGMA application_id"));
  RF_TRY(id.step());
  if (id.number(0) == kApplicationId) return {};
  const bool empty = RF_TRY(isEmpty(connection));
  if (empty && id.number(0) == 0) return {};
  return Error{ErrorCode::kInvalid,
               connection.path() + ": is a database of another program; name another state directory", 0};
}

Result<void> apply(Connection& connection, const Migration& step) {
  Transaction transaction = RF_TRY(Transaction::begin(connection));
  RF_TRY(connection.executeText(step.sql));
  // A pragma takes no bound value; both numbers are ours.
  RF_TRY(connection.executeText(("PRAGMA user_version=" + std::to_string(step.toVersion)).c_str()));
  RF_TRY(connection.executeText(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str()));
  return transaction.commit();
}

}  // namespace

std::span<const Migration> schemaSteps() { return kSteps; }

Result<void> migrate(Connection& connection, std::span<const Migration> steps) {
  RF_TRY(requireOurs(connection));
  const std::uint64_t version = RF_TRY(readVersion(connection));
  const auto newest = steps.empty() ? 0U : static_cast<std::uint64_t>(steps.back().toVersion);
  if (version > newest) {
    return Error{ErrorCode::kUnsupported,
                 connection.path() + ": was written by a newer ringfenced (schema " + std::to_string(version) +
                     ", this one knows " + std::to_string(newest) +
                     "); install that version again, or move all of log.* away to begin an empty log",
                 0};
  }
  for (const Migration& step : steps) {
    if (static_cast<std::uint64_t>(step.toVersion) > version) RF_TRY(apply(connection, step));
  }
  return {};
}

}  // namespace ringfence::supervisor
