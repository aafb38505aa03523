// A log that was damaged in any way is found out at its opening or at the first reading of what was hit, and stays as
// it was found. RINGFENCE_DAMAGES: how many.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <fcntl.h>
#include <unistd.h>

#include "sdk/base/sha256.h"
#include "store_world.h"

namespace ringfence::supervisor::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFacts = 400;

// A log with a snapshot in it, as a killed daemon leaves it: with its write-ahead log, or folded into one file.
struct Pristine {
  std::map<std::string, std::string> files;  // by name
  State state;
  std::vector<StoredFact> facts;
};

std::map<std::string, std::string> readFiles(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.ends_with("-shm") || name.ends_with(".lock")) continue;
    files[name] = ringfence::test::readFile(entry.path());
  }
  return files;
}

std::vector<StoredFact> readAll(SqliteStore& store) {
  auto facts = store.read(0, {}, kMaxReadFacts);
  REQUIRE(facts);
  return *std::move(facts);
}

enum class Folded { kNo, kYes };

Pristine makePristine(Folded folded, std::uint64_t facts = kFacts, const std::string& boot = "boot") {
  ringfence::test::TempDir directory;
  const std::string path = directory.path() + "/log.db";
  Pristine pristine;
  {
    auto opened = SqliteStore::open(path);
    REQUIRE(opened);
    State state = opened->state;
    const auto add = [&](std::vector<Fact> batch) {
      REQUIRE(opened->store->append(batch));
      for (const Fact& fact : batch) state = evolve(std::move(state), fact);
      REQUIRE(waitDurable(*opened->store, state.lastSeq));
    };
    while (state.lastSeq < facts) {
      if (state.lastSeq == facts / 2) {
        const std::string text = encodeState(state);
        Fact taken{.seq = state.lastSeq + 1,
                   .run = {},
                   .at = {},
                   .bootId = "boot",
                   .body = SnapshotTaken{state.lastSeq, sha256Hex(text)}};
        REQUIRE(opened->store->appendSnapshot(taken, text));
        state = evolve(std::move(state), taken);
      }
      std::vector<Fact> batch = plainFacts(state.lastSeq + 1, 20);
      for (Fact& fact : batch) fact.bootId = boot;
      add(std::move(batch));
    }
    pristine.facts = readAll(*opened->store);
    pristine.state = state;
    if (folded == Folded::kNo) pristine.files = readFiles(directory.path());
  }
  if (folded == Folded::kYes) pristine.files = readFiles(directory.path());
  return pristine;
}

class Damaging {
 public:
  explicit Damaging(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  // Damages one of the files and says how.
  std::string damage(std::map<std::string, std::string>& files, const Pristine& other) {
    auto file = std::next(files.begin(), static_cast<std::ptrdiff_t>(below(files.size())));
    std::string& bytes = file->second;
    switch (below(7)) {
      case 0:
      case 1: {
        const std::size_t count = 1 + below(8);
        for (std::size_t i = 0; i < count; ++i) bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
        return std::to_string(count) + " bits of " + file->first;
      }
      case 2: bytes.resize(below(bytes.size())); return "the end of " + file->first + " cut off";
      case 3: {
        const std::size_t page = below((bytes.size() + 4095) / 4096) * 4096;
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(page),
                  bytes.begin() + static_cast<std::ptrdiff_t>(std::min(page + 4096, bytes.size())), '\0');
        return "a page of " + file->first + " zeroed";
      }
      case 4: {
        const std::size_t at = below(bytes.size());
        for (std::size_t i = at; i < std::min(at + 300, bytes.size()); ++i) bytes[i] = static_cast<char>(random_());
        return "noise in " + file->first;
      }
      case 5:
        files.erase("log.db-wal");
        if (below(2) == 0 && other.files.contains("log.db-wal")) {
          files["log.db-wal"] = other.files.at("log.db-wal");
          return "the write-ahead log of another log";
        }
        return "the write-ahead log removed";
      default: {
        const std::string name = file->first;
        if (!other.files.contains(name)) return "nothing";
        bytes = other.files.at(name);
        return name + " of another log";
      }
    }
  }

 private:
  std::mt19937 random_;
};

enum class Found { kAtStart, kAtFirstRead, kWithoutEffect };

Found openDamaged(const std::map<std::string, std::string>& files, const Pristine& pristine) {
  ringfence::test::TempDir directory;
  for (const auto& [name, bytes] : files) directory.write(name, bytes);
  auto opened = SqliteStore::open(directory.path() + "/log.db");
  if (!opened) {
    CHECK_FALSE(opened.error().message.empty());
    // Whoever looks at it later finds what was found.
    std::map<std::string, std::string> left = readFiles(directory.path());
    if (!files.contains("log.db-wal") && left["log.db-wal"].empty()) left.erase("log.db-wal");
    CHECK((left == files));
    return Found::kAtStart;
  }
  // What it goes by is what was written, whatever was hit.
  CHECK((encodeState(opened->state) == encodeState(pristine.state)));
  const auto facts = opened->store->read(0, {}, kMaxReadFacts);
  if (!facts) {
    CHECK(facts.error().code == ErrorCode::kInvalid);
    return Found::kAtFirstRead;
  }
  CHECK((*facts == pristine.facts));
  return Found::kWithoutEffect;
}

