// The stem of a run: whom a warden reaches that it forked, and how long it is there.
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sandbox/guarded_run.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

// A process of the same person outside of every run. A run of theirs has the same ids.
class Bystander {
 public:
  Bystander() : pid_(::fork()) {
    if (pid_ > 0) return;
    if (::setgid(kTestUid) != 0 || ::setuid(kTestUid) != 0) ::_exit(1);
    for (;;) ::pause();
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  ~Bystander() {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
  int pid() const { return pid_; }
  // Whether somebody with the same id who is in no run reaches it: 0 or errno.
  int signalFromOutside() const {
    const pid_t other = ::fork();
    if (other == 0) {
      if (::setgid(kTestUid) != 0 || ::setuid(kTestUid) != 0) ::_exit(255);
      ::_exit(::kill(pid_, 0) == 0 ? 0 : errno);
    }
    int status = 0;
    REQUIRE(::waitpid(other, &status, 0) == other);
    return WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
};

// It reaches its agent, and nobody of the same person outside of its run, who is within reach of anybody else.
void checkIsHeld(const GuardedRun& run, int agent) {
  const Bystander bystander;
  REQUIRE(eventually([&] { return statusOf(bystander.pid()).uid[0] == kTestUid; }));
  CHECK(bystander.signalFromOutside() == 0);
  CHECK(askWarden(run, "signal " + std::to_string(bystander.pid())) == EPERM);
  CHECK(askWarden(run, "signal " + std::to_string(agent)) == 0);
  CHECK(askWarden(run, "look " + std::to_string(agent)) == 0);
  CHECK(askWarden(run, "look " + std::to_string(bystander.pid())) == ENOENT);
}

int commandOf(const GuardedRun& run) {
  std::vector<int> pids = run.launcher.groups().processes(run.plan.run, run.plan.priority).value();
  std::erase(pids, run.built.initPid);
  REQUIRE(!pids.empty());
  return *std::ranges::min_element(pids);
}

int privateKibibytes(int pid) {
  const std::string text = readProc(pid, "smaps_rollup");
  const std::string line = "\nPrivate_Dirty:";
  const std::size_t at = text.find(line);
  return at == std::string::npos ? -1 : std::stoi(text.substr(at + line.size()));
}

}  // namespace

TEST_CASE("a warden is in a domain with its agent and nobody else: also the next one, and that of the next launcher") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  GuardedRun run(wardedPlan);
  const int agent = commandOf(run);
  auto warden = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  for (const WallReading& wall : run.built.posture) {
    if (wall.wall == Wall::kLandlock) CHECK(wall.wanted.find("below the domain of the warden") != std::string::npos);
  }
  checkIsHeld(run, agent);
  REQUIRE(::kill(warden.pid, SIGKILL) == 0);
  (void)run.launcher.expectOfGuard<GuardDied>();
  warden = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  checkIsHeld(run, agent);
  // The third launcher finds a warden of one that did not start the stem either.
  for (int i = 0; i < 2; ++i) {
    CAPTURE(i);
    run.launcher.killAndRestart();
    CHECK(eventually([&] { return isGone(warden.pid); }));
    KeptRun kept{
        .run = run.plan.run, .state = KeptState::kRunning, .priority = run.plan.priority, .initPid = run.built.initPid};
    kept.held = run.held->bits();
    run.launcher.send(Kept{kept}, run.held->all());
    (void)run.launcher.expectOfGuard<GuardDied>();
    warden = run.launcher.expectOfGuard<GuardStarted>();
    (void)hear((*run.held)[HeldFd::kWarden]);
    checkIsHeld(run, agent);
    REQUIRE(::kill(warden.pid, SIGKILL) == 0);
    CHECK(run.launcher.expectOfGuard<GuardDied>().kind == GuardKind::kWarden);
    warden = run.launcher.expectOfGuard<GuardStarted>();
    (void)hear((*run.held)[HeldFd::kWarden]);
    checkIsHeld(run, agent);
  }
  const CgroupTree groups = run.launcher.groups();
  const std::vector<int> stems = stemsOf(groups, run.plan);
  CHECK(stems.size() == 1);
  run.go();
  CHECK(run.launcher.expect<Ended>().exit.code == 0);
  CHECK(run.output.text() == "made\n");
  CHECK(eventually([&] { return isGone(warden.pid); }));
  CHECK(eventually([&] { return std::ranges::all_of(stems, isGone); }));
  CHECK(eventually([&] { return groups.list().value().empty(); }));
}

TEST_CASE("a stem has two descriptors of its own, few capabilities and the group of its run's warden") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  GuardedRun run(wardedPlan);
  (void)run.launcher.expectOfGuard<GuardStarted>();
  const CgroupTree groups = run.launcher.groups();
  // The one before it is reaped, and no other.
  REQUIRE(eventually([&] {
    const std::vector<int> stems = stemsBelow(run.launcher.pid());
    return stems.size() == 1 && stems == stemsOf(groups, run.plan);
  }));
  const int pid = stemsOf(groups, run.plan).front();
  CHECK(descriptorsOf(pid) == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(linkOf(pid, "fd/0") == "/dev/null");
  CHECK(linkOf(pid, "cwd") == "/");
  CHECK(statusOf(pid).permitted == statusOf(pid).effective);
  for (const unsigned missing : {1U, 12U, 16U, 17U, 27U})  // DAC_OVERRIDE, NET_ADMIN, SYS_MODULE, SYS_RAWIO, MKNOD
    CHECK((statusOf(pid).permitted >> missing & 1) == 0);
  CHECK(run.end().exit.code == 0);
}

TEST_CASE("a run whose stem was killed gets no warden from elsewhere: it ends when its warden does, and says why") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  GuardedRun run(wardedPlan);
  const auto warden = run.launcher.expectOfGuard<GuardStarted>();
  (void)hear((*run.held)[HeldFd::kWarden]);
  const CgroupTree groups = run.launcher.groups();
  REQUIRE(eventually([&] {
    const std::vector<int> stems = stemsBelow(run.launcher.pid());
    return stems.size() == 1 && stems == stemsOf(groups, run.plan);
  }));
  REQUIRE(::kill(stemsOf(groups, run.plan).front(), SIGKILL) == 0);
  REQUIRE(::kill(warden.pid, SIGKILL) == 0);
  const Ended ended = run.launcher.expect<Ended>();
  CHECK(ended.exit.signal == SIGKILL);
  CHECK(ended.note.find("the process that wardens of this run come from is gone") != std::string::npos);
  run.launcher.send(Forget{run.plan.run});
}

