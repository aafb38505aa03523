#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/features.h"
#include "sandbox/kernel/run_owner.h"
#include "sdk/base/io.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using policy::PriorityClass;

namespace {

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

struct RealTree {
  UniqueFd root{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  KernelFeatures features = probeFeatures(root.get());
  CgroupTree tree =
      CgroupTree::open(features, "rf-test-" + std::to_string(getpid()), UniqueFd(dup(root.get()))).value();
  RunId run = RunId::random();

  RealTree() { REQUIRE(tree.createRun(run, PriorityClass::kBackground)); }
  ~RealTree() {
    (void)tree.kill(run, PriorityClass::kBackground);
    CHECK(eventually([&] { return tree.removeRun(run, PriorityClass::kBackground).has_value(); }));
    CHECK(tree.removeBranches());
  }
};

pid_t startSleeper() {
  const pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that fails ends before it.
    for (;;) pause();
  }
  return child;
}

// Takes a little more memory all the time: what a process had before it came into a group is not counted there.
pid_t startGrower() {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) {
      void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (page == MAP_FAILED) _exit(1);
      usleep(5000);
    }
  }
  return child;
}

}  // namespace

TEST_CASE("the kernel freezes, thaws and kills a run's group") {
  RealTree real;
  const pid_t child = startSleeper();
  REQUIRE(real.tree.join(real.run, PriorityClass::kBackground, child));
  CHECK(real.tree.processes(real.run, PriorityClass::kBackground).value() == std::vector<int>{child});
  REQUIRE(real.tree.freeze(real.run, PriorityClass::kBackground));
  CHECK(eventually([&] { return real.tree.isFrozen(real.run, PriorityClass::kBackground).value(); }));
  REQUIRE(real.tree.thaw(real.run, PriorityClass::kBackground));
  CHECK(eventually([&] { return !real.tree.isFrozen(real.run, PriorityClass::kBackground).value(); }));
  REQUIRE(real.tree.kill(real.run, PriorityClass::kBackground));
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(eventually([&] { return !real.tree.isPopulated(real.run, PriorityClass::kBackground).value(); }));
}

TEST_CASE("one write freezes, and one kills, the guard of a background run too, wherever its processor time is from") {
  RealTree real;
  REQUIRE(real.tree.createGuard(real.run, PriorityClass::kBackground, Leaf::kWarden, {}));
  const pid_t guard = startSleeper();
  REQUIRE(real.tree.join(real.run, PriorityClass::kBackground, guard, Leaf::kWarden));
  CHECK(real.tree.processes(real.run, PriorityClass::kBackground, Leaf::kWarden).value() == std::vector<int>{guard});
  const auto cpu = real.features.controllers.find("cpu");
  if (real.features.cpuIdle && cpu != real.features.controllers.end() && cpu->second.version == 1) {
    const auto groups = readFileAt(AT_FDCWD, "/proc/" + std::to_string(guard) + "/cgroup", kibibytes(16)).value();
    CHECK(groups.find("-guards/" + real.run.text() + "/warden\n") != std::string::npos);
  }
  CHECK_FALSE(real.tree.isFrozen(real.run, PriorityClass::kBackground, Leaf::kWarden).value());
  REQUIRE(real.tree.freeze(real.run, PriorityClass::kBackground));
  CHECK(eventually([&] { return real.tree.isFrozen(real.run, PriorityClass::kBackground).value(); }));
  REQUIRE(real.tree.kill(real.run, PriorityClass::kBackground));
  int status = 0;
  REQUIRE(waitpid(guard, &status, 0) == guard);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(real.tree.isFrozen(real.run, PriorityClass::kBackground, Leaf::kWarden).value());  // So would its successor be.
}

TEST_CASE("the kernel enforces the limits that were set, and counts what was used") {
  RealTree real;
  REQUIRE(real.tree.setLimits(real.run, PriorityClass::kBackground,
                              {.cpu = CpuPercent{100}, .memory = mebibytes(32), .pids = 4}));
  const pid_t child = fork();
  if (child == 0) {
    if (!real.tree.join(real.run, PriorityClass::kBackground, 0)) _exit(99);
    int forked = 0;
    while (forked < 50) {
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        for (;;) pause();
      }
      if (grandchild < 0) break;
      ++forked;
    }
    _exit(forked);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 3);
  const GroupUsage usage = real.tree.usage(real.run, PriorityClass::kBackground);
  CHECK(usage.pids == 3);
  CHECK(usage.memoryBytes.value_or(0) > 0);
  CHECK(usage.cpuUsec.has_value());
  CHECK(usage.outOfMemoryKills == 0);
}

TEST_CASE("memory and processes of an agent are counted in every layout, with a guard beside it and without one") {
  const bool guarded = GENERATE(false, true);
  RealTree real;
  if (guarded) REQUIRE(real.tree.createGuard(real.run, PriorityClass::kBackground, Leaf::kWarden, {}));
  const pid_t child = startGrower();
  REQUIRE(real.tree.join(real.run, PriorityClass::kBackground, child));
  const auto counted = [&](const char* controller, const char* first, const char* second) {
    const auto place = real.tree.agentPlace(real.run, PriorityClass::kBackground, controller);
    REQUIRE(place);
    return std::stoull(readFileAt(place->directory.get(), place->version == 1 ? first : second, kibibytes(4)).value());
  };
  CHECK(counted("pids", "pids.current", "pids.current") == 1);
  if (real.features.controllers.contains("memory"))
    CHECK(eventually([&] { return counted("memory", "memory.usage_in_bytes", "memory.current") > 0; }));
  REQUIRE(real.tree.kill(real.run, PriorityClass::kBackground));
  CHECK(waitpid(child, nullptr, 0) == child);
}

