// What a user with control over the workspace, the terminal and the directories around it tries on the launcher, which
// is root and serves everybody.
#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A directory of somebody else that the run is given for writing.
Plan planWithOther(const TempDir& other, const std::string& script) {
  Plan plan = shellPlan(script);
  plan.mounts.push_back(BindPath{.source = other.path(), .target = "/other", .access = Access::kReadWrite});
  plan.mounts.push_back(MaskPath{"/other/nologin", "", MaskKind::kReadOnly, 256, "p:1"});
  for (auto* rules : {&plan.landlock.outer, &plan.landlock.inner})
    rules->push_back({"/other", plan.landlock.handledFs});
  return plan;
}

}  // namespace

TEST_CASE("the place of a forbidden name is not held where the run may not make it") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const TempDir other;
  REQUIRE(::chmod(other.path().c_str(), 0755) == 0);
  (void)launcher.runToEnd(planWithOther(other, "ls -A /other; echo > /other/nologin; echo end"), output.fds());
  CHECK(!contains(output.text(), "nologin\n"));
  CHECK(contains(output.text(), "end"));
}

TEST_CASE("a held place belongs to the run, whoever owns its directory, and is gone at the end") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const TempDir other;
  REQUIRE(::chown(other.path().c_str(), 4321, 4321) == 0);
  REQUIRE(::chmod(other.path().c_str(), 0777) == 0);
  (void)launcher.runToEnd(planWithOther(other, "stat -c %u /other/nologin; rm /other/nologin; echo end"), output.fds());
  CHECK(contains(output.text(), "1000\n"));
  CHECK(::access((other.path() + "/nologin").c_str(), F_OK) != 0);
}

TEST_CASE("a directory that only its owner could open for writing is not left without its forbidden name held") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  workspace.write("closed/file", "");
  REQUIRE(::chmod((workspace.path() + "/closed").c_str(), 0555) == 0);
  Plan plan = shellPlan("true");
  plan.mounts.push_back(MaskPath{"/workspace/closed/.mcp.json", "", MaskKind::kReadOnly, 256, "coding.toml:12"});
  launcher.send(Launch{plan}, output.fds());
  const auto failed = launcher.expect<LaunchFailed>();
  CHECK(contains(failed.message, "coding.toml:12"));
}

TEST_CASE("a client that makes the terminal blocking cannot make the launcher wait") {
  LauncherProcess launcher;
  Workspace workspace;
  Plan plan = shellPlan("read line");
  plan.stdio = Stdio::kTerminal;
  (void)launcher.start(plan, {workspace.fd(), workspace.fd()});
  const UniqueFd master = std::move(launcher.lastFds()[2]);
  const UniqueFd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(slave);
  launcher.send(SetDraining{plan.run, true});
  REQUIRE(::write(master.get(), "word\n", 5) == 5);
  REQUIRE(::fcntl(master.get(), F_SETFL, 0) == 0);
  CHECK(launcher.expect<Ended>().exit.code == 0);
}

TEST_CASE("a folder cannot be moved to carry a hidden secret out of sight of the next run's masks") {
  LauncherProcess launcher;
  Workspace workspace;
  workspace.write("deep/down/.env", "TOKEN");
  OutputFile output(workspace);
  Plan plan = shellPlan("mv deep elsewhere || echo held; mv deep/down deep/elsewhere || echo held");
  plan.mounts.push_back(MaskPath{"/workspace", "**/.env*", MaskKind::kEmpty, 256, "p:1"});
  (void)launcher.runToEnd(plan, output.fds());
  CHECK(::access((workspace.path() + "/deep/down/.env").c_str(), F_OK) == 0);
  CHECK(contains(output.text(), "held\n"));
}

TEST_CASE("a file system of the kernel below a grant refuses the launch") {
  // Mounts of this process and of the launcher that it starts, and of nobody else.
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  for (const char* type : {"proc", "sysfs", "devpts"}) {
    CAPTURE(type);
    const std::string place = workspace.path() + "/inner";
    REQUIRE((::mkdir(place.c_str(), 0755) == 0 || errno == EEXIST));
    REQUIRE(::mount("none", place.c_str(), type, 0, nullptr) == 0);
    launcher.send(Launch{shellPlan("true")}, output.fds());
    const auto failed = launcher.expect<LaunchFailed>();
    CHECK(contains(failed.message, "/workspace/inner"));
    REQUIRE(::umount2(place.c_str(), MNT_DETACH) == 0);
  }
}

TEST_CASE("a run that takes all the inotify instances it can get leaves root and other runs theirs") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  Plan plan = shellPlan(
      "exec python3 -c '\nimport ctypes, os, time\nlibrary = ctypes.CDLL(None)\ncount = 0\n"
      "while library.inotify_init() >= 0: count += 1\nprint(count, flush=True)\n"
      "open(\"full\", \"w\")\nwhile not os.path.exists(\"go\"): time.sleep(0.01)'");
  plan.identity.accountUid = 77'123;
  (void)launcher.start(plan, output.fds());
  while (::access((workspace.path() + "/full").c_str(), F_OK) != 0) ::usleep(1000);
  const UniqueFd own(::inotify_init1(IN_CLOEXEC));
  CHECK(own);
  workspace.write("go", "");
  CHECK(launcher.expect<Ended>().exit.code == 0);
}