TEST_CASE(
    "a launch whose warden would be in no domain fails by the name of that wall, and one without a warden does not") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  const Programs programs;
  LauncherProcess launcher(LauncherProcess::Variation{.knockout = "stem", .programs = programs.path()});
  const Workspace workspace;
  const OutputFile output(workspace);
  launcher.send(Launch{wardedPlan("echo ran")}, output.fds());
  const auto failed = launcher.expect<LaunchFailed>();
  CHECK(failed.token == "landlock");
  CHECK(failed.message.find("the domain of the warden above them is missing") != std::string::npos);
  CHECK(output.text().empty());
  // Where the wall may be missing, the warden itself refuses: there is no run without one.
  Plan tolerant = wardedPlan("while :; do sleep 0.01; done");
  tolerant.walls.landlock = policy::WallStrength::kBestEffort;
  (void)launcher.start(tolerant, output.fds());
  CHECK(launcher.expectOfGuard<GuardDied>().why.starts_with("landlock: the warden is not in the domain"));
  CHECK(launcher.expect<Ended>().exit.signal == SIGKILL);
  launcher.send(Forget{tolerant.run});
  CHECK(launcher.runToEnd(shellPlan("true"), output.fds()).exit.code == 0);
}

TEST_CASE("a stem is gone once its run began without a warden, and one of a slot goes with its launcher") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  const Plan plan = shellPlan("while ! test -e go; do sleep 0.01; done");
  (void)launcher.start(plan, output.fds());
  CHECK(eventually([&] { return stemsBelow(launcher.pid()).empty(); }));
  (void)workspace.write("go", "");
  CHECK(launcher.expect<Ended>().exit.code == 0);
  launcher.send(Forget{plan.run});
  launcher.send(Prepare{RunId::random(), policy::PriorityClass::kInteractive});
  (void)launcher.expect<Prepared>();
  REQUIRE(eventually([&] { return stemsBelow(launcher.pid()).size() == 1; }));
  const std::vector<int> waiting = stemsBelow(launcher.pid());
  launcher.killAndRestart();
  CHECK(eventually([&] { return isGone(waiting.front()); }));
}

TEST_CASE(
    "stems are forked by a process that holds nothing of the launcher's, and another follows one that was killed") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  CHECK(launcher.runToEnd(shellPlan("true"), output.fds()).exit.code == 0);
  const std::vector<int> nurseries = childrenNamed("nursery", launcher.pid());
  REQUIRE(nurseries.size() == 1);
  CHECK(descriptorsOf(nurseries.front()) == std::vector<int>{0, 1, 2, 3});
  REQUIRE(::kill(nurseries.front(), SIGKILL) == 0);
  CHECK(launcher.runToEnd(shellPlan("true"), output.fds()).exit.code == 0);
  const std::vector<int> next = childrenNamed("nursery", launcher.pid());
  REQUIRE(next.size() == 1);
  CHECK(next != nurseries);
  CHECK(eventually([&] { return isGone(nurseries.front()); }));
  launcher.killAndRestart();
  CHECK(eventually([&] { return isGone(next.front()); }));
}

TEST_CASE("a stem and the first process of its run keep little memory, whatever their launcher has done before") {
  if (!hasStems()) SKIP("Landlock's scopes are not available");
  GuardedRun run(wardedPlan);
  const Workspace workspace;
  const OutputFile output(workspace);
  for (int i = 0; i < 10; ++i) {
    Plan plan = shellPlan("true");
    plan.run = RunId::random();
    CHECK(run.launcher.runToEnd(plan, output.fds()).exit.code == 0);
  }
  Plan lasting = wardedPlan("while ! test -e go; do sleep 0.01; done");
  lasting.run = RunId::random();
  const Built built = run.launcher.start(lasting, output.fds());
  const CgroupTree groups = run.launcher.groups();
  REQUIRE(eventually([&] { return stemsOf(groups, lasting).size() == 1; }));
  const int stem = stemsOf(groups, lasting).front();
  CHECK(privateKibibytes(stem) > 0);
  CHECK(eventually([&] { return privateKibibytes(stem) < 96; }));
  CHECK(eventually([&] { return privateKibibytes(built.initPid) < 320; }));
  (void)workspace.write("go", "");
  CHECK(run.launcher.expect<Ended>().exit.code == 0);
  CHECK(run.end().exit.code == 0);
}