TEST_CASE("removing a run's group while processes are in it says busy") {
  RealTree real;
  const pid_t child = startSleeper();
  REQUIRE(real.tree.join(real.run, PriorityClass::kBackground, child));
  const auto busy = real.tree.removeRun(real.run, PriorityClass::kBackground);
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == ErrorCode::kBusy);
  REQUIRE(kill(child, SIGKILL) == 0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
}

TEST_CASE("the features of the running kernel are found by asking it") {
  const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const KernelFeatures features = probeFeatures(root.get());
  CHECK(features.seccompFilter);
  CHECK(features.seccompNotify);
  CHECK(features.seccompWaitKillable);
  CHECK_FALSE(features.listenerTaken);
  CHECK(features.seccompGetFilter);
  CHECK(features.pidfd);
  CHECK(features.cgroupFreeze);
  CHECK(features.cgroupKill);
  CHECK(features.cloneIntoCgroup);
  CHECK(features.userNamespaces);
  CHECK(features.idmappedMounts);
  CHECK(features.controllers.contains("memory"));
  CHECK_FALSE(features.release.empty());
}

TEST_CASE("what runs in the background branch keeps off processors, and gets them back, also what was there before") {
  const unsigned there = std::thread::hardware_concurrency();
  UniqueFd root{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const KernelFeatures features = probeFeatures(root.get());
  const auto tree = [&] {
    return CgroupTree::open(features, "rf-keep-" + std::to_string(getpid()), UniqueFd(dup(root.get())),
                            Processors::kReservable)
        .value();
  };
  CgroupTree first = tree();
  const RunId run = RunId::random(), other = RunId::random();
  REQUIRE(first.createRun(run, PriorityClass::kBackground));
  REQUIRE(first.createRun(other, PriorityClass::kInteractive));
  const pid_t agent = startSleeper(), beside = startSleeper();
  REQUIRE(first.join(run, PriorityClass::kBackground, agent));
  REQUIRE(first.join(other, PriorityClass::kInteractive, beside));
  const auto may = [](pid_t pid) {
    cpu_set_t set;
    REQUIRE(sched_getaffinity(pid, sizeof set, &set) == 0);
    return static_cast<unsigned>(CPU_COUNT(&set));
  };
  const unsigned kept = there > 1 ? 1 : 0;
  if (features.controllers.contains("cpuset")) {
    REQUIRE(first.reserveProcessors(1));
    CHECK(may(agent) == there - kept);
    CHECK(may(beside) == there);
    CHECK(may(getpid()) == there);
    // Another daemon finds it so, and what joins is kept off as well.
    CgroupTree second = tree();
    const RunId late = RunId::random();
    REQUIRE(second.createRun(late, PriorityClass::kBackground));
    const pid_t later = startSleeper();
    REQUIRE(second.join(late, PriorityClass::kBackground, later));
    CHECK(may(later) == there - kept);
    REQUIRE(second.reserveProcessors(100'000));
    CHECK(may(agent) == 1);
    REQUIRE(second.reserveProcessors(0));
    CHECK(may(agent) == there);
    CHECK(may(later) == there);
    REQUIRE(second.kill(late, PriorityClass::kBackground));
    waitpid(later, nullptr, 0);
    CHECK(eventually([&] { return second.removeRun(late, PriorityClass::kBackground).has_value(); }));
  } else {
    CHECK_FALSE(first.reserveProcessors(1));
    CHECK(first.reserveProcessors(0));
  }
  for (const auto& [id, priority] : {std::pair(run, PriorityClass::kBackground), {other, PriorityClass::kInteractive}})
    REQUIRE(first.kill(id, priority));
  for (const pid_t pid : {agent, beside}) waitpid(pid, nullptr, 0);
  for (const auto& [id, priority] : {std::pair(run, PriorityClass::kBackground), {other, PriorityClass::kInteractive}})
    CHECK(eventually([&, id = id, of = priority] { return first.removeRun(id, of).has_value(); }));
  CHECK(first.removeBranches());
}

TEST_CASE("a group says whose its run is, to whoever reads it, until it goes; one of the same name says nothing") {
  RealTree real;
  const std::string branch = real.features.unifiedMount + "/rf-test-" + std::to_string(getpid()) + "-background/";
  const auto owner = [&] {
    return readRunOwner(openAt(AT_FDCWD, branch + real.run.text(), O_RDONLY | O_DIRECTORY).value().get());
  };
  CHECK_FALSE(owner());
  REQUIRE(real.tree.setOwner(real.run, PriorityClass::kBackground, 1000));
  CHECK(owner() == 1000);
  REQUIRE(real.tree.setOwner(real.run, PriorityClass::kBackground, 0));
  CHECK(owner() == 0);
  REQUIRE(real.tree.removeRun(real.run, PriorityClass::kBackground));
  REQUIRE(real.tree.createRun(real.run, PriorityClass::kBackground));
  CHECK_FALSE(owner());
  CHECK_FALSE(real.tree.setOwner(RunId::random(), PriorityClass::kBackground, 1000));
}
