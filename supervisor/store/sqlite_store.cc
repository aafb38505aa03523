#include "supervisor/store/sqlite_store.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "supervisor/store/damage.h"
#include "supervisor/store/head_file.h"
#include "supervisor/store/schema.h"
#include "supervisor/store/series_file.h"
#include "supervisor/store/writer.h"

namespace ringfence::supervisor {
namespace {

// Two daemons over one log would each believe in their own chain. Beside the file, because SQLite locks the file
// itself.
Result<UniqueFd> lockAgainstOthers(const std::string& path) {
  UniqueFd lock = RF_TRY(openAt(AT_FDCWD, path + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return posixError(errno, "locking " + path + ".lock");
  return Error{ErrorCode::kBusy, path + ": another ringfenced has this log open; give each its own --state-dir", 0};
}

Result<StoredFact> toStoredFact(const StoredRow& stored) {
  Fact fact = RF_TRY(toFact(stored.row));
  return StoredFact{std::move(fact), encodeHex(stored.hash)};
}

// What is not in the file yet, as the second that it will become there. Of one that is there already there is no more
// to say: another sample of the same second changes next to nothing.
void addWaiting(std::vector<SampleBucket>& found, const std::vector<Sample>& waiting, Microseconds since) {
  constexpr Microseconds kSecond{1'000'000};
  for (const Sample& sample : waiting) {
    const Microseconds start = sample.wall / kSecond.count() * kSecond.count();
    if (start + kSecond <= since || (!found.empty() && found.back().start >= start)) continue;
    found.push_back({.run = sample.run,
                     .start = start,
                     .seconds = 1,
                     .cpuUsec = sample.cpuUsec,
                     .ioReadBytes = sample.ioReadBytes,
                     .ioWriteBytes = sample.ioWriteBytes,
                     .memoryMin = sample.memoryBytes,
                     .memoryMean = sample.memoryBytes,
                     .memoryMax = sample.memoryBytes,
                     .pidsMax = sample.pids});
  }
}

}  // namespace

struct SqliteStore::Parts {
  UniqueFd lock;
  std::uint64_t nextSeq = 1;
  std::unique_ptr<Connection> readConnection;
  std::unique_ptr<LogReader> reader;
  std::unique_ptr<SeriesReader> series;
  std::unique_ptr<Writer> writer;
};

SqliteStore::SqliteStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

SqliteStore::~SqliteStore() {
  // The last connection that closes folds the write-ahead log into the main file; that must be the one that writes.
  parts_->reader.reset();
  parts_->series.reset();
  parts_->readConnection.reset();
  parts_->writer.reset();
}

Result<SqliteStore::Opened> SqliteStore::open(const std::string& path, StoreOptions options) {
  auto parts = std::make_unique<Parts>();
  parts->lock = RF_TRY(lockAgainstOthers(path));
  RF_TRY(checkNotEmptied(path));
  std::unique_ptr<Connection> connection = RF_TRY(Connection::open(path, OpenMode::kWrite));
  RF_TRY(checkPages(*connection));
  RF_TRY(checkHead(*connection));
  RF_TRY(migrate(*connection, options.steps.empty() ? schemaSteps() : options.steps));
  LoadedLog log = RF_TRY(loadLog(*connection));
  connection->checkpointOnClose();
  HeadFile head = RF_TRY(HeadFile::open(path));
  parts->nextSeq = log.head.seq + 1;
  parts->readConnection = RF_TRY(Connection::open(path, OpenMode::kRead));
  parts->reader = std::make_unique<LogReader>(RF_TRY(LogReader::create(*parts->readConnection)));
  parts->series = std::make_unique<SeriesReader>(RF_TRY(SeriesReader::create(*parts->readConnection)));
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the store");
  parts->writer =
      std::make_unique<Writer>(path, std::move(connection), log, WriterOptions{options.samples, options.keptFacts},
                               Writer::Beside{std::move(event), std::move(head)});
  return Opened{std::unique_ptr<SqliteStore>(new SqliteStore(std::move(parts))), std::move(log.state)};
}

Result<void> SqliteStore::append(const std::vector<Fact>& facts) {
  RF_TRY(queue(facts));
  begin();
  return {};
}

void SqliteStore::begin() { parts_->writer->wake(); }

Result<void> SqliteStore::queue(const std::vector<Fact>& facts) {
  std::vector<Writer::Entry> entries;
  entries.reserve(facts.size());
  for (const Fact& fact : facts) {
    RF_CHECK(fact.seq == parts_->nextSeq + entries.size());
    entries.push_back({fact, {}});
  }
  RF_TRY(parts_->writer->push(std::move(entries)));
  parts_->nextSeq += facts.size();
  return {};
}

Result<void> SqliteStore::appendSnapshot(const Fact& fact, std::string state) {
  RF_CHECK(fact.seq == parts_->nextSeq && std::holds_alternative<SnapshotTaken>(fact.body) && !state.empty());
  std::vector<Writer::Entry> entries;
  entries.push_back({fact, std::move(state)});
  RF_TRY(parts_->writer->push(std::move(entries)));
  ++parts_->nextSeq;
  begin();
  return {};
}

int SqliteStore::eventFd() const { return parts_->writer->eventFd(); }
Progress SqliteStore::progress() { return parts_->writer->progress(); }
void SqliteStore::retry() { parts_->writer->retry(); }
void SqliteStore::pass(std::uint64_t token) { parts_->writer->pass(token); }
std::uint64_t SqliteStore::passed() const { return parts_->writer->passed(); }
void SqliteStore::appendSamples(std::span<const Sample> samples) { parts_->writer->pushSamples(samples); }

Result<std::vector<StoredFact>> SqliteStore::read(std::uint64_t sinceSeq, const RunId& run, std::size_t limit) {
  limit = std::min(limit, kMaxReadFacts);
  ReadTransaction moment = RF_TRY(ReadTransaction::begin(*parts_->readConnection));
  std::vector<StoredRow> rows;
  if (run.empty()) {
    const auto keep = [&](const StoredRow& row) -> Result<void> {
      rows.push_back(row);
      return {};
    };
    RF_TRY(parts_->reader->each(sinceSeq, limit, keep));
  } else {
    rows = RF_TRY(parts_->reader->ofRun(sinceSeq, run, limit));
  }
  std::vector<StoredFact> facts;
  facts.reserve(rows.size());
  ChainPoint previous;
  for (const StoredRow& row : rows) {
    if (facts.empty() || previous.seq + 1 != row.row.seq) previous = RF_TRY(parts_->reader->pointBefore(row.row.seq));
    if (previous.seq + 1 != row.row.seq || chainHash(previous.hash, row.row) != row.hash) {
      return damagedLog(parts_->readConnection->path(),
                        "fact " + std::to_string(row.row.seq) + " is not what was written");
    }
    facts.push_back(RF_TRY(toStoredFact(row)));
    previous = {row.row.seq, row.hash};
  }
  return facts;
}

Result<std::uint64_t> SqliteStore::seqBefore(Microseconds wall) {
  return parts_->reader->seqBefore(wall, kMaxLookedBack);
}

Result<std::vector<SampleBucket>> SqliteStore::series(const RunId& run, Microseconds since, std::size_t limit) {
  limit = std::min(limit, kMaxReadBuckets);
  const std::vector<Sample> waiting = parts_->writer->takeLook(run);
  auto found = RF_TRY(parts_->series->read(run, since, limit));
  addWaiting(found, waiting, since);
  if (found.size() > limit) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(limit));
  return found;
}

}  // namespace ringfence::supervisor
