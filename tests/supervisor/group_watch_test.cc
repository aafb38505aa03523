// Another program that is root lays hands on the groups of a run.
#include <catch2/catch_all.hpp>

#include "daemon_world.h"

namespace ringfence::supervisor::daemon_world {
namespace {

// A run whose processes are where they belong, of a machine that is files.
struct WatchedWorld : World {
  UniqueFd root;
  Peering client{restarted(), 1000};
  RunId run;
  int ends[2] = {-1, -1};

  World& restarted() {
    root.reset(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    machine = root.get();
    start(State{}, {});
    return *this;
  }
  WatchedWorld() : run(launch(*this, client)) {
    // In place of the process's own descriptor: it can be read when the other end is closed.
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    launcher.guardFds.emplace(std::pair(run, sandbox::HeldFd::kPidfd), UniqueFd(ends[0]));
    for (const char* file : {"/cgroup.freeze", "/agent/cgroup.freeze"}) set(file, "0\n");
    for (const char* file : {"/cgroup.events", "/agent/cgroup.events"}) set(file, "populated 1\nfrozen 0\n");
    put(100, "/ringfence-background/" + run.text() + "/agent");
    put(101, "/ringfence-background/" + run.text() + "/agent");
  }
  ~WatchedWorld() { ::close(ends[1]); }

  void set(const std::string& file, const std::string& text) {
    dir.write("unified/ringfence-background/" + run.text() + file, text);
  }
  void put(int pid, const std::string& group, unsigned flags = 0) {
    dir.write("proc/" + std::to_string(pid) + "/cgroup", "1:name=systemd:/elsewhere\n0::" + group + "\n");
    dir.write("proc/" + std::to_string(pid) + "/stat",
              std::to_string(pid) + " (a) name) S 1 1 1 0 -1 " + std::to_string(flags) + " 0\n");
  }
  void pass(Milliseconds time) {
    for (; time > Milliseconds(0); time -= Milliseconds(100)) {
      clock.advance(Milliseconds(100));
      daemon->wake();
      daemon->storeReady();
    }
  }
  const Run& seen() const { return daemon->state().runs.at(run); }
  std::string_view life() const { return lifeName(seen().life); }
};

TEST_CASE("a run that is where it belongs is left alone") {
  WatchedWorld world;
  world.pass(std::chrono::seconds(5));
  CHECK(world.life() == "running");
  CHECK(world.seen().alarms.empty());
}

TEST_CASE("a run that was moved out of its groups is ended within a second, and an alarm says where it was") {
  WatchedWorld world;
  const int pid = GENERATE(100, 101);
  world.put(pid, "/user.slice");
  world.pass(std::chrono::seconds(1));
  CHECK(world.life() == "stopping");
  CHECK(world.group(world.run, "cgroup.kill") == "1");
  REQUIRE(world.seen().alarms.size() == 1);
  CHECK(world.seen().alarms[0].alarm.kind == AlarmKind::kControlGroup);
  CHECK(world.seen().alarms[0].alarm.reason.find("/user.slice") != std::string::npos);
}

TEST_CASE("what ends, and a number that is another's by now, is not taken for moved") {
  WatchedWorld world;
  SECTION("it is on its way out") { world.put(101, "/", 4); }
  SECTION("its end is not told yet") {
    world.put(100, "/another");
    ::close(world.ends[1]);
    world.ends[1] = -1;
  }
  SECTION("there is no such process") {
    world.launcher.guardFds.clear();
    world.put(100, "/another");
  }
  SECTION("a moment, as in a launch") {
    world.put(100, "/another");
    world.pass(Milliseconds(200));
    world.put(100, "/ringfence-background/" + world.run.text() + "/agent");
  }
  world.pass(std::chrono::seconds(3));
  CHECK(world.life() == "running");
  CHECK(world.seen().alarms.empty());
}

TEST_CASE("what is held and was thawed by another program is held again within a second") {
  WatchedWorld world;
  CHECK(durably(world, world.client, freeze).value().has_done());
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("1"));
  world.set("/agent/cgroup.freeze", "0\n");
  world.pass(std::chrono::seconds(1));
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("1"));
  CHECK(world.life() == "frozen");
  REQUIRE(world.seen().alarms.size() == 1);
  world.pass(std::chrono::seconds(3));
  CHECK(world.seen().alarms.size() == 1);
}

TEST_CASE("the kernel tells of a thaw, and what it let go is held again at once") {
  WatchedWorld world;
  CHECK(durably(world, world.client, freeze).value().has_done());
  world.pass(std::chrono::seconds(2));
  REQUIRE(world.daemon->groupsFd() >= 0);
  world.clock.advance(Milliseconds(60));
  world.daemon->groupsReady();
  world.set("/agent/cgroup.freeze", "0\n");
  world.clock.advance(Milliseconds(60));
  world.daemon->groupsReady();
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("1"));
  world.daemon->storeReady();
  CHECK(world.life() == "frozen");
  CHECK(world.seen().alarms.size() == 1);
}

