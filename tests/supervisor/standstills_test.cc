#include "supervisor/standstills.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/features.h"

// With the groups of this kernel.
namespace ringfence::supervisor {
namespace {

using policy::PriorityClass;
using Order = Standstills::Order;

struct RealGroup {
  UniqueFd root{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  sandbox::KernelFeatures features = sandbox::probeFeatures(root.get());
  sandbox::CgroupTree tree =
      sandbox::CgroupTree::open(features, "rf-standstill-" + std::to_string(::getpid()), UniqueFd(::dup(root.get())))
          .value();
  RunId run = RunId::random();
  sandbox::CgroupTree::Place agent;
  pid_t child = -1;
  SystemClock clock;
  Standstills standstills{clock};

  RealGroup() {
    REQUIRE(tree.createRun(run, PriorityClass::kBackground));
    agent = tree.agentPlace(run, PriorityClass::kBackground, "").value();
    child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    const UniqueFd members(::openat(agent.directory.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    REQUIRE(::dprintf(members.get(), "%d", child) > 0);
    REQUIRE(standstills.fd() >= 0);
  }
  ~RealGroup() {
    (void)tree.kill(run, PriorityClass::kBackground);
    (void)::waitpid(child, nullptr, 0);
    bool isGone = false;
    for (int i = 0; i < 2000 && !isGone; ++i) {
      isGone = tree.removeRun(run, PriorityClass::kBackground).has_value();
      if (!isGone) ::usleep(5000);
    }
    CHECK(isGone);
    CHECK(tree.removeBranches());
  }
  void begin(Order order) { standstills.begin(run, order, agent.directory.get()); }
  bool isReadable(int timeoutMs) const {
    pollfd changes{standstills.fd(), POLLIN, 0};
    return ::poll(&changes, 1, timeoutMs) == 1;
  }
  // What the kernel told next, up to ten seconds from now.
  std::vector<Standstills::Taken> next() {
    std::vector<Standstills::Taken> taken;
    for (int i = 0; i < 100 && taken.empty(); ++i) {
      if (!isReadable(100)) continue;
      standstills.look();
      taken = standstills.take();
    }
    return taken;
  }
};

}  // namespace

TEST_CASE("a freeze, a thaw and a kill are told when the kernel has done them, with the time that they took") {
  RealGroup group;
  const auto check = [&](Order order) {
    const auto taken = group.next();
    REQUIRE(taken.size() == 1);
    CHECK(taken.front().run == group.run);
    CHECK(taken.front().order == order);
    CHECK(taken.front().time.count() > 0);
    CHECK(!group.isReadable(0));
  };
  group.begin(Order::kFreeze);
  CHECK(!group.isReadable(0));
  REQUIRE(group.tree.freeze(group.run, PriorityClass::kBackground, sandbox::CgroupTree::Held::kAgent));
  check(Order::kFreeze);
  group.begin(Order::kThaw);
  REQUIRE(group.tree.thaw(group.run, PriorityClass::kBackground));
  check(Order::kThaw);
  group.begin(Order::kKill);
  REQUIRE(group.tree.kill(group.run, PriorityClass::kBackground));
  check(Order::kKill);
}

TEST_CASE("what is so already is not told, and of two orders only the last") {
  RealGroup group;
  group.begin(Order::kThaw);
  CHECK(!group.isReadable(50));
  group.begin(Order::kFreeze);
  group.begin(Order::kKill);
  REQUIRE(group.tree.kill(group.run, PriorityClass::kBackground));
  const auto taken = group.next();
  REQUIRE(taken.size() == 1);
  CHECK(taken.front().order == Order::kKill);
}

TEST_CASE("a group that is taken away without a word is told of no more") {
  RealGroup group;
  group.begin(Order::kFreeze);
  REQUIRE(group.tree.kill(group.run, PriorityClass::kBackground));
  (void)::waitpid(group.child, nullptr, 0);
  bool isGone = false;
  for (int i = 0; i < 2000 && !isGone; ++i) {
    isGone = group.tree.removeRun(group.run, PriorityClass::kBackground).has_value();
    if (!isGone) ::usleep(5000);
  }
  REQUIRE(isGone);
  group.standstills.look();
  CHECK(group.standstills.take().empty());
  CHECK(!group.isReadable(50));
}

TEST_CASE("of a group that is about to be removed what is so by now counts") {
  RealGroup group;
  group.begin(Order::kKill);
  REQUIRE(group.tree.kill(group.run, PriorityClass::kBackground));
  REQUIRE(group.isReadable(10'000));
  group.standstills.forget(group.run);
  CHECK(group.standstills.take().size() == 1);
  group.begin(Order::kFreeze);
  group.standstills.forget(group.run);
  group.standstills.look();
  CHECK(group.standstills.take().empty());
}

}  // namespace ringfence::supervisor
