// The series of samples on its way to whoever asks: whole, in pages, as fast as it is read.
#include "daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

constexpr std::uint64_t kBuckets = 8192;

Result<std::vector<SampleBucket>> manyBuckets(const RunId& run, Microseconds since) {
  std::vector<SampleBucket> buckets;
  for (std::uint64_t i = 0; i < kBuckets; ++i) {
    buckets.push_back({.run = run,
                       .start = since + std::chrono::seconds(i),
                       .seconds = 1,
                       .cpuUsec = i,
                       .ioReadBytes = {},
                       .ioWriteBytes = UINT64_MAX,
                       .memoryMin = UINT64_MAX,
                       .memoryMean = 0,
                       .memoryMax = UINT64_MAX,
                       .pidsMax = {}});
  }
  return buckets;
}

void askSince(Peering& client, const std::string& run, std::int64_t since) {
  v1::ClientPacket packet;
  packet.mutable_usage()->set_run(run);
  packet.mutable_usage()->set_since_usec(since);
  client.write(packet);
}

// Until the last packet. Reads only when there is nothing more to come by itself, as a slow reader would.
std::vector<v1::UsageBucket> readSeries(World& world, Peering& client) {
  std::vector<v1::UsageBucket> series;
  for (int turn = 0; turn < 100'000; ++turn) {
    const auto packet = client.read();
    if (!packet) {
      world.daemon->wake();
      world.daemon->clientReady(client.id, false, true);
      continue;
    }
    REQUIRE_FALSE(packet->has_error());
    series.insert(series.end(), packet->usage().series().begin(), packet->usage().series().end());
    if (packet->last()) return series;
  }
  FAIL("no end");
  return series;
}

}  // namespace

TEST_CASE("the series of all runs reaches a slow reader whole and in order, and is not queued all at once") {
  World world;
  world.series = manyBuckets;
  world.start(State{}, {});
  Peering client(world, 1000);
  const RunId first = launch(world, client);
  const RunId second = launch(world, client);

  askSince(client, "", 5'000'000);
  CHECK(world.daemon->clients().find(client.id)->series->buckets.size() > kBuckets / 4);
  const auto series = readSeries(world, client);
  REQUIRE(series.size() == 2 * kBuckets);
  for (std::size_t i = 0; i < series.size(); ++i) {
    REQUIRE(series[i].run() == (i < kBuckets ? first : second).text());
    REQUIRE(series[i].cpu_usec() == i % kBuckets);
  }
  CHECK(series[1].start_usec() == 6'000'000);
  CHECK(series[0].has_memory_mean());
  CHECK_FALSE(series[0].has_io_read_bytes());
  CHECK_FALSE(series[0].has_pids_max());
  CHECK_FALSE(world.daemon->clients().find(client.id)->series);
}

TEST_CASE("however many ask for series, one run is read in a turn, and each gets its own") {
  World world;
  std::size_t read = 0;
  world.series = [&](const RunId& run, Microseconds since) {
    ++read;
    return manyBuckets(run, since);
  };
  world.start(State{}, {});
  Peering first(world, 1000), second(world, 1000), third(world, 1000);
  (void)launch(world, first);
  (void)launch(world, first);
  const std::array clients{&first, &second, &third};
  for (Peering* client : clients) askSince(*client, "", 1);
  CHECK(read == clients.size());  // A turn each.
  std::array<std::size_t, 3> got{}, ends{};
  for (int turn = 0; turn < 100'000 && ends != std::array<std::size_t, 3>{1, 1, 1}; ++turn) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      while (const auto packet = clients[i]->read()) {
        got[i] += static_cast<std::size_t>(packet->usage().series_size());
        ends[i] += packet->last() ? 1 : 0;
      }
      const std::size_t before = read;
      world.daemon->clientReady(clients[i]->id, false, true);
      CHECK(read <= before + 1);
    }
  }
  CHECK(got == std::array<std::size_t, 3>{2 * kBuckets, 2 * kBuckets, 2 * kBuckets});
  CHECK(read == 2 * clients.size());
}

TEST_CASE("a user who does not read what is asked for holds a bounded number of series, and others get theirs") {
  World world;
  world.series = manyBuckets;
  world.start(State{}, {});
  Peering owner(world, 1000);
  (void)launch(world, owner);
  std::deque<Peering> stalled;
  for (int i = 0; i < 8; ++i) askSince(stalled.emplace_back(world, 1000), "coder", 1);
  askSince(owner, "coder", 1);
  const auto refused = owner.read();
  REQUIRE(refused);
  CHECK(refused->error().message() == "you read too many series at once; wait until one is read");
  Peering root(world, 0);
  askSince(root, "coder", 1);
  CHECK(readSeries(world, root).size() == kBuckets);
  CHECK(readSeries(world, stalled.front()).size() == kBuckets);
  askSince(owner, "coder", 1);
  CHECK(readSeries(world, owner).size() == kBuckets);
}

TEST_CASE("the series of somebody else's run is that of a run that does not exist") {
  World world;
  world.series = manyBuckets;
  world.start(State{}, {});
  Peering owner(world, 1000), stranger(world, 1001);
  const RunId run = launch(world, owner);
  askSince(stranger, run.text(), 1);
  const auto refused = stranger.read();
  REQUIRE(refused);
  CHECK(refused->error().message().starts_with("no run " + run.text() + " that you may see"));
  askSince(stranger, "", 1);
  CHECK(readSeries(world, stranger).empty());
}

TEST_CASE("a series that cannot be read is refused with why, and the next may be asked for") {
  World world;
  world.series = [](const RunId&, Microseconds) -> Result<std::vector<SampleBucket>> {
    return Error{ErrorCode::kUnavailable, "log.db: disk I/O error"};
  };
  world.start(State{}, {});
  Peering client(world, 1000);
  (void)launch(world, client);
  for (int i = 0; i < 2; ++i) {
    askSince(client, "coder", 1);
    const auto refused = client.read();
    REQUIRE(refused);
    CHECK(refused->error().message() == "log.db: disk I/O error");
    CHECK(refused->last());
  }
}

TEST_CASE("runs that ended before the time that is asked for are not looked up; those that ended since are") {
  World world;
  std::vector<RunId> looked;
  world.series = [&](const RunId& run, Microseconds) {
    looked.push_back(run);
    return Result<std::vector<SampleBucket>>(std::vector<SampleBucket>());
  };
  world.start(State{}, {});
  Peering client(world, 1000);
  const RunId run = launch(world, client);
  const Microseconds before = world.clock.now().wall;
  world.clock.advance(std::chrono::seconds(5));
  world.launcherSays(sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}});
  while (client.read()) {}
  askSince(client, "", static_cast<std::int64_t>(before.count()));
  CHECK(readSeries(world, client).empty());
  CHECK(looked == std::vector{run});
  askSince(client, "", static_cast<std::int64_t>((before + std::chrono::seconds(6)).count()));
  CHECK(readSeries(world, client).empty());
  CHECK(looked == std::vector{run});
}
