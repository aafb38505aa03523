// What a waiting child built before it knew its run, and how the launcher asks a child that gives no answer.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "sandbox/kernel/posture.h"
#include "sandbox/kernel/root.h"
#include "sandbox/kernel/run_owner.h"
#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

template <typename Holds>
bool eventually(const Holds& holds) {
  for (int tries = 0; tries < 20'000; ++tries) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

ino_t mountNamespaceOf(int pid) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), &status) == 0 ? status.st_ino : 0;
}

struct Slot {
  RunId run = RunId::random();
  int pid = 0;
  ino_t mounts = 0;
};

// A child that has built ahead what the last plan asked for.
Slot prepareSlot(LauncherProcess& launcher) {
  Slot slot;
  launcher.send(Prepare{slot.run, policy::PriorityClass::kInteractive});
  (void)launcher.expect<Prepared>();
  slot.pid = launcher.groups().processes(slot.run, policy::PriorityClass::kInteractive).value().at(0);
  const std::string table = "/proc/" + std::to_string(slot.pid) + "/mountinfo";
  // Its root is the new one when no mount of the host is in sight any more.
  REQUIRE(eventually([&] {
    const std::string text = readFile(table);
    return text.find(" / /usr ") != std::string::npos || text.find(" /usr /usr ") != std::string::npos;
  }));
  REQUIRE(eventually([&] { return readFile(table).find(" /sys/fs/cgroup") == std::string::npos; }));
  slot.mounts = mountNamespaceOf(slot.pid);
  CHECK(slot.mounts != mountNamespaceOf(::getpid()));
  return slot;
}

struct SystemFile {
  std::string path = "/etc/ringfence-test-" + std::to_string(::getpid());
  explicit SystemFile(const std::string& text) { replace(text); }
  ~SystemFile() { (void)::unlink(path.c_str()); }
  void replace(const std::string& text) const {
    const UniqueFd file(::open((path + ".new").c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    REQUIRE(writeAll(file.get(), text, path));
    REQUIRE(::rename((path + ".new").c_str(), path.c_str()) == 0);
  }
};

Plan planWith(const std::string& script, const SystemFile& file) {
  Plan plan = shellPlan(script);
  plan.mounts.push_back(BindPath{.source = file.path, .target = file.path, .optional = true});
  return plan;
}

}  // namespace

TEST_CASE("a run takes over what its slot built ahead, and what the host replaced meanwhile is built anew") {
  LauncherProcess launcher;
  const Workspace workspace;
  const SystemFile file("first\n");
  const OutputFile output(workspace);
  (void)launcher.runToEnd(planWith("cat " + file.path, file), output.fds());

  Slot slot = prepareSlot(launcher);
  Plan plan = planWith("cat " + file.path, file);
  plan.run = slot.run;
  launcher.send(Launch{plan}, output.fds());
  CHECK(launcher.expect<Built>().initPid == slot.pid);
  CHECK(mountNamespaceOf(slot.pid) == slot.mounts);
  launcher.send(Release{plan.run});
  (void)launcher.expect<Started>();
  (void)launcher.expect<Ended>();
  CHECK(output.text() == "first\nfirst\n");

  slot = prepareSlot(launcher);
  file.replace("second\n");
  plan.run = slot.run;
  (void)launcher.start(plan, output.fds());
  (void)launcher.expect<Ended>();
  CHECK(output.text() == "first\nfirst\nsecond\n");
}

TEST_CASE("a release that comes before the walls were read begins the run when they were") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  for (const bool isWarm : {false, true}) {
    const Plan plan = shellPlan("echo early");
    if (isWarm) {
      launcher.send(Prepare{plan.run, plan.priority});
      (void)launcher.expect<Prepared>();
    }
    launcher.send(Launch{plan}, output.fds());
    launcher.send(Release{plan.run});
    (void)launcher.expect<Built>();
    (void)launcher.expect<Started>();
    CHECK(launcher.expect<Ended>().exit.code == 0);
    launcher.send(Forget{plan.run});
  }
  CHECK(output.text() == "early\nearly\n");
}

