#include "supervisor/stop/latch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <random>

#include "supervisor/stop/latch_file.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;
using test::TempDir;

namespace {

StopRecord someStop() {
  StopRecord stop;
  stop.at = {.wall = Microseconds(1'795'900'000'123'456), .monotonic = Microseconds(77), .boottime = Microseconds(88)};
  stop.boot = BootId("0d3b1b1e-7c0e-4b5c-9a51-2f2f3f6f1e11");
  stop.trigger = TriggerText("asked: the printer is on fire");
  stop.uid = 1000;
  stop.runs = 3;
  stop.processes = 12;
  stop.frozen = 9;
  stop.held = 2;
  stop.finishing = 1;
  stop.writeUsec = 45;
  stop.tookUsec = 6789;
  stop.isKilled = true;
  stop.addKilled(1000, 2);
  stop.addKilled(UINT32_MAX - 1, 1);
  return stop;
}

std::string bytesOf(const LatchSector& sector) { return {reinterpret_cast<const char*>(sector.data()), sector.size()}; }

}  // namespace

TEST_CASE("a latch tells again what it was told") {
  const LatchReading reading = decodeLatch(encodeLatch(someStop()));
  CHECK(reading.state == LatchState::kLatched);
  CHECK(reading.stop == someStop());
  StopRecord nobody = someStop();
  nobody.uid.reset();
  nobody.isVerified = true;
  CHECK(decodeLatch(encodeLatch(nobody)).stop == nobody);
  CHECK(decodeLatch(encodeReleased()).state == LatchState::kReleased);
  CHECK_FALSE(decodeLatch(encodeReleased()).isLatched());
}

TEST_CASE("a latch says of as many people as it has room for how many runs of theirs were ended") {
  StopRecord stop = someStop();
  for (std::uint32_t i = 0; i < 2 * kMaxKilledOf; ++i) stop.addKilled(2000 + i, 3);
  stop.addKilled(1000, 5);
  CHECK(stop.killedOf.size() == kMaxKilledOf);
  CHECK(stop.killedRuns(1000) == 7);
  CHECK(stop.killedRuns(4711) == 0);
  CHECK(stop.killedRuns() == 7 + 1 + 3 * (kMaxKilledOf - 2));
  CHECK(decodeLatch(encodeLatch(stop)).stop == stop);
}

TEST_CASE("a latch with any one byte changed is still latched, and damaged") {
  const LatchSector whole = encodeLatch(someStop());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      LatchSector other = whole;
      other[at] = static_cast<std::uint8_t>(other[at] ^ change);
      if (decodeLatch(other).state != LatchState::kDamaged) FAIL("byte " << at << " changed by " << change);
    }
  }
}

TEST_CASE("a released latch with any one byte changed counts as latched") {
  const LatchSector whole = encodeReleased();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      LatchSector other = whole;
      other[at] = static_cast<std::uint8_t>(other[at] ^ change);
      if (!decodeLatch(other).isLatched()) FAIL("byte " << at << " changed by " << change);
    }
  }
}

TEST_CASE("a latch that was torn, cut short, emptied or filled with anything counts as latched") {
  const LatchSector latched = encodeLatch(someStop()), released = encodeReleased();
  // From every place on, the bytes of the other one: a sector of which only a part was written. Both begin alike.
  for (std::size_t at = 9; at < kLatchBytes; ++at) {
    LatchSector torn = released, other = latched;
    std::copy(latched.begin() + static_cast<std::ptrdiff_t>(at), latched.end(),
              torn.begin() + static_cast<std::ptrdiff_t>(at));
    std::copy(released.begin() + static_cast<std::ptrdiff_t>(at), released.end(),
              other.begin() + static_cast<std::ptrdiff_t>(at));
    CHECK(decodeLatch(torn).isLatched());
    CHECK(decodeLatch(other).isLatched());
    CHECK(decodeLatch(std::span(released).first(at)).isLatched());
  }
  CHECK(decodeLatch({}).isLatched());
  CHECK(decodeLatch(LatchSector{}).isLatched());
  std::mt19937 chance(7);
  for (int i = 0; i < 2000; ++i) {
    LatchSector noise = released;
    const std::size_t first = chance() % kLatchBytes, count = 1 + chance() % 64;
    for (std::size_t n = 0; n < count; ++n) noise[(first + n) % kLatchBytes] = static_cast<std::uint8_t>(chance());
    if (noise != released) CHECK(decodeLatch(noise).isLatched());
  }
}

