#include "supervisor/output_spool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <set>

#include "sdk/base/output_ring.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr std::uint64_t kHeader = 4096;

UniqueFd ringWith(const std::string& text, Bytes capacity = kibibytes(64)) {
  OutputRingWriter ring = OutputRingWriter::create(capacity).value();
  ring.append(text);
  ring.end();
  return UniqueFd(::fcntl(ring.fd(), F_DUPFD_CLOEXEC, 3));
}

std::string contentOf(UniqueFd ring) {
  OutputRingReader reader = OutputRingReader::open(std::move(ring)).value();
  std::string text;
  for (;;) {
    const OutputRingReader::Chunk chunk = reader.read();
    text += chunk.bytes;
    if (chunk.ended) return text;
    REQUIRE_FALSE(chunk.bytes.empty());
  }
}

struct World {
  test::TempDir dir;
  std::string directory = dir.makeDirectory("output");
  std::unique_ptr<OutputSpool> spool;

  void start(Bytes bound = kMaxKeptOutput, const std::function<bool(const RunId&)>& isKnown = {}) {
    spool.reset();
    spool = OutputSpool::open(
                directory, isKnown ? isKnown : [](const RunId&) { return true; }, bound)
                .value();
  }
  Result<void> finishOne() {
    pollfd poll{spool->eventFd(), POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 20'000) == 1);
    auto finished = spool->finish();
    REQUIRE(finished.size() == 1);
    return std::move(finished.front().written);
  }
  Result<void> keep(const RunId& run, const std::string& text) {
    REQUIRE(spool->keep(run, ringWith(text)) == OutputSpool::Keeping::kBegun);
    return finishOne();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
    return names;
  }
};

// No room for more than this in any file, as on a full disk.
class SmallFiles {
 public:
  explicit SmallFiles(std::uint64_t bytes) {
    (void)::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit small{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~SmallFiles() {
    (void)::setrlimit(RLIMIT_FSIZE, &before_);
    (void)::signal(SIGXFSZ, SIG_DFL);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("what a run wrote is read from the disk as it was in its ring, also by a later daemon") {
  World world;
  world.start();
  const RunId run = RunId::random();
  REQUIRE(world.keep(run, "one\ntwo\n"));
  CHECK(contentOf(world.spool->read(run).value()) == "one\ntwo\n");
  world.start();
  CHECK(contentOf(world.spool->read(run).value()) == "one\ntwo\n");

  struct stat about {};
  REQUIRE(::stat((world.directory + "/" + run.text()).c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0600);
  CHECK(about.st_size == static_cast<off_t>(kHeader + 8));
}

TEST_CASE("of a ring that was written over again and again its last bytes are kept") {
  World world;
  world.start();
  const RunId run = RunId::random();
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i) + " ";
  REQUIRE(world.spool->keep(run, ringWith(text, Bytes{10'000})) == OutputSpool::Keeping::kBegun);
  REQUIRE(world.finishOne());
  CHECK(contentOf(world.spool->read(run).value()) == text.substr(text.size() - 10'000));
}

TEST_CASE("a run that wrote nothing needs no file") {
  World world;
  world.start();
  CHECK(world.spool->keep(RunId::random(), ringWith("")) == OutputSpool::Keeping::kNothingToKeep);
  CHECK(world.files().empty());
  CHECK(contentOf(emptyOutputRing().value()).empty());
}

TEST_CASE("the oldest output makes room for the newest, also after a restart") {
  World world;
  const std::string text(1000, 'x');
  world.start(Bytes{3 * (kHeader + 1000)});
  std::vector<RunId> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(RunId::random());
    REQUIRE(world.keep(runs.back(), text));
    // The age of a file is its time, and the clock of a file system is coarse.
    const timespec times[2] = {{1'000'000 + i, 0}, {1'000'000 + i, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (world.directory + "/" + runs.back().text()).c_str(), times, 0) == 0);
  }
  CHECK(world.spool->read(runs[0]).error().code == ErrorCode::kNotFound);
  for (int i = 1; i < 4; ++i) CHECK(world.spool->read(runs[static_cast<std::size_t>(i)]));
  world.start(Bytes{3 * (kHeader + 1000)});
  REQUIRE(world.keep(RunId::random(), text));
  CHECK(world.spool->read(runs[1]).error().code == ErrorCode::kNotFound);
  CHECK(world.spool->read(runs[2]));
  CHECK(world.files().size() == 3);
}

TEST_CASE("a start removes what belongs to no run and what a crash left half written") {
  World world;
  world.start();
  const RunId known = RunId::random();
  const RunId unknown = RunId::random();
  REQUIRE(world.keep(known, "known"));
  REQUIRE(world.keep(unknown, "unknown"));
  world.dir.write("output/" + known.text() + ".part", "half");
  world.dir.write("output/something", "else");
  world.start(kMaxKeptOutput, [&](const RunId& run) { return run == known; });
  CHECK(world.files() == std::vector<std::string>{known.text()});
  CHECK(contentOf(world.spool->read(known).value()) == "known");
}

TEST_CASE("output that was written before a crash is not written again, and one that was torn is") {
  World world;
  world.start();
  const RunId run = RunId::random();
  const std::string path = world.directory + "/" + run.text();
  REQUIRE(world.keep(run, "content"));
  struct stat before {};
  REQUIRE(::stat(path.c_str(), &before) == 0);
  world.start();
  REQUIRE(world.keep(run, "content"));
  struct stat after {};
  REQUIRE(::stat(path.c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);

  REQUIRE(::truncate(path.c_str(), kHeader + 3) == 0);
  CHECK(world.spool->read(run).error().code == ErrorCode::kInvalid);
  REQUIRE(world.keep(run, "content"));
  CHECK(contentOf(world.spool->read(run).value()) == "content");
  CHECK(world.files().size() == 1);
}

TEST_CASE("without room on the disk the output stays readable until the daemon restarts, and is then said to be lost") {
  World world;
  world.start();
  const RunId run = RunId::random();
  UniqueFd ring = ringWith(std::string(1000, 'x'));
  {
    const SmallFiles full(kHeader + 100);
    REQUIRE(world.spool->keep(run, std::move(ring)) == OutputSpool::Keeping::kBegun);
    const auto written = world.finishOne();
    REQUIRE_FALSE(written);
    CHECK(written.error().sysErrno == EFBIG);
  }
  CHECK(contentOf(world.spool->read(run).value()) == std::string(1000, 'x'));
  world.start();
  const auto lost = world.spool->read(run);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().message.find("could not be written") != std::string::npos);
  CHECK(world.files() == std::vector<std::string>{run.text()});
}

TEST_CASE("a disk that stalls makes nobody wait and no memory grow, and what waited is written when it answers") {
  World world;
  world.start();
  // The look at what is there already waits for somebody who writes into it.
  const RunId stalled = RunId::random();
  const std::string pipe = world.directory + "/" + stalled.text();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::set<RunId> waiting{stalled};
  CHECK(world.spool->keep(stalled, ringWith("stalled")) == OutputSpool::Keeping::kBegun);
  while (waiting.size() < kMaxWaitingOutputs) {
    const RunId run = RunId::random();
    waiting.insert(run);
    CHECK(world.spool->keep(run, ringWith("waits")) == OutputSpool::Keeping::kBegun);
  }
  const RunId beyond = RunId::random();
  const auto refused = world.keep(beyond, "beyond");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kBusy);
  CHECK(contentOf(world.spool->read(beyond).value()) == "beyond");

  const UniqueFd writer(::open(pipe.c_str(), O_WRONLY | O_CLOEXEC));  // Returns when the other side is open.
  while (!waiting.empty()) {
    pollfd poll{world.spool->eventFd(), POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 20'000) == 1);
    for (const OutputSpool::Finished& one : world.spool->finish()) {
      CHECK(one.written);
      CHECK(waiting.erase(one.run) == 1);
    }
  }
  CHECK(contentOf(world.spool->read(stalled).value()) == "stalled");
}

TEST_CASE("a spool that ends with outputs waiting leaves only whole files") {
  World world;
  world.start();
  std::vector<RunId> runs;
  for (int i = 0; i < 20; ++i) {
    runs.push_back(RunId::random());
    CHECK(world.spool->keep(runs.back(), ringWith(std::string(50'000, 'x'))) == OutputSpool::Keeping::kBegun);
  }
  world.start();
  for (const RunId& run : runs) {
    const auto kept = world.spool->read(run);
    CHECK((kept || kept.error().code == ErrorCode::kNotFound));
  }
}
