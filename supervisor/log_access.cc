#include "supervisor/log_access.h"

#include "supervisor/store/sqlite_store.h"
#include "supervisor/verifier.h"

namespace ringfence::supervisor {

LogAccess accessTo(SqliteStore* store, const std::string& locked, Verifier& verifier) {
  LogAccess access;
  const Error why{ErrorCode::kUnavailable, locked, 0};
  access.read = [store, why](std::uint64_t sinceSeq, std::size_t limit) -> Result<std::vector<LogEntry>> {
    if (store == nullptr) return why;
    const auto facts = RF_TRY(store->read(sinceSeq, RunId(), limit));
    std::vector<LogEntry> entries;
    for (const StoredFact& stored : facts) {
      const Fact& fact = stored.fact;
      entries.push_back({fact.seq, fact.at.wall, fact.run.text(), std::string(factKind(fact.body)),
                         encodeFactBody(fact.body), stored.hash});
    }
    return entries;
  };
  access.seqBefore = [store, why](Microseconds wall) -> Result<std::uint64_t> {
    if (store == nullptr) return why;
    return store->seqBefore(wall);
  };
  access.series = [store, why](const RunId& run, Microseconds since) -> Result<std::vector<SampleBucket>> {
    if (store == nullptr) return why;
    return store->series(run, since);
  };
  access.verify = [&verifier](const std::string& against, std::function<void(Result<api::Verification>)> done) {
    verifier.verify(against, [done = std::move(done)](const Result<VerifyReport>& checked) {
      if (!checked) return done(checked.error());
      done(api::Verification{checked->ok, checked->facts, checked->head, checked->firstBadSeq, checked->detail});
    });
  };
  return access;
}

}  // namespace ringfence::supervisor