TEST_CASE("a launch that is abandoned after its release and before its walls were read never begins") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  for (const bool isWarm : {false, true}) {
    const Plan plan = shellPlan("echo ran");
    if (isWarm) {
      launcher.send(Prepare{plan.run, plan.priority});
      (void)launcher.expect<Prepared>();
    }
    REQUIRE(::kill(launcher.pid(), SIGSTOP) == 0);  // So that it finds all three at once.
    launcher.send(Launch{plan}, output.fds());
    launcher.send(Release{plan.run});
    launcher.send(Abandon{plan.run});
    REQUIRE(::kill(launcher.pid(), SIGCONT) == 0);
    CHECK(launcher.expect<LaunchFailed>().token == "abandoned");
    launcher.send(Forget{plan.run});
  }
  CHECK(output.text().empty());
}

TEST_CASE("what a daemon released and was not built when it went does not begin before the next one says so") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("echo ran");
  REQUIRE(::kill(launcher.pid(), SIGSTOP) == 0);  // So that it finds both and the end at once.
  launcher.send(Launch{plan}, output.fds());
  launcher.send(Release{plan.run});
  launcher.disconnect();
  REQUIRE(::kill(launcher.pid(), SIGCONT) == 0);
  launcher.connect();
  for (bool isBuilt = false; !isBuilt;) {
    launcher.send(Adopt{});
    for (Event event = launcher.next(); std::get_if<AdoptDone>(&event.event) == nullptr; event = launcher.next()) {
      const auto* kept = std::get_if<Kept>(&event.event);
      if (kept != nullptr) CHECK(kept->kept.state == KeptState::kBuilt);
      isBuilt = isBuilt || kept != nullptr;
    }
  }
  launcher.send(Abandon{plan.run});
  CHECK(launcher.expect<LaunchFailed>().token == "abandoned");
  CHECK(output.text().empty());
}

TEST_CASE("a release without a launch is none of the launch that follows") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Plan plan = shellPlan("echo ran");
  launcher.send(Prepare{plan.run, plan.priority});
  (void)launcher.expect<Prepared>();
  launcher.send(Release{plan.run});
  launcher.send(Launch{plan}, output.fds());
  const int init = launcher.expect<Built>().initPid;
  launcher.send(Abandon{plan.run});
  CHECK(launcher.expect<LaunchFailed>().token == "abandoned");
  CHECK(init > 0);
  CHECK(output.text().empty());
}

TEST_CASE("a file that was made ahead is made anew for a plan that wants something else in it") {
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  const auto planNamed = [](const std::string& name) {
    Plan plan = shellPlan("cat /etc/name /etc/all");
    plan.mounts.push_back(MakeFile{"/etc/name", name + "\n"});
    plan.mounts.push_back(MakeFile{"/etc/all", "the same\n"});
    return plan;
  };
  (void)launcher.runToEnd(planNamed("first"), output.fds());
  for (const char* name : {"first", "second"}) {
    const Slot slot = prepareSlot(launcher);
    Plan plan = planNamed(name);
    plan.run = slot.run;
    launcher.send(Launch{plan}, output.fds());
    CHECK(launcher.expect<Built>().initPid == slot.pid);
    CHECK(mountNamespaceOf(slot.pid) == slot.mounts);
    launcher.send(Release{plan.run});
    (void)launcher.expect<Started>();
    (void)launcher.expect<Ended>();
  }
  CHECK(output.text() == "first\nthe same\nfirst\nthe same\nsecond\nthe same\n");
}

