// What the daemon does while the log cannot be written, and at a locked start.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_all.hpp>

#include "daemon_world.h"

namespace ringfence::supervisor::daemon_world {
namespace {

void resume(v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); }

std::vector<std::string_view> kindsOf(const World& world) {
  std::vector<std::string_view> kinds;
  for (const Fact& fact : world.store.queued) kinds.push_back(factKind(fact.body));
  return kinds;
}

bool recorded(const World& world, std::string_view kind) { return std::ranges::count(kindsOf(world), kind) == 1; }

struct Failing : World {
  DiskReserve kept{dir.path() + "/reserve"};
  Peering client{withReserve(), 1000};
  RunId run = launch(*this, client);

  World& withReserve() {
    reserve = &kept;
    start(State{}, {});
    return *this;
  }
  std::string_view life() const { return lifeName(daemon->state().runs.at(run).life); }
  const std::optional<SelfHeld>& holder() const { return std::get<Frozen>(daemon->state().runs.at(run).life).itself; }
  bool isReserveThere() const {
    struct stat about {};
    return ::stat((dir.path() + "/reserve").c_str(), &about) == 0 &&
           about.st_blocks * 512 >= static_cast<off_t>(kReserve.count);
  }
  void aSecondLater() {
    clock.advance(std::chrono::seconds(1));
    daemon->wake();
    daemon->storeReady();
  }
};

TEST_CASE("while nothing can be recorded agents are held, and go on by themselves when it can be again") {
  Failing world;
  world.store.failing = true;
  world.daemon->storeReady();
  CHECK(world.group(world.run, "agent/cgroup.freeze") == "1");
  REQUIRE(world.life() == "frozen");
  CHECK(world.holder() == SelfHeld::kNoRecords);
  const auto refused = world.client.act(resume);
  CHECK(refused.value().error().message().find("stays frozen until it can") != std::string::npos);
  world.aSecondLater();
  CHECK(world.life() == "frozen");
  world.store.failing = false;
  world.aSecondLater();
  CHECK(world.life() == "running");
  world.daemon->storeReady();
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("0"));
  CHECK(recorded(world, "records-stopped"));
  CHECK(recorded(world, "records-resumed"));
}

TEST_CASE("what a person froze before or meanwhile stays frozen") {
  Failing world;
  const bool before = GENERATE(true, false);
  if (before) CHECK(durably(world, world.client, freeze).value().has_done());
  world.store.failing = true;
  world.daemon->storeReady();
  if (!before) CHECK(world.client.act(freeze).value().has_done());
  world.store.failing = false;
  world.aSecondLater();
  world.aSecondLater();
  CHECK(world.life() == "frozen");
  CHECK_FALSE(world.holder());
}

TEST_CASE("on a full disk the log gets the room kept for it, and all goes on only when that can be kept again") {
  Failing world;
  REQUIRE(world.kept.restore());
  REQUIRE(world.isReserveThere());
  world.store.failing = true;
  world.store.failingWith = ENOSPC;
  world.daemon->storeReady();
  CHECK_FALSE(world.isReserveThere());
  CHECK(world.store.retries == 1);
  // The log has room now, and the disk has none: another's file is where it was.
  const std::string path = world.dir.path() + "/reserve";
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  world.store.failing = false;
  world.daemon->storeReady();
  CHECK(recorded(world, "records-stopped"));
  CHECK(world.daemon->everythingDurable());
  world.aSecondLater();
  CHECK(world.life() == "frozen");
  Peering other(world, 1000);
  other.run();
  CHECK(other.read().value().error().token() == "log");
  CHECK_FALSE(world.client.act(resume).value().has_done());
  // What ends and holds is recorded meanwhile.
  CHECK(world.client.act(freeze).value().has_done());
  world.daemon->storeReady();
  CHECK(world.daemon->everythingDurable());
  REQUIRE(::rmdir(path.c_str()) == 0);
  world.aSecondLater();
  CHECK(world.isReserveThere());
  CHECK(recorded(world, "records-resumed"));
  other.run();
  CHECK(other.read().value_or(v1::ServerPacket()).error().token().empty());
}

TEST_CASE("a daemon that starts on a disk that is still full holds on, and lets go when there is room") {
  Failing world;
  REQUIRE(world.kept.restore());
  world.store.failing = true;
  world.store.failingWith = ENOSPC;
  world.daemon->storeReady();
  world.store.failing = false;
  const std::string path = world.dir.path() + "/reserve";
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  world.daemon->storeReady();
  const sandbox::KeptRun keeps{.run = world.run, .initPid = 100, .pid = 101, .exit = {}, .usage = {}, .note = {}};
  world.start(world.daemon->state(), {keeps});
  world.aSecondLater();
  CHECK(world.life() == "frozen");
  REQUIRE(::rmdir(path.c_str()) == 0);
  world.aSecondLater();
  CHECK(world.life() == "running");
}

TEST_CASE(
    "a log that stays broken for half a minute ends the daemon, for the next one to open it; a full disk does not") {
  Failing world;
  world.store.failing = true;
  world.store.failingWith = GENERATE(0, EIO, ENOSPC);
  world.daemon->storeReady();
  for (int second = 0; second < 29; ++second) world.aSecondLater();
  CHECK_FALSE(world.daemon->isLogHopeless());
  world.aSecondLater();
  CHECK(world.daemon->isLogHopeless() == (world.store.failingWith != ENOSPC));
  world.store.failing = false;
  world.aSecondLater();
  CHECK_FALSE(world.daemon->isLogHopeless());
}

TEST_CASE("a locked start holds the runs that live, starts nothing, lets nothing go, and an admin may end them") {
  World world;
  const RunId run = *RunId::parse("r-00000000000000ab");
  world.makeGroups(run);
  world.locked = "log.db: is damaged";
  world.store.failing = true;
  world.store.queued.clear();
  const sandbox::KeptRun keeps{.run = run, .initPid = 100, .pid = 101, .exit = {}, .usage = {}, .note = {}};
  const sandbox::KeptRun ended{.run = *RunId::parse("r-00000000000000ac"),
                               .state = sandbox::KeptState::kEnded,
                               .exit = {},
                               .usage = {},
                               .note = {}};
  world.launcher.sent.clear();
  world.start(State{}, {keeps, ended});
  CHECK(world.group(run, "agent/cgroup.freeze") == "1");
  CHECK(world.group(run, "cgroup.kill").empty());
  CHECK(world.launcher.last<sandbox::Prepare>() == nullptr);
  CHECK(world.launcher.last<sandbox::Forget>() == nullptr);
  CHECK(world.launcher.last<sandbox::Abandon>() == nullptr);
  CHECK(lifeName(world.daemon->state().runs.at(run).life) == "frozen");
  Peering user(world, 1000);
  user.run();
  CHECK(user.read().value().error().token() == "log");
  v1::ClientPacket list;
  list.mutable_list()->set_all(true);
  CHECK(user.ask(list).value().list().runs_size() == 0);
  Peering admin(world, 0);
  CHECK(admin.ask(list).value().list().runs_size() == 1);
  v1::ClientPacket letGo;
  letGo.mutable_resume()->set_run(run.text());
  CHECK(admin.ask(letGo).value().error().message().find("stays frozen") != std::string::npos);
  v1::ClientPacket end;
  end.mutable_kill()->set_run(run.text());
  CHECK(admin.ask(end).value().has_done());
  CHECK(world.group(run, "cgroup.kill") == "1");
}

}  // namespace
}  // namespace ringfence::supervisor::daemon_world