TEST_CASE("a log damaged in any way is found out before anything goes by it, and is left as it was found") {
  const char* more = std::getenv("RINGFENCE_DAMAGES");
  const int damages = more != nullptr ? std::atoi(more) : 60;
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  Damaging damaging(seed);
  const std::vector<Pristine> pristine{makePristine(Folded::kNo), makePristine(Folded::kYes)};
  // Another one of the same age, and an earlier moment of the same one.
  const std::vector<Pristine> others{makePristine(Folded::kNo, kFacts, "another"),
                                     makePristine(Folded::kNo, kFacts / 4)};
  std::map<Found, int> counts;
  for (int i = 0; i < damages; ++i) {
    const Pristine& whole = pristine[damaging.below(2)];
    std::map<std::string, std::string> files = whole.files;
    const std::string how = damaging.damage(files, others[damaging.below(2)]);
    CAPTURE(how);
    ++counts[openDamaged(files, whole)];
  }
  WARN(damages << " damages, seed " << seed << ": " << counts[Found::kAtStart] << " found at the start, "
               << counts[Found::kAtFirstRead] << " at the first reading, " << counts[Found::kWithoutEffect]
               << " hit nothing that is used");
  CHECK(counts[Found::kAtStart] > damages / 3);
}

TEST_CASE("a log that lost its end is not taken for a shorter one") {
  const Pristine pristine = makePristine(Folded::kNo);
  auto files = pristine.files;
  SECTION("by the loss of its write-ahead log") { files.erase("log.db-wal"); }
  SECTION("by a write-ahead log that was cut") { files["log.db-wal"].resize(files["log.db-wal"].size() - 4096 - 24); }
  SECTION("by an older copy in its place") {
    const Pristine older = makePristine(Folded::kNo, kFacts / 2);
    files["log.db"] = older.files.at("log.db");
    files["log.db-wal"] = older.files.at("log.db-wal");
  }
  SECTION("by an empty file in its place") {
    files.erase("log.db-wal");
    files["log.db"].clear();
  }
  SECTION("altogether") {
    files.erase("log.db-wal");
    files.erase("log.db");
  }
  ringfence::test::TempDir directory;
  for (const auto& [name, bytes] : files) directory.write(name, bytes);
  const auto opened = SqliteStore::open(directory.path() + "/log.db");
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kInvalid);
  CHECK(opened.error().message.find("were recorded") != std::string::npos);
  CHECK(opened.error().message.find("move all of them away") != std::string::npos);
  // Without the note of its end it would have been believed: that is what the note is for.
  ringfence::test::TempDir bare;
  for (const auto& [name, bytes] : files) {
    if (name != "log.head") bare.write(name, bytes);
  }
  const auto believed = SqliteStore::open(bare.path() + "/log.db");
  REQUIRE(believed);
  CHECK(believed->state.lastSeq < pristine.state.lastSeq);
}

TEST_CASE("verify names the first fact that is lost at the end") {
  LogWorld world;
  world.fill(50);
  world.sql("DELETE FROM facts WHERE seq >= 41");
  const VerifyReport report = world.verify();
  CHECK_FALSE(report.ok);
  CHECK(report.firstBadSeq == 41);
  CHECK(report.detail.find("facts up to 50 were recorded") != std::string::npos);
}

TEST_CASE("a fact that was changed below the snapshot is not shown to whoever reads it") {
  const Pristine pristine = makePristine(Folded::kYes);
  ringfence::test::TempDir directory;
  for (const auto& [name, bytes] : pristine.files) directory.write(name, bytes);
  const std::string path = directory.path() + "/log.db";
  {
    auto connection = Connection::open(path, OpenMode::kWrite);
    REQUIRE(connection);
    REQUIRE((*connection)->execute("UPDATE facts SET body = '{\"pid\":1}' WHERE seq = 7"));
  }
  auto opened = SqliteStore::open(path);
  REQUIRE(opened);
  const auto whole = opened->store->read(0, {}, 100);
  REQUIRE_FALSE(whole);
  CHECK(whole.error().message.find("fact 7 is not what was written") != std::string::npos);
  const auto ofRun = opened->store->read(0, runId(2), 100);
  REQUIRE_FALSE(ofRun);
  CHECK(ofRun.error().message.find("fact 7") != std::string::npos);
  CHECK(opened->store->read(7, {}, 100)->size() == 100);
}

}  // namespace
}  // namespace ringfence::supervisor::test
