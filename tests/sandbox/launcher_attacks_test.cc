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
