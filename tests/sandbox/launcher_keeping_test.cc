// What the launcher keeps when daemons and launchers come and go, what it leaves behind, and what its posture check
// sees.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "sdk/base/output_ring.h"
#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

std::size_t openDescriptors(pid_t pid) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    count += entry.path().empty() ? 0 : 1;
  return count;
}

std::size_t mountCount() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::size_t lines = 0;
  for (std::string line; std::getline(mounts, line);) ++lines;
  return lines;
}

// "wall: wanted / got" of each reading.
std::map<std::string, WallReading> byName(const Built& built) {
  std::map<std::string, WallReading> readings;
  for (const auto& reading : built.posture) readings[wallName(reading.wall)] = reading;
  return readings;
}

void writeLine(const std::string& path) { std::ofstream(path) << "go\n"; }

}  // namespace

TEST_CASE("the posture of a run is read back for each of the ten walls and equals what was wanted") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("true");
  const Built built = launcher.start(plan, output.fds());
  const auto readings = byName(built);
  REQUIRE(readings.size() == kWallCount);
  for (const auto& [name, reading] : readings) {
    CAPTURE(name, reading.wanted, reading.got);
    CHECK(reading.up);
    CHECK(reading.wanted == reading.got);
    CHECK(reading.probed == (name == "landlock"));
  }
  CHECK(readings.at("mount").got == "own namespace and root, the planned mounts");
  CHECK(readings.at("pid").got == "own namespace, pid 1");
  CHECK(readings.at("net").got == "own namespace, only lo");
  CHECK(readings.at("privileges").got == "uid 1000, gid 1000, no capabilities, no new privileges, own user namespace");
  (void)launcher.expect<Ended>();
}

TEST_CASE(
    "the agent itself has no capability, no new privileges, one filter, a user namespace with identity maps and three "
    "descriptors") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan(
      "exec 3>&-; grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)' /proc/self/status | tr '\\t' ' '; ls "
      "/proc/self/fd | wc -l;"
      "cat /proc/self/uid_map /proc/self/oom_score_adj; ulimit -c");
  CHECK(launcher.runToEnd(plan, output.fds()).exit.code == 0);
  // ls opens the directory that it lists: 0, 1, 2 and that one.
  CHECK(output.text() ==
        "Uid: 1000 1000 1000 1000\nGid: 1000 1000 1000 1000\nGroups:  \nCapInh: 0000000000000000\nCapPrm: "
        "0000000000000000\n"
        "CapEff: 0000000000000000\nCapBnd: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n4\n"
        "         0          0 4294967295\n500\n0\n");
}

TEST_CASE("each wall that is left out is missed by name and the command never runs") {
  for (unsigned i = 0; i < kWallCount; ++i) {
    const std::string wall = wallName(static_cast<Wall>(i));
    CAPTURE(wall);
    LauncherProcess launcher(wall);
    Workspace workspace;
    OutputFile output(workspace);
    Plan plan = shellPlan("echo ran");
    launcher.send(Launch{plan}, output.fds());
    launcher.send(Release{plan.run});  // As the daemon does: nothing else would be in the way of the command.
    const auto failed = launcher.expect<LaunchFailed>();
    CHECK(failed.token == wall);
    CHECK(failed.message.starts_with(wall));
    CHECK(failed.exitCode == 125);
    CHECK(output.text().empty());
  }
}

TEST_CASE("the program that people run knows nothing of leaving a wall out or failing a call") {
  const std::string program = readFile(std::string(RINGFENCE_BIN_DIR) + "/ringfence-launcher");
  const std::string test = readFile(std::string(RINGFENCE_BIN_DIR) + "/ringfence-launcher-knockout");
  for (const char* variable : {"RINGFENCE_KNOCKOUT", "RINGFENCE_FAULT"}) {
    CHECK(program.find(variable) == std::string::npos);
    CHECK(test.find(variable) != std::string::npos);
  }
}

TEST_CASE("a best-effort wall that is missing starts the run and shows as down") {
  LauncherProcess launcher("landlock");
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan("true");
  plan.walls.landlock = policy::WallStrength::kBestEffort;
  const auto readings = byName(launcher.start(plan, output.fds()));
  CHECK(!readings.at("landlock").up);
  CHECK(readings.at("landlock").got != readings.at("landlock").wanted);
  CHECK(readings.at("seccomp").up);
  CHECK(launcher.expect<Ended>().exit.code == 0);
}