TEST_CASE("the file of a latch is made once, released, with all its bytes") {
  const TempDir directory;
  const std::string state = directory.path() + "/state";
  CHECK(readLatch(state).state == LatchState::kReleased);
  const auto file = LatchFile::open(state);
  REQUIRE(file);
  CHECK(file->read().state == LatchState::kReleased);
  CHECK(readLatch(state).state == LatchState::kReleased);
  CHECK(std::filesystem::file_size(state + "/latch") == kLatchBytes);
  struct stat about {};
  REQUIRE(stat((state + "/latch").c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0600);
  CHECK_FALSE(std::filesystem::exists(state + "/latch.new"));
}

TEST_CASE("what was latched is latched for whoever opens the file next, in the same file") {
  const TempDir directory;
  struct stat before {
  }, after{};
  {
    const auto file = LatchFile::open(directory.path());
    REQUIRE(file);
    REQUIRE(stat((directory.path() + "/latch").c_str(), &before) == 0);
    CHECK(file->write(encodeLatch(someStop()), LatchFile::Durable::kSoon) == 0);
    CHECK(readLatch(directory.path()).stop == someStop());
    CHECK(file->write(encodeLatch(someStop()), LatchFile::Durable::kNow) == 0);
  }
  REQUIRE(stat((directory.path() + "/latch").c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  CHECK(after.st_size == before.st_size);
  const auto again = LatchFile::open(directory.path());
  REQUIRE(again);
  CHECK(again->read().stop == someStop());
  CHECK(again->write(encodeReleased(), LatchFile::Durable::kNow) == 0);
  CHECK_FALSE(readLatch(directory.path()).isLatched());
}

TEST_CASE("a latch that is no file of ours counts as latched, and cannot be cleared by writing elsewhere") {
  const TempDir directory;
  const std::string path = directory.path() + "/latch";
  SECTION("one that is too long") {
    directory.write("latch", bytesOf(encodeReleased()) + "x");
    CHECK(readLatch(directory.path()).state == LatchState::kDamaged);
  }
  SECTION("one that is empty") {
    directory.write("latch", "");
    CHECK(readLatch(directory.path()).state == LatchState::kDamaged);
    CHECK(LatchFile::open(directory.path()).value().read().isLatched());
  }
  SECTION("a link") {
    const std::string elsewhere = directory.write("elsewhere", bytesOf(encodeReleased()));
    REQUIRE(symlink(elsewhere.c_str(), path.c_str()) == 0);
    CHECK(readLatch(directory.path()).state == LatchState::kDamaged);
    const auto file = LatchFile::open(directory.path());
    REQUIRE(file);
    CHECK(file->read().isLatched());
    CHECK(file->write(encodeLatch(someStop()), LatchFile::Durable::kNow) == ELOOP);
    CHECK(test::readFile(elsewhere) == bytesOf(encodeReleased()));
  }
  SECTION("a directory") {
    directory.makeDirectory("latch");
    CHECK(readLatch(directory.path()).state == LatchState::kDamaged);
    CHECK(LatchFile::open(directory.path()).value().read().isLatched());
  }
}

TEST_CASE("a half of a first latch that a crash left is not taken for the latch") {
  const TempDir directory;
  directory.write("latch.new", "half");
  CHECK(readLatch(directory.path()).state == LatchState::kReleased);
  CHECK(LatchFile::open(directory.path()).value().read().state == LatchState::kReleased);
}
