// A disk that does not take what it is told to keep. The test program's own fdatasync and fsync stand in the C
// library's place, also for SQLite.
#include <dlfcn.h>

#include <atomic>
#include <cerrno>

#include "store_world.h"

namespace {

std::atomic<bool> syncFails{false};
std::atomic<int> failedSyncs{0};

int syncBy(const char* name, int fd) {
  if (syncFails) {
    ++failedSyncs;
    errno = EIO;
    return -1;
  }
  const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name));
  return real(fd);
}

}  // namespace

extern "C" int fdatasync(int fd) { return syncBy("fdatasync", fd); }
extern "C" int fsync(int fd) { return syncBy("fsync", fd); }

namespace ringfence::supervisor::test {
namespace {

TEST_CASE("what could not be synced is never called durable, and is written anew over a file that was checked") {
  LogWorld world;
  std::uint64_t appended = 100;
  {
    auto opened = world.open();
    SqliteStore& store = *opened.store;
    REQUIRE(store.append(plainFacts(1, appended)));
    REQUIRE(waitDurable(store, appended));
    for (int round = 0; round < 3; ++round) {
      const std::uint64_t before = appended;
      syncFails = true;
      REQUIRE(store.append(plainFacts(appended + 1, 30)));
      appended += 30;
      REQUIRE(waitUntil(store, [](const Progress& progress) { return progress.failure.has_value(); }));
      CHECK(failedSyncs > 0);
      CHECK(store.progress().durableSeq == before);
      CHECK(store.progress().failure->message.find(world.path()) != std::string::npos);
      // The kernel may say yes the second time, though what it did not write is gone: nobody asks it again over the
      // connection that failed. As long as the disk refuses, nothing becomes durable by trying.
      const int failed = failedSyncs;
      store.retry();
      REQUIRE(waitUntil(store, [&](const Progress&) { return failedSyncs > failed; }));
      CHECK(store.progress().durableSeq == before);
      syncFails = false;
      REQUIRE(waitUntil(store, [&](const Progress& progress) {
        if (progress.failure) store.retry();
        return progress.durableSeq == appended;
      }));
      CHECK_FALSE(store.progress().failure);
    }
  }
  const VerifyReport report = world.verify();
  CHECK(report.detail == "every fact is what was written");
  CHECK(report.facts == appended);
}

}  // namespace
}  // namespace ringfence::supervisor::test