TEST_CASE("a daemon that comes back gets every run, and the status of one that ended meanwhile") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan shortRun = shellPlan("while ! test -e go; do sleep 0.01; done; exit 6");
  const Plan longRun = shellPlan("sleep 1000");
  (void)launcher.start(shortRun, output.fds());
  (void)launcher.start(longRun, output.fds());
  launcher.disconnect();
  writeLine(workspace.path() + "/go");
  // The end needs no daemon: the group goes away by itself.
  for (int tries = 0; tries < 10'000 && launcher.groups().processes(shortRun.run, shortRun.priority); ++tries)
    ::usleep(1'000);
  launcher.connect();
  std::map<RunId, KeptRun> kept;
  launcher.send(Adopt{});
  for (int i = 0; i < 2; ++i) {
    const KeptRun run = launcher.expect<Kept>().kept;
    kept.emplace(run.run, run);
  }
  CHECK(launcher.expect<AdoptDone>().count == 2);
  CHECK(kept.at(shortRun.run).state == KeptState::kEnded);
  CHECK(kept.at(shortRun.run).exit.code == 6);
  CHECK(kept.at(longRun.run).state == KeptState::kRunning);
  CHECK(kept.at(longRun.run).pid > 0);
  launcher.send(Forget{shortRun.run});
  launcher.send(Adopt{});
  CHECK(launcher.expect<Kept>().kept.run == longRun.run);
  CHECK(launcher.expect<AdoptDone>().count == 1);
  REQUIRE(launcher.groups().kill(longRun.run, longRun.priority));
  CHECK(launcher.expect<Ended>().exit.signal == SIGKILL);
}

TEST_CASE("a second launcher of the same directory takes nothing from the first, and ends") {
  LauncherProcess launcher;
  const pid_t second = launcher.spawn();
  int status = 0;
  REQUIRE(::waitpid(second, &status, 0) == second);  // It waits a while for one that may be dying.
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  launcher.connect();
  launcher.send(Adopt{});
  CHECK(launcher.expect<AdoptDone>().count == 0);
}

TEST_CASE("a newer daemon replaces the older one") {
  LauncherProcess launcher;
  launcher.connect();
  launcher.send(Adopt{});
  CHECK(launcher.expect<AdoptDone>().count == 0);
}

TEST_CASE("a run outlives its launcher: the next one watches it, with exit status and output") {
  LauncherProcess launcher;
  Workspace workspace;
  Plan plan = shellPlan("echo before; while ! test -e go; do sleep 0.01; done; echo after; exit 8");
  plan.stdio = Stdio::kCaptured;
  const Built built = launcher.start(plan, {workspace.fd(), workspace.fd()});
  std::vector<UniqueFd> held = std::move(launcher.lastFds());
  launcher.killAndRestart();
  KeptRun kept{.run = plan.run, .state = KeptState::kRunning, .priority = plan.priority, .initPid = built.initPid};
  kept.held = built.held;
  std::vector<int> fds;
  for (const auto& fd : held) fds.push_back(fd.get());
  launcher.send(Kept{kept}, fds);
  writeLine(workspace.path() + "/go");
  const Ended ended = launcher.expect<Ended>();
  CHECK(ended.run == plan.run);
  CHECK(ended.exit.code == 8);
  auto reader = OutputRingReader::open(std::move(held[2]));
  REQUIRE(reader);
  CHECK(reader->read().bytes == "before\nafter\n");
  launcher.send(Forget{plan.run});
  launcher.send(Adopt{});
  CHECK(launcher.expect<AdoptDone>().count == 0);
  CHECK(!launcher.groups().processes(plan.run, plan.priority));
}

TEST_CASE("a run whose every keeper is gone ends") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("sleep 1000");
  (void)launcher.start(plan, output.fds());
  launcher.lastFds().clear();
  launcher.killAndRestart();
  const auto tree = launcher.groups();
  bool empty = false;
  for (int tries = 0; tries < 10'000 && !empty; ++tries) {
    const auto processes = tree.processes(plan.run, plan.priority);
    empty = processes && processes->empty();
    if (!empty) ::usleep(1'000);
  }
  CHECK(empty);
}

TEST_CASE("SIGTERM ends a launcher that keeps nothing and not one that keeps a run") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("while ! test -e go; do sleep 0.01; done");
  (void)launcher.start(plan, output.fds());
  REQUIRE(::kill(launcher.pid(), SIGTERM) == 0);
  writeLine(workspace.path() + "/go");
  CHECK(launcher.expect<Ended>().exit.code == 0);
  launcher.send(Forget{plan.run});
  launcher.send(Adopt{});
  CHECK(launcher.expect<AdoptDone>().count == 0);
  REQUIRE(::kill(launcher.pid(), SIGTERM) == 0);
  CHECK(launcher.isClosedByPeer());
}