TEST_CASE("what the kernel tells of a freeze is looked at again before it counts") {
  WatchedWorld world;
  world.pass(std::chrono::seconds(2));
  world.clock.advance(Milliseconds(60));
  world.set("/cgroup.freeze", "1\n");
  world.daemon->groupsReady();
  CHECK(world.daemon->nextWake() <= world.clock.now().boottime + Milliseconds(300));
  const bool isMoment = GENERATE(true, false);
  if (isMoment) world.set("/cgroup.freeze", "0\n");
  world.pass(Milliseconds(400));
  CHECK(world.life() == (isMoment ? "running" : "frozen"));
  CHECK(world.seen().alarms.size() == (isMoment ? 0u : 1u));
}

TEST_CASE("what our own freeze and thaw write is told to us as well, and nobody's doing") {
  WatchedWorld world;
  world.pass(std::chrono::seconds(2));
  CHECK(durably(world, world.client, freeze).value().has_done());
  world.clock.advance(Milliseconds(60));
  world.daemon->groupsReady();
  const auto resumed =
      durably(world, world.client, [](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); });
  CHECK(resumed.value().has_done());
  world.clock.advance(Milliseconds(60));
  world.daemon->groupsReady();
  world.pass(std::chrono::seconds(2));
  CHECK(world.life() == "running");
  CHECK(world.seen().alarms.empty());
}

TEST_CASE("three files of a run are watched from when it has lived for a moment to its end") {
  WatchedWorld world;
  const auto watched = [&] {
    const std::string fdinfo = test::readFile("/proc/self/fdinfo/" + std::to_string(world.daemon->groupsFd()));
    int count = 0;
    for (std::size_t at = fdinfo.find("inotify wd:"); at != fdinfo.npos; at = fdinfo.find("inotify wd:", at + 1))
      ++count;
    return count;
  };
  CHECK(watched() == 0);
  world.pass(Milliseconds(700));
  CHECK(watched() == 3);
  world.pass(std::chrono::seconds(3));
  CHECK(watched() == 3);
  world.launcherSays(sandbox::Ended{world.run, {.code = 0, .signal = {}}, false, {}, {}});
  CHECK(watched() == 0);
}

TEST_CASE("what a branch above it holds is held") {
  WatchedWorld world;
  CHECK(durably(world, world.client, freeze).value().has_done());
  world.set("/agent/cgroup.freeze", "0\n");
  world.dir.write("unified/ringfence-background/cgroup.freeze", "1\n");
  world.pass(std::chrono::seconds(2));
  CHECK(world.seen().alarms.empty());
}

TEST_CASE("what another program froze is shown as held by it, until a person lets it go on") {
  WatchedWorld world;
  world.set("/cgroup.freeze", "1\n");
  world.pass(std::chrono::seconds(1));
  REQUIRE(world.life() == "frozen");
  CHECK(std::get<Frozen>(world.seen().life).itself == SelfHeld::kAnotherProgram);
  CHECK(world.seen().alarms.size() == 1);
  const auto resumed =
      durably(world, world.client, [](v1::ClientPacket& packet) { packet.mutable_resume()->set_run("coder"); });
  CHECK(resumed.value().has_done());
  CHECK(world.group(world.run, "cgroup.freeze").starts_with("0"));
  world.pass(std::chrono::seconds(2));
  CHECK(world.life() == "running");
  CHECK(world.seen().alarms.size() == 1);
}

TEST_CASE("a thaw that waits for the disk is not another program's doing") {
  WatchedWorld world;
  CHECK(durably(world, world.client, freeze).value().has_done());
  world.daemon->storeReady();
  world.client.write([] {
    v1::ClientPacket packet;
    packet.mutable_resume()->set_run("coder");
    return packet;
  }());
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("1"));
  for (int i = 0; i < 20; ++i) {
    world.clock.advance(Milliseconds(100));
    world.daemon->wake();
  }
  CHECK(world.life() == "running");
  world.daemon->storeReady();
  CHECK(world.group(world.run, "agent/cgroup.freeze").starts_with("0"));
  CHECK(world.seen().alarms.empty());
}

}  // namespace
}  // namespace ringfence::supervisor::daemon_world