TEST_CASE("a slot that was built ahead is as good for another policy and another caller") {
  LauncherProcess launcher;
  const Workspace workspace;
  const OutputFile output(workspace);
  (void)launcher.runToEnd(shellPlan("echo one"), output.fds());

  const Slot slot = prepareSlot(launcher);
  Plan plan = shellPlan("test -e /etc/passwd && test ! -e /proc/self/mountinfo.not && echo two");
  plan.run = slot.run;
  plan.identity.callerUid = 4242;
  std::erase_if(plan.mounts, [](const MountStep& step) {
    const auto* shared = std::get_if<MountTmpfs>(&step);
    return shared != nullptr && shared->target == "/tmp";
  });
  plan.mounts.push_back(MakeDirectory{"/tmp", 01777});
  CHECK(launcher.start(plan, output.fds()).initPid == slot.pid);
  (void)launcher.expect<Ended>();
  CHECK(output.text() == "one\ntwo\n");
}

TEST_CASE("steps that wait for the run are not overtaken where they meet") {
  const std::vector<MountStep> mounts{MountProc{"/proc"},
                                      BindDescriptor{kWorkspaceDescriptor, "/usr/src"},
                                      BindPath{.source = "/usr", .target = "/usr"},
                                      BindPath{.source = "/usr/src/x", .target = "/usr/src/x"},
                                      BindPath{.source = "/etc/ssl", .target = "/etc/ssl"},
                                      BindPath{.source = "/etc/fonts", .target = "/etc/fonts", .idmapped = true},
                                      BindPath{.source = "/media/disk", .target = "/media/disk"},
                                      MakeFile{.target = "/run/id", .content = "", .ownedByRun = true},
                                      MountTmpfs{.target = "/tmp", .ownedByRun = true},
                                      MakeFile{"/etc/hostname", "the same for every run\n"},
                                      MakeFile{"/tmp/file", "in what waits"}};
  CHECK(stepsAhead(mounts) == std::vector<std::size_t>{0, 4, 9});
}

TEST_CASE("the walk of a workspace ahead of its plan counts where the plan has nothing else in it or over it") {
  const MountStep proc = MountProc{"/proc"};
  const MountStep workspace = BindDescriptor{kWorkspaceDescriptor, "/home/me/x"};
  const MountStep glob = MaskPath{"/home/me/x", "**/.env*", MaskKind::kEmpty, 256, "p:1"};
  const MountStep name = MaskPath{"/home/me/x/.git/config", "", MaskKind::kReadOnly, 256, "p:2"};
  const MountStep inside = BindPath{.source = "/usr", .target = "/home/me/x/usr"};
  const MountStep above = MountTmpfs{.target = "/home"};
  const MountStep beside = MountTmpfs{.target = "/home/me/xx"};
  CHECK(isWorkspaceAlone({proc, above, workspace, beside, glob, name, inside}));
  CHECK(!isWorkspaceAlone({proc, workspace, inside, glob}));
  CHECK(!isWorkspaceAlone({inside, workspace, glob}));
  CHECK(!isWorkspaceAlone({workspace, above, glob}));
  CHECK(!isWorkspaceAlone({workspace, name, glob}));
  CHECK(!isWorkspaceAlone({glob, workspace}));
  CHECK(!isWorkspaceAlone({workspace, name}));
  CHECK(!isWorkspaceAlone({proc, glob}));
  CHECK(globsBelow({workspace, glob, name}, "/home/me/x") ==
        std::vector<GlobQuery>{{.pattern = "**/.env*", .maxMatches = 256, .hides = true}});
}

