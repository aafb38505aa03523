#include "supervisor/store/load_log.h"

#include <limits>

#include "sdk/base/sha256.h"
#include "supervisor/store/damage.h"

namespace ringfence::supervisor {
namespace {

Error damaged(const Connection& connection, const std::string& what) { return damagedLog(connection.path(), what); }

// The state of the last snapshot, or the empty one; and where in the chain it is.
Result<ChainPoint> startFrom(Connection& connection, LogReader& reader, const std::optional<SnapshotRow>& snapshot,
                             State& state) {
  if (!snapshot) {
    const ChainPoint base = RF_TRY(reader.base());
    if (base.seq != 0) return damaged(connection, "facts were retired and there is no snapshot of them");
    return base;
  }
  auto decoded = decodeState(snapshot->state);
  if (!decoded)
    return damaged(connection,
                   "snapshot at fact " + std::to_string(snapshot->upToSeq) + ": " + decoded.error().message);
  state = *std::move(decoded);
  if (state.lastSeq != snapshot->upToSeq)
    return damaged(connection, "the snapshot is not of fact " + std::to_string(snapshot->upToSeq));
  const ChainPoint base = RF_TRY(reader.base());
  if (base.seq == snapshot->upToSeq) return base;
  const auto hash = RF_TRY(reader.hashOf(snapshot->upToSeq));
  if (!hash) return damaged(connection, "fact " + std::to_string(snapshot->upToSeq) + " is missing");
  return ChainPoint{snapshot->upToSeq, *hash};
}

}  // namespace

Result<void> checkPages(Connection& connection) {
  Statement check = RF_TRY(connection.prepare("PRAGMA quick_check(1)"));
  const bool row = RF_TRY(check.step());
  if (row && check.bytes(0) == "ok") return {};
  return damaged(connection, row ? std::string(check.bytes(0)) : "cannot be checked");
}

Result<LoadedLog> loadLog(Connection& connection) {
  LogReader reader = RF_TRY(LogReader::create(connection));
  const std::optional<SnapshotRow> snapshot = RF_TRY(reader.lastSnapshot());
  LoadedLog loaded;
  loaded.head = RF_TRY(startFrom(connection, reader, snapshot, loaded.state));
  bool snapshotProved = !snapshot;
  const auto fold = [&](const StoredRow& stored) -> Result<void> {
    const std::string name = "fact " + std::to_string(loaded.head.seq + 1);
    if (stored.row.seq != loaded.head.seq + 1) return damaged(connection, name + " is missing");
    if (chainHash(loaded.head.hash, stored.row) != stored.hash)
      return damaged(connection, name + " is not what was written");
    const Fact fact = RF_TRY(toFact(stored.row));
    if (const auto* taken = std::get_if<SnapshotTaken>(&fact.body);
        taken != nullptr && snapshot && fact.seq == snapshot->takenSeq) {
      snapshotProved = taken->upToSeq == snapshot->upToSeq && taken->stateHash == sha256Hex(snapshot->state);
    }
    loaded.state = evolve(std::move(loaded.state), fact);
    loaded.head = {stored.row.seq, stored.hash};
    return {};
  };
  RF_TRY(reader.each(loaded.head.seq, std::numeric_limits<std::size_t>::max(), fold));
  if (!snapshotProved)
    return damaged(connection,
                   "the snapshot at fact " + std::to_string(snapshot->upToSeq) + " is not the one that was taken");
  const ChainPoint base = RF_TRY(reader.base());
  if (base.seq != loaded.state.retiredSeq)
    return damaged(connection, "facts up to " + std::to_string(base.seq) + " are gone without a record");
  loaded.retiredSeq = base.seq;
  loaded.snapshotSeq = snapshot ? snapshot->upToSeq : 0;
  return loaded;
}

}  // namespace ringfence::supervisor