TEST_CASE("a launch that is abandoned before its child is in its groups is told as abandoned, and never built") {
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  for (int i = 0; i < 10; ++i) {
    Plan plan = shellPlan("touch ran");
    plan.run = RunId::random();
    launcher.send(Launch{plan}, output.fds());
    launcher.send(Abandon{plan.run});
    CHECK(launcher.expect<LaunchFailed>().token == "abandoned");
  }
  CHECK(::access((workspace.path() + "/ran").c_str(), F_OK) != 0);
}

TEST_CASE("groups of ended runs do not pile up while a child never comes to join its own") {
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  Plan plan = shellPlan("exit 0");
  plan.priority = policy::PriorityClass::kInteractive;
  (void)launcher.runToEnd(plan, output.fds());
  const std::string branch = kernelFeatures().unifiedMount + "/" + launcher.groupName() + "-background/cgroup.freeze";
  REQUIRE(writeFileAt(AT_FDCWD, branch, "1"));
  launcher.send(Prepare{RunId::random(), policy::PriorityClass::kBackground});
  // In the unified hierarchy it is born where it belongs, and there is nothing to join.
  if (kernelFeatures().layout == CgroupLayout::kUnified) (void)launcher.expect<Prepared>();
  for (int i = 0; i < 40; ++i) {
    plan.run = RunId::random();
    (void)launcher.runToEnd(plan, output.fds());
  }
  const auto left = launcher.groups().list();
  REQUIRE(writeFileAt(AT_FDCWD, branch, "0"));
  REQUIRE(left);
  CHECK(left->size() <= 34);  // The child's own, and one whose removal is tried again in a moment.
}

TEST_CASE("fifty starts and stops leave no group, mount, process or descriptor") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  (void)launcher.runToEnd(shellPlan("true"), output.fds());
  launcher.send(Adopt{});  // Its answer says that everything before was obeyed.
  CHECK(launcher.expect<AdoptDone>().count == 0);
  const std::size_t descriptors = openDescriptors(launcher.pid());
  const std::size_t mounts = mountCount();
  for (int i = 0; i < 50; ++i) {
    Plan plan = shellPlan(i % 5 == 0 ? "sleep 1000 & true" : "true");
    if (i % 3 == 0) plan.stdio = Stdio::kCaptured;
    if (i % 7 == 0) launcher.send(Prepare{plan.run, plan.priority}), (void)launcher.expect<Prepared>();
    if (i % 10 == 9) plan.mounts.push_back(BindPath{"/no/such/path", "/x"});
    launcher.send(Launch{plan}, output.fds());
    if (i % 10 == 9) {
      CHECK(launcher.expect<LaunchFailed>().token == "mount");
      continue;
    }
    (void)launcher.expect<Built>();
    launcher.send(Release{plan.run});
    (void)launcher.expect<Started>();
    CHECK(launcher.expect<Ended>().exit.code == 0);
    launcher.send(Forget{plan.run});
  }
  launcher.send(Adopt{});
  CHECK(launcher.expect<AdoptDone>().count == 0);
  CHECK(openDescriptors(launcher.pid()) == descriptors);
  CHECK(mountCount() == mounts);
  const auto left = launcher.groups().list();
  REQUIRE(left);
  CHECK(left->empty());
  // One that forks the others is there where the kernel has what they are forked with. No end waits for the stem of a
  // run without a warden, which goes by itself.
  const std::string listed =
      "/proc/" + std::to_string(launcher.pid()) + "/task/" + std::to_string(launcher.pid()) + "/children";
  const auto namesOfChildren = [&] {
    std::set<std::string> names;
    std::ifstream children(listed);
    for (std::string child; children >> child;) {
      std::string name;
      std::getline(std::ifstream("/proc/" + child + "/comm"), name);
      if (!name.empty()) names.insert(name);
    }
    return names;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (namesOfChildren().contains("stem") && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::set<std::string> names = namesOfChildren();
  CHECK((names.empty() || names == std::set<std::string>{"nursery"}));
}
