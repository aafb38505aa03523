// A file system of 2 MiB, in a mount namespace of this process.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <fstream>

#include "sdk/base/io.h"
#include "store_world.h"

namespace ringfence::supervisor::test {
namespace {

class SmallDisk {
 public:
  SmallDisk() {
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=2m") == 0);
  }
  ~SmallDisk() { (void)::umount2(directory_.path().c_str(), MNT_DETACH); }
  std::string file(const char* name) const { return directory_.path() + "/" + name; }

  // Leaves `room` bytes.
  void fill(std::size_t room) const {
    std::ofstream ballast(file("ballast"), std::ios::app | std::ios::binary);
    const std::string block(4096, 'x');
    while (ballast.write(block.data(), 4096).flush()) {}
    ballast.clear();
    ballast.close();
    const std::string all = ringfence::test::readFile(file("ballast"));
    REQUIRE(::truncate(file("ballast").c_str(), static_cast<off_t>(all.size() - std::min(room, all.size()))) == 0);
  }
  void empty() const { REQUIRE(::unlink(file("ballast").c_str()) == 0); }

 private:
  ringfence::test::TempDir directory_;
};

TEST_CASE("on a full disk the failed batch is kept, and becomes durable in order when there is room again") {
  SmallDisk disk;
  std::uint64_t appended = 0;
  {
    auto opened = SqliteStore::open(disk.file("log.db"));
    REQUIRE(opened);
    SqliteStore& store = *opened->store;
    REQUIRE(store.append(plainFacts(1, 100)));
    REQUIRE(waitDurable(store, 100));
    appended = 100;
    for (int round = 0; round < 3; ++round) {
      CAPTURE(round);
      disk.fill(static_cast<std::size_t>(round) * 20'000);
      while (!store.progress().failure) {
        REQUIRE(appended < 100'000);
        REQUIRE(store.append(plainFacts(appended + 1, 20)));
        appended += 20;
        REQUIRE(waitUntil(
            store, [&](const Progress& progress) { return progress.failure || progress.durableSeq == appended; }));
      }
      const Progress full = store.progress();
      CHECK(full.failure->code == ErrorCode::kUnavailable);
      CHECK(full.failure->message.find("log.db") != std::string::npos);
      CHECK(full.durableSeq < appended);
      CHECK(store.read(0, {}, 10)->size() == 10);

      // Still full: a retry fails again and changes nothing.
      store.retry();
      REQUIRE(store.append(plainFacts(appended + 1, 1)));
      appended += 1;
      disk.empty();
      REQUIRE(waitUntil(store, [&](const Progress& progress) {
        if (progress.failure) store.retry();
        return progress.durableSeq == appended;
      }));
      CHECK_FALSE(store.progress().failure);
    }
  }
  const auto report = verifyLog(disk.file("log.db"), {});
  REQUIRE(report);
  CHECK(report->detail == "every fact is what was written");
  CHECK(report->facts == appended);
  auto opened = SqliteStore::open(disk.file("log.db"));
  REQUIRE(opened);
  CHECK(encodeState(opened->state) == encodeState(foldAll(plainFacts(1, appended))));
}

TEST_CASE("a log that cannot be made for lack of room is refused by name") {
  SmallDisk disk;
  disk.fill(0);
  const auto opened = SqliteStore::open(disk.file("log.db"));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("log.db") != std::string::npos);
}

}  // namespace
}  // namespace ringfence::supervisor::test
