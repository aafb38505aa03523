// A writer that dies at any moment loses nothing that it called durable.
#include <csignal>
#include <cstdlib>
#include <random>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sdk/base/unique_fd.h"
#include "store_world.h"

namespace ringfence::supervisor::test {
namespace {

// Appends for ever and reports each durable seq as eight bytes.
[[noreturn]] void appendForEver(const std::string& path, int report, unsigned seed) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::mt19937 random(seed);
  auto opened = SqliteStore::open(path);
  if (!opened) ::_exit(3);
  std::uint64_t told = opened->state.lastSeq, next = told + 1;
  while (true) {
    const std::uint64_t count = 1 + random() % 40;
    if (next < told + 100 && opened->store->append(plainFacts(next, count))) next += count;
    const std::uint64_t durable = opened->store->progress().durableSeq;
    if (durable == told) {
      pollfd news{.fd = opened->store->eventFd(), .events = POLLIN, .revents = 0};
      (void)::poll(&news, 1, static_cast<int>(random() % 2));
      continue;
    }
    told = durable;
    if (::write(report, &told, sizeof told) != sizeof told) ::_exit(4);
  }
}

TEST_CASE("a writer killed at any moment loses no fact that it called durable, and the chain holds") {
  LogWorld world;
  const char* more = std::getenv("RINGFENCE_STORE_KILLS");
  const int kills = more != nullptr ? std::atoi(more) : 20;
  std::mt19937 random(std::random_device{}());
  std::uint64_t acknowledged = 0;
  for (int kill = 0; kill < kills; ++kill) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto seed = static_cast<unsigned>(random());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      appendForEver(world.path(), ends[1], seed);
    }
    ::close(ends[1]);
    const UniqueFd reports(ends[0]);
    std::uint64_t seq = 0;
    for (auto reads = 1 + random() % 20; reads > 0 && ::read(reports.get(), &seq, sizeof seq) == sizeof seq; --reads)
      acknowledged = seq;
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (::read(reports.get(), &seq, sizeof seq) == sizeof seq) acknowledged = seq;

    const VerifyReport report = world.verify();
    CAPTURE(report.detail);
    REQUIRE(report.ok);
    REQUIRE(report.facts >= acknowledged);
  }
  CHECK(acknowledged > 0);
  const auto opened = world.open();
  CHECK(opened.state.lastSeq >= acknowledged);
}

// Writes beyond `bytes` fail with EFBIG, which is an I/O error to SQLite and not a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    oldHandler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    (void)std::signal(SIGXFSZ, oldHandler_);
  }

 private:
  rlimit old_{};
  void (*oldHandler_)(int) = nullptr;
};

TEST_CASE("after an I/O error the file is opened and checked anew, and the facts go on in order") {
  LogWorld world;
  std::uint64_t appended = 100;
  {
    auto opened = world.open();
    SqliteStore& store = *opened.store;
    REQUIRE(store.append(plainFacts(1, appended)));
    REQUIRE(waitDurable(store, appended));
    {
      const FileSizeLimit limit(128 * 1024);
      while (!store.progress().failure) {
        REQUIRE(appended < 100'000);
        REQUIRE(store.append(plainFacts(appended + 1, 50)));
        appended += 50;
        REQUIRE(waitUntil(
            store, [&](const Progress& progress) { return progress.failure || progress.durableSeq == appended; }));
      }
      CHECK(store.progress().failure->message.find(world.path()) != std::string::npos);
      CHECK(store.progress().durableSeq < appended);
    }
    REQUIRE(store.append(plainFacts(appended + 1, 1)));
    appended += 1;
    store.retry();
    // The old failure stands until the batch is durable.
    REQUIRE(waitUntil(store, [&](const Progress& progress) { return progress.durableSeq == appended; }));
    CHECK_FALSE(store.progress().failure);
  }
  const VerifyReport report = world.verify();
  CHECK(report.detail == "every fact is what was written");
  CHECK(report.facts == appended);
}

TEST_CASE("a log that somebody else wrote into takes no further fact, and says why") {
  LogWorld world;
  auto opened = world.open();
  SqliteStore& store = *opened.store;
  REQUIRE(store.append(plainFacts(1, 10)));
  REQUIRE(waitDurable(store, 10));
  world.sql(
      "INSERT INTO facts SELECT 11, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash FROM facts WHERE seq = "
      "10");
  REQUIRE(store.append(plainFacts(11, 1)));
  REQUIRE(waitUntil(store, [](const Progress& progress) { return progress.failure.has_value(); }));
  store.retry();
  REQUIRE(waitUntil(store, [](const Progress& progress) {
    return progress.failure && progress.failure->message.find("not the log that was written") != std::string::npos;
  }));
  CHECK(store.progress().durableSeq == 10);
}

}  // namespace
}  // namespace ringfence::supervisor::test