TEST_CASE("a workspace that was foretold is looked through ahead, and what comes instead of it is hidden as well") {
  LauncherProcess launcher;
  const Workspace workspace, other;
  const OutputFile output(workspace), otherOutput(other);
  Plan plan = shellPlan("cat .env deep/.env; ls -d deep/.env; echo end");
  plan.mounts.push_back(MaskPath{"/workspace", "**/.env*", MaskKind::kEmpty, 256, "p:1"});
  (void)launcher.runToEnd(plan, output.fds());
  workspace.write("deep/.env", "SECRET");
  other.write("deep/.env", "SECRET");
  const std::string deep = workspace.path() + "/deep";
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  REQUIRE(::inotify_add_watch(watch.get(), deep.c_str(), IN_OPEN) >= 0);

  const Slot slot = prepareSlot(launcher);
  const UniqueFd given(::open(workspace.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  launcher.send(Foretell{slot.run}, {given.get()});
  char event[4096];
  REQUIRE(eventually([&] { return ::read(watch.get(), event, sizeof event) > 0; }));
  plan.run = slot.run;
  const OutputFile* used = &output;
  SECTION("it comes at once") {}
  SECTION("another one comes") { used = &otherOutput; }
  SECTION("it comes later, with one secret more") {
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(eventually([&] { return std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(100); }));
    workspace.write(".env", "SECRET");
  }
  SECTION("the plan has a rule more") {
    plan.mounts.push_back(MaskPath{"/workspace", "*/made", MaskKind::kEmpty, 256, "p:2"});
    workspace.write("deep/made", "SECRET");
    plan.command.back() = "cat deep/made; echo end";
  }
  CHECK(launcher.start(plan, used->fds()).initPid == slot.pid);
  (void)launcher.expect<Ended>();
  CHECK(used->text().find("end") != std::string::npos);
  CHECK(used->text().find("SECRET") == std::string::npos);
}

TEST_CASE("a process that does not stop is asked for its filter without waiting for it") {
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    // The parent of a vfork sleeps, deaf to everything but its death, until its child is gone.
    ::close(gate[1]);
    char nothing = 0;
    if (::vfork() == 0) ::_exit(::read(gate[0], &nothing, 1) == 0 ? 0 : 1);
    for (;;) ::pause();
  }
  ::close(gate[0]);
  REQUIRE(eventually([&] {
    const std::string state = readFile("/proc/" + std::to_string(pid) + "/stat");
    return state.find(") D ") != std::string::npos;
  }));
  {
    const OwnView own = OwnView::read().value();
    auto reading = FilterReading::begin(pid);
    REQUIRE(reading);
    for (int i = 0; i < 100; ++i) CHECK(!reading->tryRead(own));
    ::close(gate[1]);
    std::optional<Result<BpfProgram>> filter;
    REQUIRE(eventually([&] { return (filter = reading->tryRead(own)).has_value(); }));
    CHECK(!*filter);  // It has none.
  }
  REQUIRE(::kill(pid, SIGKILL) == 0);
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
}

TEST_CASE("a background child is lifted out of the idle branch and put back into its groups") {
  LauncherProcess launcher;
  const auto kClass = policy::PriorityClass::kBackground;
  const RunId run = RunId::random();
  launcher.send(Prepare{run, kClass});
  (void)launcher.expect<Prepared>();
  CgroupTree groups = launcher.groups();
  const int pid = groups.processes(run, kClass).value().at(0);
  const std::string table = "/proc/" + std::to_string(pid) + "/cgroup";
  const std::string before = readFile(table);
  REQUIRE(groups.lift(run, pid, {.pids = 64}, 1000));
  if (kernelFeatures().controllers.contains("cpu"))
    CHECK(readFile(table).find(launcher.groupName() + "-interactive") != std::string::npos);
  REQUIRE(groups.lower(run, pid));
  CHECK(readFile(table) == before);
}

TEST_CASE("what was forked ahead is nobody's; from its launch on the group says whose the run is") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  for (const bool isWarm : {true, false}) {
    const Plan plan = shellPlan("exec sleep 1000");
    const auto owner = [&] {
      const UniqueFd leaf = launcher.groups().unifiedDirectory(plan.run, plan.priority).value();
      return readRunOwner(openAt(leaf.get(), "..", O_RDONLY | O_DIRECTORY).value().get());
    };
    if (isWarm) {
      launcher.send(Prepare{plan.run, plan.priority});
      (void)launcher.expect<Prepared>();
      CHECK_FALSE(owner());
    }
    CHECK(launcher.start(plan, output.fds()).notes.empty());
    CHECK(owner() == plan.identity.callerUid);
    REQUIRE(launcher.groups().kill(plan.run, plan.priority));
    (void)launcher.expect<Ended>();
  }
}
