#include "supervisor/store/store.h"

#include <sys/stat.h>

#include <thread>

#include "store_world.h"
#include "supervisor/core/log_keeping.h"
#include "supervisor/store/schema.h"
#include "supervisor/store/series_file.h"
#include "tests/support/faulty_store.h"

namespace ringfence::supervisor::test {
namespace {

TEST_CASE("facts of every kind come back from the file as they were, in order, after the store was closed") {
  LogWorld world;
  RandomFacts random(7);
  std::vector<Fact> facts;
  for (std::uint64_t seq = 1; seq <= 300; ++seq) facts.push_back(random.fact(seq));
  for (Fact& fact : facts) {
    // The two kinds that the store acts on need a log that fits; they have tests of their own.
    if (std::holds_alternative<SegmentRetired>(fact.body) || std::holds_alternative<SnapshotTaken>(fact.body))
      fact.body = DaemonStopping{"x"};
  }
  {
    auto opened = world.open();
    CHECK(opened.state.lastSeq == 0);
    REQUIRE(opened.store->append(facts));
    REQUIRE(waitDurable(*opened.store, 300));
  }
  auto opened = world.open();
  CHECK(encodeState(opened.state) == encodeState(foldAll(facts)));
  const auto stored = opened.store->read(0, {}, 1000);
  REQUIRE(stored);
  REQUIRE(stored->size() == facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i) CHECK((*stored)[i].fact == facts[i]);
}

TEST_CASE("the log is read from a place, of one run, and bounded") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened.store->append(plainFacts(1, 90)));
  REQUIRE(waitDurable(*opened.store, 90));
  CHECK(opened.store->read(80, {}, 100)->size() == 10);
  CHECK(opened.store->read(0, {}, 7)->size() == 7);
  const auto ofRun = opened.store->read(0, runId(5), 100);
  REQUIRE(ofRun->size() == 3);
  for (const StoredFact& stored : *ofRun) CHECK(stored.fact.run == runId(5));
  CHECK(opened.store->read(0, runId(5), 2)->size() == 2);
  CHECK(opened.store->read(90, {}, 100)->empty());
}

