// `ringfence prune` in the daemon: what is told when, and what happens between the decision and the disk.
#include <poll.h>
#include <sys/stat.h>

#include <deque>
#include <filesystem>

#include "tests/supervisor/daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

namespace {

struct Homes : World {
  Homes() {
    clock.advance(std::chrono::hours(24 * 365 * 100));  // Every home that is made now is old.
    homes = PrivateHomes::create(config.stateDir).value();
    start(State{}, {});
    ready();  // what an earlier daemon left
  }
  std::string make(const std::string& policy, std::uint32_t uid = 1000) const {
    sandbox::CallerAccount account;
    account.uid = account.gid = uid;
    REQUIRE(openPrivateHome(config.stateDir, account, policy));
    return config.stateDir + "/homes/" + std::to_string(uid) + "/" + policy;
  }
  // The thread has done what it was at.
  void ready() {
    pollfd poll{homes->eventFd(), POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 20'000) == 1);
    daemon->homesReady();
  }
  std::vector<HomeRemoved> removals() const {
    std::vector<HomeRemoved> found;
    for (const Fact& fact : store.queued) {
      if (const auto* removed = std::get_if<HomeRemoved>(&fact.body)) found.push_back(*removed);
    }
    return found;
  }
};

v1::ClientPacket prune(bool dryRun = false) {
  v1::ClientPacket packet;
  packet.mutable_prune()->set_dry_run(dryRun);
  return packet;
}

bool exists(const std::string& path) { return std::filesystem::exists(path); }

}  // namespace

TEST_CASE("what goes is named before it is gone, and told again when it is") {
  Homes world;
  const std::string home = world.make("coding"), others = world.make("coding", 1001);
  Peering client(world, 1000);
  client.write(prune());
  CHECK_FALSE(client.read());
  world.store.failing = true;  // not durable yet
  world.ready();
  const auto named = client.read();
  REQUIRE(named);
  CHECK_FALSE(named->last());
  REQUIRE(named->prune().homes_size() == 1);
  CHECK(named->prune().homes(0).policy() == "coding");
  CHECK(named->prune().homes(0).fate() == "goes");
  CHECK(exists(home));
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK_FALSE(exists(home));
  CHECK_FALSE(client.read());
  world.ready();
  const auto done = client.read();
  REQUIRE(done);
  CHECK(done->last());
  CHECK(done->prune().removed() == 1);
  CHECK(done->prune().removed_bytes() == named->prune().homes(0).bytes());
  CHECK(done->prune().left_size() == 0);
  REQUIRE(world.removals().size() == 1);
  CHECK(world.removals()[0].uid == 1000);
  CHECK(world.removals()[0].byUid == 1000);
  CHECK(exists(others));
}

TEST_CASE("a dry run and a prune with nothing to remove are answered at once, and record nothing") {
  Homes world;
  const std::string home = world.make("coding");
  Peering client(world, 1000), stranger(world, 1001);
  client.write(prune(true));
  stranger.write(prune());
  world.ready();
  const auto named = client.read();
  REQUIRE(named);
  CHECK(named->last());
  CHECK(named->prune().homes(0).fate() == "goes");
  world.ready();
  CHECK_FALSE(stranger.read().value().last());
  const auto nothing = stranger.read();
  REQUIRE(nothing);
  CHECK(nothing->last());
  CHECK(nothing->prune().removed() == 0);
  CHECK(exists(home));
  CHECK(world.removals().empty());
}

TEST_CASE("the home of a live run stays, and root removes everybody's") {
  Homes world;
  Peering client(world, 1000), root(world, 0);
  const RunId run = launch(world, client);
  const std::string others = world.make("coding", 1001);
  root.write(prune());
  world.ready();
  const auto named = root.read();
  REQUIRE(named);
  REQUIRE(named->prune().homes_size() == 2);
  CHECK(named->prune().homes(0).fate() == "in-use");
  CHECK(named->prune().homes(0).why().find(run.text()) != std::string::npos);
  CHECK(named->prune().homes(1).fate() == "goes");
  world.daemon->storeReady();
  world.ready();
  CHECK(root.read().value().prune().removed() == 1);
  CHECK_FALSE(exists(others));
  CHECK(exists(world.config.stateDir + "/homes/1000/coding"));
}

TEST_CASE("no run begins in a home between the decision and the disk, and then it has a new one") {
  Homes world;
  const std::string home = world.make("coding");
  world.dir.write("state/homes/1000/coding/login", "");
  Peering client(world, 1000), other(world, 1000);
  client.write(prune());
  world.store.failing = true;
  world.ready();
  REQUIRE(client.read());
  other.run();
  const auto refused = other.read();
  REQUIRE(refused);
  CHECK(refused->error().token() == "home");
  CHECK(refused->error().message().find("ringfence prune") != std::string::npos);
  CHECK(world.launcher.last<sandbox::Launch>() == nullptr);
  world.store.failing = false;
  world.daemon->storeReady();
  (void)launch(world, other);
  CHECK(exists(home));
  CHECK_FALSE(exists(home + "/login"));
  world.ready();
  CHECK(client.read().value().prune().removed() == 1);
}

TEST_CASE("nothing goes for somebody who went away before it was named") {
  Homes world;
  const std::string home = world.make("coding");
  Peering client(world, 1000);
  client.write(prune());
  world.daemon->remove(client.id);
  world.ready();
  world.daemon->storeReady();
  CHECK(exists(home));
  CHECK(world.removals().empty());
}

TEST_CASE("prunes come one after the other, one for each user, and of too many some are told to come again") {
  Homes world;
  (void)world.make("coding");
  Peering root(world, 0), client(world, 1000);
  root.write(prune());
  client.write(prune());
  client.write(prune());
  const auto second = client.read();
  REQUIRE(second);
  CHECK(second->error().code() == "busy");
  CHECK(second->error().message().find("for you already") != std::string::npos);
  std::deque<Peering> others;
  for (std::uint32_t i = 0; i < kMaxWaitingPrunes - 2; ++i) others.emplace_back(world, 2000 + i).write(prune());
  Peering late(world, 3000);
  late.write(prune());
  CHECK(late.read().value().error().message().find("for others") != std::string::npos);

  world.ready();
  world.daemon->storeReady();
  CHECK(root.read().value().prune().homes_size() == 1);
  world.ready();
  CHECK(root.read().value().prune().removed() == 1);
  world.ready();  // which looks at what root left
  CHECK(client.read().value().prune().homes_size() == 0);
  CHECK(client.read().value().last());
  CHECK(world.removals().size() == 1);
  for (Peering& other : others) {
    world.ready();
    CHECK_FALSE(other.read().value().last());
    CHECK(other.read().value().last());
  }
}

TEST_CASE("while the log cannot be written nothing goes, and who waits hears that it goes later") {
  Homes world;
  const std::string home = world.make("coding");
  Peering client(world, 1000), late(world, 1000);
  client.write(prune());
  world.ready();  // decided, and not on the disk
  REQUIRE(client.read());
  world.store.failing = true;
  world.daemon->storeReady();
  CHECK(client.read().value().error().message().find("removed when it can") != std::string::npos);
  late.write(prune(true));
  CHECK(late.read().value().error().code() == "unavailable");
  CHECK(exists(home));
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK_FALSE(exists(home));
  world.ready();
  CHECK_FALSE(client.read());
}

TEST_CASE("a daemon without homes says that it removes none") {
  World world;
  Peering client(world, 1000);
  client.write(prune());
  CHECK(client.read().value().error().code() == "unsupported");
}