TEST_CASE("the file is private, whatever the umask") {
  LogWorld world;
  const mode_t old = ::umask(0);
  world.fill(3);
  ::umask(old);
  struct stat status {};
  REQUIRE(::stat(world.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("a second daemon cannot open the log of the first") {
  LogWorld world;
  auto first = world.open();
  const Error error = world.openError();
  CHECK(error.code == ErrorCode::kBusy);
  CHECK(error.message.find(world.path()) != std::string::npos);
}

TEST_CASE("what has gathered commits together") {
  LogWorld world;
  auto opened = world.open();
  for (std::uint64_t seq = 1; seq <= 2000; ++seq) REQUIRE(opened.store->append(plainFacts(seq, 1)));
  std::uint64_t looks = 0, last = 0;
  REQUIRE(waitUntil(*opened.store, [&](const Progress& progress) {
    if (progress.durableSeq > last) ++looks;
    last = progress.durableSeq;
    return last == 2000;
  }));
  CHECK(looks < 1000);
}

TEST_CASE("the queue is bounded: what does not fit is refused whole, and nothing is lost of the rest") {
  LogWorld world;
  auto opened = world.open();
  // Another process holds the file, so nothing can be committed.
  auto other = Connection::open(world.path(), OpenMode::kWrite);
  REQUIRE(other);
  REQUIRE((*other)->execute("BEGIN IMMEDIATE"));
  REQUIRE(opened.store->append(plainFacts(1, kMaxQueuedFacts)));
  const auto refused = opened.store->append(plainFacts(kMaxQueuedFacts + 1, 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  REQUIRE(waitUntil(*opened.store, [](const Progress& progress) { return progress.failure.has_value(); }));
  CHECK(opened.store->progress().failure->message.find("another process") != std::string::npos);
  CHECK(opened.store->progress().durableSeq == 0);
  REQUIRE((*other)->execute("ROLLBACK"));
  opened.store->retry();
  REQUIRE(waitUntil(*opened.store, [](const Progress& progress) { return progress.durableSeq == kMaxQueuedFacts; }));
  CHECK_FALSE(opened.store->progress().failure);
  CHECK(opened.store->append(plainFacts(kMaxQueuedFacts + 1, 1)));
  REQUIRE(waitDurable(*opened.store, kMaxQueuedFacts + 1));
}

TEST_CASE("reading goes on while facts are written, and sees them only whole and in order") {
  LogWorld world;
  auto opened = world.open();
  std::uint64_t appended = 0, seen = 0;
  while (seen < 5000) {
    if (appended < 5000) {
      REQUIRE(opened.store->append(plainFacts(appended + 1, 50)));
      appended += 50;
    }
    const std::uint64_t durable = opened.store->progress().durableSeq;
    const auto facts = opened.store->read(seen, {}, 500);
    REQUIRE(facts);
    for (const StoredFact& stored : *facts) REQUIRE(stored.fact.seq == ++seen);
    CHECK((facts->size() == 500 || seen >= durable));
    if (appended == 5000) REQUIRE(waitDurable(*opened.store, 5000));
  }
}

TEST_CASE("a snapshot and the facts after it give the same state as all facts") {
  LogWorld world;
  const Context context{.now = {}, .bootId = "boot"};
  State state;
  {
    auto opened = world.open();
    while (state.lastSeq < 2 * kFactsPerSnapshot + 500) {
      const auto facts = plainFacts(state.lastSeq + 1, 500);
      REQUIRE(opened.store->append(facts));
      for (const Fact& fact : facts) state = evolve(std::move(state), fact);
      REQUIRE(tendLog(*opened.store, state, opened.store->progress(), context));
    }
    REQUIRE(waitDurable(*opened.store, state.lastSeq));
  }
  CHECK(state.snapshotSeq > kFactsPerSnapshot);
  {
    auto opened = world.open();
    CHECK(encodeState(opened.state) == encodeState(state));
    std::vector<Fact> all;
    for (std::uint64_t since = 0; since < state.lastSeq; since = all.back().seq) {
      const auto facts = opened.store->read(since, {}, 4096);
      REQUIRE(facts);
      for (const StoredFact& stored : *facts) all.push_back(stored.fact);
    }
    CHECK(encodeState(foldAll(all)) == encodeState(state));
  }
  CHECK(world.verify().ok);
  world.sql("UPDATE snapshots SET state = replace(state, '1000', '1001')");
  CHECK(world.openError().message.find("snapshot") != std::string::npos);
  CHECK_FALSE(world.verify().ok);
}

TEST_CASE("old segments retire by a fact that keeps their head, and the chain goes on from it") {
  LogWorld world;
  const Context context{.now = {}, .bootId = "boot"};
  State state;
  {
    auto opened = world.open({.samples = {}, .keptFacts = 5000, .steps = {}});
    while (state.retiredSeq < 2 * kFactsPerSnapshot) {
      REQUIRE(state.lastSeq < 5 * kFactsPerSnapshot);
      const auto facts = plainFacts(state.lastSeq + 1, 1000);
      REQUIRE(opened.store->append(facts));
      for (const Fact& fact : facts) state = evolve(std::move(state), fact);
      REQUIRE(waitDurable(*opened.store, state.lastSeq));
      REQUIRE(tendLog(*opened.store, state, opened.store->progress(), context));
    }
    REQUIRE(waitDurable(*opened.store, state.lastSeq));
    const auto first = opened.store->read(0, {}, 1);
    REQUIRE(first->size() == 1);
    CHECK((*first)[0].fact.seq == 2 * kFactsPerSnapshot + 1);
  }
  CHECK(encodeState(world.open().state) == encodeState(state));
  const VerifyReport report = world.verify();
  CHECK(report.detail == "every fact is what was written");
  CHECK(report.facts == state.lastSeq - state.retiredSeq);
  SECTION("and a forged beginning is seen") {
    world.sql("DELETE FROM facts WHERE seq <= 20010; UPDATE retired SET up_to_seq = 20010, head_hash = zeroblob(32)");
    CHECK_FALSE(world.verify().ok);
    CHECK(world.openError().message.find("damaged") != std::string::npos);
  }
}

namespace {

Sample sampleAt(unsigned run, std::int64_t second, std::optional<std::uint64_t> memory) {
  return {.run = runId(run),
          .wall = Microseconds(second * 1'000'000),
          .cpuUsec = static_cast<std::uint64_t>(second),
          .memoryBytes = memory,
          .pids = 0,
          .ioReadBytes = {},
          .ioWriteBytes = {}};
}

void keep(SqliteStore& store, const Sample& sample) { store.appendSamples({&sample, 1}); }

// Whoever looks has them written; they are in the file after the news of that.
void waitForSample(const LogWorld& world, SqliteStore& store, unsigned run, std::int64_t second) {
  REQUIRE(waitUntil(store, [&](const Progress&) {
    REQUIRE(store.series(runId(run), Microseconds{}, 1));
    const auto file = Connection::open(world.path(), OpenMode::kRead).value();
    const auto last = SeriesReader::create(*file).value().read(runId(run), Microseconds{}, 1);
    return !last->empty() && last->back().cpuUsec == static_cast<std::uint64_t>(second);
  }));
}

}  // namespace

TEST_CASE("samples are folded from seconds into minutes into hours, with nothing lost that a mean needs, then go") {
  LogWorld world;
  const SampleBounds bounds{.seconds = std::chrono::minutes(2),
                            .minutes = std::chrono::hours(1),
                            .hours = std::chrono::hours(3),
                            .total = 1000};
  auto opened = world.open({.samples = bounds, .keptFacts = 1000, .steps = {}});
  REQUIRE(opened.store->append(plainFacts(1, 1)));
  const std::int64_t end = 5 * 3600;
  for (std::int64_t second = 0; second <= end; second += 10)
    keep(*opened.store, sampleAt(1, second, second % 60 == 0 ? std::optional<std::uint64_t>(70) : 10));
  waitForSample(world, *opened.store, 1, end);

  const auto series = opened.store->series(runId(1), Microseconds{});
  std::map<std::uint32_t, int> count;
  Microseconds before{};
  for (const SampleBucket& bucket : *series) {
    ++count[bucket.seconds];
    CHECK(bucket.start >= before);
    before = bucket.start + std::chrono::seconds(bucket.seconds);
    if (bucket.seconds == 1) continue;
    CHECK(bucket.memoryMin == 10);
    CHECK(bucket.memoryMax == 70);
    CHECK(bucket.memoryMean == 20);
    const auto last = static_cast<std::uint64_t>(before.count()) / 1'000'000 - 10;
    CHECK(bucket.cpuUsec == last);
    CHECK(bucket.pidsMax == 0);
    CHECK_FALSE(bucket.ioReadBytes);
  }
  CHECK(count == std::map<std::uint32_t, int>{{1, 13}, {60, 58}, {3600, 2}});
  const auto recent = opened.store->series(runId(1), Microseconds((end - 20) * 1'000'000));
  CHECK(recent->size() == 3);
  CHECK(world.verify().ok);
  CHECK(world.verify().facts == 1);
}

TEST_CASE("of all runs together no more buckets are kept than the bound, the oldest go first") {
  LogWorld world;
  auto opened = world.open({.samples = {.total = 25}, .keptFacts = 1000, .steps = {}});
  REQUIRE(opened.store->append(plainFacts(1, 1)));
  for (unsigned run = 1; run <= 4; ++run) {
    for (int i = 0; i < 40; ++i) keep(*opened.store, sampleAt(run, 1 + run * 60 + i, std::nullopt));
  }
  keep(*opened.store, sampleAt(4, 400, std::nullopt));
  waitForSample(world, *opened.store, 4, 400);
  std::size_t all = 0;
  for (unsigned run = 1; run <= 4; ++run) all += opened.store->series(runId(run), Microseconds{})->size();
  CHECK(all == 25);
  CHECK(opened.store->series(runId(4), Microseconds{})->size() == 25);
  CHECK_FALSE(opened.store->series(runId(4), Microseconds{})->front().memoryMean);
}

TEST_CASE("what was kept of samples is there after a restart, and goes on") {
  LogWorld world;
  {
    auto opened = world.open();
    REQUIRE(opened.store->append(plainFacts(1, 1)));
    keep(*opened.store, sampleAt(1, 7, 10));
    waitForSample(world, *opened.store, 1, 7);
  }
  auto opened = world.open();
  Sample later = sampleAt(1, 7, 30);
  later.cpuUsec = 8;
  keep(*opened.store, later);
  waitForSample(world, *opened.store, 1, 8);
  const auto series = opened.store->series(runId(1), Microseconds{});
  REQUIRE(series->size() == 1);
  CHECK(series->front().memoryMin == 10);
  CHECK(series->front().memoryMean == 20);
  CHECK(series->front().memoryMax == 30);
  CHECK(opened.store->series(runId(2), Microseconds{})->empty());
}

TEST_CASE("a series has what is not in the file yet, and what is there once") {
  LogWorld world;
  auto opened = world.open();
  REQUIRE(opened.store->append(plainFacts(1, 1)));
  for (std::int64_t second = 1; second <= 5; ++second)
    keep(*opened.store, sampleAt(1, second, static_cast<std::uint64_t>(10 * second)));
  keep(*opened.store, sampleAt(2, 3, 7));
  const auto check = [&] {
    const auto series = opened.store->series(runId(1), Microseconds{});
    REQUIRE(series->size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      const SampleBucket& bucket = (*series)[i];
      CHECK(bucket.start == std::chrono::seconds(i + 1));
      CHECK(bucket.cpuUsec == i + 1);
      CHECK(bucket.memoryMean == 10 * (i + 1));
    }
    CHECK(opened.store->series(runId(1), std::chrono::seconds(4))->size() == 2);
    const auto newest = opened.store->series(runId(1), Microseconds{}, 2);
    REQUIRE(newest->size() == 2);
    CHECK(newest->front().start == std::chrono::seconds(4));
  };
  check();
  waitForSample(world, *opened.store, 1, 5);
  check();
}

TEST_CASE("samples of an older file become buckets of a second") {
  LogWorld world;
  world.fill(9);
  const std::string run = runId(1).text();
  world.sql(("DROP TABLE buckets; CREATE TABLE samples(id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, "
             "wall_us INTEGER NOT NULL, cpu_usec INTEGER, memory_bytes INTEGER, pids INTEGER, io_read_bytes INTEGER, "
             "io_write_bytes INTEGER) STRICT; CREATE INDEX samples_of_run ON samples(run, id); "
             "INSERT INTO samples VALUES(1, '" +
             run +
             "', 5100000, 7, 10, 1, NULL, 3), "
             "(2, '" +
             run + "', 5900000, 9, 30, 2, NULL, 4), (3, '" + run +
             "', 6000000, NULL, NULL, NULL, NULL, NULL); "
             "PRAGMA user_version = 1")
                .c_str());
  auto opened = world.open();
  CHECK(opened.state.lastSeq == 9);
  const auto series = opened.store->series(runId(1), Microseconds{});
  REQUIRE(series->size() == 2);
  const SampleBucket first{.run = runId(1),
                           .start = Microseconds(5'000'000),
                           .seconds = 1,
                           .cpuUsec = 9,
                           .ioReadBytes = {},
                           .ioWriteBytes = 4,
                           .memoryMin = 10,
                           .memoryMean = 20,
                           .memoryMax = 30,
                           .pidsMax = 2};
  CHECK((*series)[0] == first);
  CHECK_FALSE((*series)[1].memoryMean);
}

TEST_CASE("a file of a newer build, or of another program, is refused with what to do, and left as it is") {
  LogWorld world;
  world.fill(3);
  world.sql("PRAGMA user_version = 99");
  const Error newer = world.openError();
  CHECK(newer.code == ErrorCode::kUnsupported);
  CHECK(newer.message.find("newer ringfenced") != std::string::npos);
  CHECK(newer.message.find("99") != std::string::npos);

  LogWorld other;
  other.sql("CREATE TABLE songs(title TEXT)");
  CHECK(other.openError().message.find("another program") != std::string::npos);
}

TEST_CASE("an older file is brought to the newest shape step by step, and keeps its facts") {
  LogWorld world;
  world.fill(9);
  const std::array steps{schemaSteps()[0], schemaSteps()[1],
                         Migration{3, "ALTER TABLE buckets ADD COLUMN npu_usec INTEGER"},
                         Migration{4, "CREATE TABLE grants(id INTEGER PRIMARY KEY) STRICT"}};
  {
    auto opened = world.open({.samples = {}, .keptFacts = 1000, .steps = steps});
    CHECK(opened.state.lastSeq == 9);
  }
  world.sql("INSERT INTO grants(id) VALUES(1); UPDATE buckets SET npu_usec = 1");
  CHECK(world.openError().code == ErrorCode::kUnsupported);

  SECTION("a step that fails leaves the file as it was") {
    const std::array broken{steps[0], steps[1], steps[2], steps[3],
                            Migration{5, "CREATE TABLE half(x INTEGER); CREATE TABLE grants(y INTEGER)"}};
    (void)world.openError({.samples = {}, .keptFacts = 1000, .steps = broken});
    auto opened = world.open({.samples = {}, .keptFacts = 1000, .steps = steps});
    CHECK(opened.state.lastSeq == 9);
    world.sql("CREATE TABLE half(x INTEGER)");
  }
}

TEST_CASE("a damaged file is refused by name, with what to do") {
  LogWorld world;
  world.fill(500);
  SECTION("garbage in a page") {
    std::string bytes = ringfence::test::readFile(world.path());
    for (std::size_t i = 2 * 4096 + 8; i < 3 * 4096; ++i) bytes[i] = 'x';
    FILE* file = ::fopen(world.path().c_str(), "w");
    REQUIRE(::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    ::fclose(file);
  }
  SECTION("not a database at all") {
    FILE* file = ::fopen(world.path().c_str(), "w");
    REQUIRE(::fputs("this was never a database, only a text that is longer than a header of one hundred bytes, so that "
                    "it is read as one",
                    file) >= 0);
    ::fclose(file);
  }
  SECTION("a fact changed") { world.sql("UPDATE facts SET body = '{\"pid\":7}' WHERE seq = 400"); }
  const Error error = world.openError();
  CHECK(error.message.starts_with(world.path()));
  CHECK(error.message.find("damaged") != std::string::npos);
}

TEST_CASE("the store of the tests loses what was not durable and keeps what was") {
  ringfence::test::FaultyStore store;
  REQUIRE(store.append(plainFacts(1, 3)));
  CHECK(store.progress().durableSeq == 3);
  store.fillDisk();
  REQUIRE(store.append(plainFacts(4, 2)));
  CHECK(store.progress().failure);
  CHECK(store.progress().durableSeq == 3);
  store.makeRoom();
  store.retry();
  CHECK_FALSE(store.progress().failure);
  CHECK(store.progress().durableSeq == 5);
  store.holdCommits();
  REQUIRE(store.append(plainFacts(6, 2)));
  CHECK(store.losePower().size() == 5);
}

}  // namespace
}  // namespace ringfence::supervisor::test
