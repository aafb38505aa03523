#include "sandbox/kernel/cgroup.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "sandbox/kernel/mount_table.h"
#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using policy::PriorityClass;

namespace {

// Both layouts as real files in a directory: what the kernel would offer in each group is written by hand.
struct FakeHierarchies {
  test::TempDir dir;
  KernelFeatures features;
  RunId run = RunId::random();

  explicit FakeHierarchies(CgroupLayout layout) {
    features.layout = layout;
    features.unifiedMount = "/unified";
    features.cpuIdle = true;
    dir.write("unified/cgroup.subtree_control", "");
    for (const char* controller : {"memory", "cpu", "pids"}) {
      const std::string mount = layout == CgroupLayout::kHybrid ? std::string("/") + controller : "/unified";
      dir.makeDirectory(mount.substr(1));
      features.controllers[controller] = {layout == CgroupLayout::kHybrid ? 1 : 2, mount};
      dir.write(mount.substr(1) + "/rf-background/cpu.idle", "0");
      dir.write(mount.substr(1) + "/rf-background/cgroup.subtree_control", "");
      dir.write(mount.substr(1) + "/rf-interactive/cgroup.subtree_control", "");
      dir.write(mount.substr(1) + "/rf-guards/cpu.shares", "");
    }
  }

  CgroupTree open() {
    return CgroupTree::open(features, "rf", UniqueFd(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)))
        .value();
  }
  std::string groupOf(const std::string& mount) const { return mount + "/rf-background/" + run.text(); }
  std::string read(const std::string& path) const { return test::readFile(dir.path() + "/" + path); }
};

}  // namespace

TEST_CASE("limits go to the v1 files of a hybrid machine") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  CgroupTree tree = fake.open();
  CHECK(fake.read("cpu/rf-background/cpu.idle") == "1");
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  for (const char* file : {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"})
    fake.dir.write(fake.groupOf("memory") + "/" + file, "");
  fake.dir.write(fake.groupOf("cpu") + "/cpu.cfs_quota_us", "");
  fake.dir.write(fake.groupOf("pids") + "/pids.max", "");
  REQUIRE(tree.setLimits(fake.run, PriorityClass::kBackground,
                         {.cpu = CpuPercent{150}, .memory = mebibytes(64), .pids = 32}));
  CHECK(fake.read(fake.groupOf("memory") + "/memory.limit_in_bytes") == "67108864");
  CHECK(fake.read(fake.groupOf("memory") + "/memory.memsw.limit_in_bytes") == "67108864");
  CHECK(fake.read(fake.groupOf("cpu") + "/cpu.cfs_quota_us") == "150000");
  CHECK(fake.read(fake.groupOf("pids") + "/pids.max") == "32");
}

TEST_CASE("where nothing can be idle the background has the least weight, and where there is none it is known") {
  using Placement = CgroupTree::Placement;
  for (const CgroupLayout layout : {CgroupLayout::kHybrid, CgroupLayout::kUnified}) {
    const bool hybrid = layout == CgroupLayout::kHybrid;
    CAPTURE(hybrid);
    FakeHierarchies fake(layout);
    CHECK(fake.open().placement() == Placement::kIdle);
    const std::string branch = hybrid ? "cpu/rf-background/" : "unified/rf-background/";
    fake.dir.write(branch + "cpu.idle", "0");
    CHECK(fake.open().placement() == Placement::kIdle);
    fake.features.cpuIdle = false;
    std::filesystem::remove(fake.dir.path() + "/" + branch + "cpu.idle");
    CHECK(fake.open().placement() == Placement::kUnprotected);
    const std::string weight = branch + (hybrid ? "cpu.shares" : "cpu.weight");
    fake.dir.write(weight, "7");
    CgroupTree tree = fake.open();
    CHECK(fake.read(weight) == (hybrid ? "2" : "1"));
    CHECK(tree.placement() == Placement::kLeastWeight);
    fake.dir.write(weight, "9");  // somebody else's will
    CHECK(tree.placement() == Placement::kUnprotected);
    fake.features.controllers.erase("cpu");
    CHECK(fake.open().placement() == Placement::kIdleThreads);
  }
}

TEST_CASE("where the kernel counts memory of devices for groups, runs are counted, in both layouts") {
  for (const CgroupLayout layout : {CgroupLayout::kHybrid, CgroupLayout::kUnified}) {
    FakeHierarchies fake(layout);
    fake.features.controllers["dmem"] = {2, "/unified"};
    for (const char* branch : {"background", "interactive"})
      fake.dir.write(std::string("unified/rf-") + branch + "/cgroup.subtree_control", "");
    (void)fake.open();
    for (const char* group : {"unified", "unified/rf-background", "unified/rf-interactive"})
      CHECK(fake.read(std::string(group) + "/cgroup.subtree_control").ends_with("+dmem"));
  }
}

TEST_CASE("limits go to the v2 files of a unified machine, and swap is closed") {
  FakeHierarchies fake(CgroupLayout::kUnified);
  CgroupTree tree = fake.open();
  CHECK(fake.read("unified/cgroup.subtree_control") == "+memory +cpu +pids");
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  for (const char* file : {"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"}) {
    fake.dir.write(fake.groupOf("unified") + "/" + file, "");
  }
  REQUIRE(tree.setLimits(fake.run, PriorityClass::kBackground,
                         {.cpu = CpuPercent{150}, .memory = mebibytes(64), .pids = 32}));
  CHECK(fake.read(fake.groupOf("unified") + "/memory.max") == "67108864");
  CHECK(fake.read(fake.groupOf("unified") + "/memory.swap.max") == "0");
  CHECK(fake.read(fake.groupOf("unified") + "/memory.oom.group") == "1");
  CHECK(fake.read(fake.groupOf("unified") + "/cpu.max") == "150000 100000");
}

TEST_CASE("a limit of writing goes to every disk, on v1 where the processes are") {
  for (const int version : {1, 2}) {
    CAPTURE(version);
    FakeHierarchies fake(version == 1 ? CgroupLayout::kHybrid : CgroupLayout::kUnified);
    const std::string mount = version == 1 ? "blkio" : "unified";
    fake.dir.makeDirectory(mount);
    fake.features.controllers["io"] = {version, "/" + mount};
    fake.dir.write("sys/block/sda/dev", "8:0\n");
    fake.dir.write("sys/block/sda/size", "1000\n");
    fake.dir.write("sys/block/loop0/dev", "7:0\n");
    fake.dir.write("sys/block/loop0/size", "0\n");
    CgroupTree tree = fake.open();
    REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
    const std::string file =
        fake.groupOf(mount) + (version == 1 ? "/agent/blkio.throttle.write_bps_device" : "/io.max");
    fake.dir.write(file, "");
    REQUIRE(tree.setLimits(fake.run, PriorityClass::kBackground, {.ioWrite = mebibytes(2)}));
    CHECK(fake.read(file) == (version == 1 ? "8:0 2097152" : "8:0 wbps=2097152"));
    std::filesystem::remove(fake.dir.path() + "/" + file);
    CHECK_FALSE(tree.setLimits(fake.run, PriorityClass::kBackground, {.ioWrite = mebibytes(2)}));
  }
}

TEST_CASE("what the kernel counts when it holds a run at a limit is read where it counts it") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  CgroupTree tree = fake.open();
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  const auto unknown = tree.limitEvents(fake.run, PriorityClass::kBackground);
  CHECK_FALSE(unknown.pidsRefused);
  CHECK_FALSE(unknown.cpuPeriods);
  CHECK_FALSE(unknown.outOfMemoryKills);
  fake.dir.write(fake.groupOf("pids") + "/pids.events", "max 0\n");
  fake.dir.write(fake.groupOf("pids") + "/agent/pids.events", "max 4\n");
  fake.dir.write(fake.groupOf("cpu") + "/cpu.stat", "nr_periods 10\nnr_throttled 9\nthrottled_time 5\n");
  fake.dir.write(fake.groupOf("memory") + "/agent/memory.oom_control", "oom_kill 2\n");
  const auto events = tree.limitEvents(fake.run, PriorityClass::kBackground);
  CHECK(events.pidsRefused == 4);
  CHECK(events.cpuPeriods == 10);
  CHECK(events.cpuPeriodsHeld == 9);
  CHECK(events.outOfMemoryKills == 2);
}

TEST_CASE("a guard has a leaf beside the agent's, with limits of its own, and takes nothing of the agent's share") {
  for (const CgroupLayout layout : {CgroupLayout::kHybrid, CgroupLayout::kUnified}) {
    const bool hybrid = layout == CgroupLayout::kHybrid;
    CAPTURE(hybrid);
    FakeHierarchies fake(layout);
    CgroupTree tree = fake.open();
    REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
    const std::string memory = fake.groupOf(hybrid ? "memory" : "unified");
    const std::string pids = fake.groupOf(hybrid ? "pids" : "unified");
    fake.dir.write(fake.groupOf("unified") + "/cgroup.subtree_control", "");
    for (const char* leaf : {"/agent", "/warden"}) {
      for (const char* file : {"/memory.limit_in_bytes", "/memory.memsw.limit_in_bytes", "/memory.max",
                               "/memory.swap.max", "/memory.oom.group"})
        fake.dir.write(memory + leaf + file, "");
      fake.dir.write(pids + leaf + "/pids.max", "");
    }
    REQUIRE(
        tree.createGuard(fake.run, PriorityClass::kBackground, Leaf::kWarden, {.memory = mebibytes(64), .pids = 32}));
    REQUIRE(
        tree.setLimits(fake.run, PriorityClass::kBackground, {.memory = mebibytes(512), .pids = 100}, Guarded::kYes));
    const char* const limit = hybrid ? "/memory.limit_in_bytes" : "/memory.max";
    CHECK(fake.read(memory + "/warden" + limit) == "67108864");
    CHECK(fake.read(pids + "/warden/pids.max") == "32");
    CHECK(fake.read(memory + "/agent" + limit) == "536870912");
    CHECK(fake.read(pids + "/agent/pids.max") == "100");
    // The last of the two writes; the kernel adds each.
    CHECK(fake.read(fake.groupOf("unified") + "/cgroup.subtree_control").starts_with(hybrid ? "" : "+pids"));
  }
}

TEST_CASE("guards of a background run have processor time of their own where one write freezes them all the same") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  CgroupTree tree = fake.open();
  CHECK(fake.read("cpu/rf-guards/cpu.shares") == "51");
  const std::string own = "cpu/rf-guards/" + fake.run.text(), idle = fake.groupOf("cpu");
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  REQUIRE(tree.createGuard(fake.run, PriorityClass::kBackground, Leaf::kEgress, {}));
  fake.dir.write(own + "/egress/cgroup.procs", "");
  REQUIRE(tree.joinProcessor(fake.run, PriorityClass::kBackground, 42, Leaf::kEgress));
  CHECK(fake.read(own + "/egress/cgroup.procs") == "42");
  for (const char* mount : {"unified", "memory", "pids"})
    CHECK(std::filesystem::is_directory(fake.dir.path() + "/" + fake.groupOf(mount) + "/egress"));
  // A limit of the run is theirs too, apart and smaller.
  fake.dir.write(idle + "/cpu.cfs_quota_us", "-1");
  fake.dir.write(own + "/cpu.cfs_quota_us", "-1");
  REQUIRE(tree.setLimits(fake.run, PriorityClass::kBackground, {.cpu = CpuPercent{200}}, Guarded::kYes));
  CHECK(fake.read(idle + "/cpu.cfs_quota_us") == "200000");
  CHECK(fake.read(own + "/cpu.cfs_quota_us") == "50000");
  for (const char* file : {"/cpu.cfs_quota_us", "/egress/cgroup.procs"})
    std::filesystem::remove(fake.dir.path() + "/" + own + file);
  std::filesystem::remove(fake.dir.path() + "/" + idle + "/cpu.cfs_quota_us");
  REQUIRE(tree.removeRun(fake.run, PriorityClass::kBackground));
  CHECK_FALSE(std::filesystem::exists(fake.dir.path() + "/" + own));
}

TEST_CASE("guards of an interactive run, and those of a unified machine, are in their run's group") {
  const auto check = [](CgroupLayout layout, PriorityClass priority, const std::string& place) {
    FakeHierarchies fake(layout);
    CgroupTree tree = fake.open();
    REQUIRE(tree.createRun(fake.run, priority));
    fake.dir.write("unified" + place.substr(place.find('/')) + "/" + fake.run.text() + "/cgroup.subtree_control", "");
    REQUIRE(tree.createGuard(fake.run, priority, Leaf::kWarden, {}));
    CHECK(std::filesystem::is_directory(fake.dir.path() + "/" + place + "/" + fake.run.text() + "/warden"));
    CHECK_FALSE(std::filesystem::exists(fake.dir.path() + "/cpu/rf-guards/" + fake.run.text()));
  };
  check(CgroupLayout::kHybrid, PriorityClass::kInteractive, "cpu/rf-interactive");
  check(CgroupLayout::kUnified, PriorityClass::kInteractive, "unified/rf-interactive");
  check(CgroupLayout::kUnified, PriorityClass::kBackground, "unified/rf-background");
}

TEST_CASE("where no processor is kept a unified machine's agents have also those that come online later") {
  const auto given = [](CgroupLayout layout, const std::string& possible, std::size_t kept) {
    FakeHierarchies fake(layout);
    const bool hybrid = layout == CgroupLayout::kHybrid;
    const std::string mount = hybrid ? "cpuset" : "unified";
    fake.features.controllers["cpuset"] = {hybrid ? 1 : 2, "/" + mount};
    fake.dir.write(mount + (hybrid ? "/cpuset.cpus" : "/cpuset.cpus.effective"), "0-3\n");
    fake.dir.write(mount + "/rf-background/cpuset.cpus", "2-3\n");
    if (hybrid) {
      fake.dir.write("cpuset/cpuset.mems", "0\n");
      fake.dir.write("cpuset/rf-background/cpuset.mems", "0\n");
    }
    if (!possible.empty()) fake.dir.write("sys/devices/system/cpu/possible", possible);
    CgroupTree tree = fake.open();
    REQUIRE(tree.reserveProcessors(kept));
    std::string text = fake.read(mount + "/rf-background/cpuset.cpus");
    while (text.ends_with('\n')) text.pop_back();
    return text;
  };
  CHECK(given(CgroupLayout::kUnified, "0-7\n", 0) == "0-7");
  CHECK(given(CgroupLayout::kUnified, "", 0) == "0-3");
  CHECK(given(CgroupLayout::kUnified, "0-7\n", 1) == "1-3");
  // The first layout refuses what its parent does not have.
  CHECK(given(CgroupLayout::kHybrid, "0-7\n", 0) == "0-3");
}

TEST_CASE("a number that cannot be read is unknown, not zero") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  CgroupTree tree = fake.open();
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  CHECK_FALSE(tree.usage(fake.run, PriorityClass::kBackground).memoryBytes);
  fake.dir.write(fake.groupOf("memory") + "/memory.usage_in_bytes", "4096\n");
  fake.dir.write(fake.groupOf("memory") + "/agent/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  fake.dir.write(fake.groupOf("unified") + "/cpu.stat", "usage_usec 77\nuser_usec 70\n");
  const GroupUsage usage = tree.usage(fake.run, PriorityClass::kBackground);
  CHECK(usage.memoryBytes == 4096);
  CHECK(usage.outOfMemoryKills == 3);
  CHECK(usage.cpuUsec == 77);
  CHECK_FALSE(usage.ioReadBytes);
}

TEST_CASE("a limit without its controller is refused by name") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  fake.features.controllers.erase("memory");
  CgroupTree tree = fake.open();
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  const auto refused = tree.setLimits(fake.run, PriorityClass::kBackground, {.memory = mebibytes(64)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(refused.error().message.find("memory") != std::string::npos);
}

TEST_CASE("groups of a run are made once, listed, and removed with what is below them") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  CgroupTree tree = fake.open();
  REQUIRE(tree.createRun(fake.run, PriorityClass::kBackground));
  CHECK_FALSE(tree.createRun(fake.run, PriorityClass::kBackground));
  const auto listed = tree.list().value();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].run == fake.run);
  REQUIRE(tree.removeRun(fake.run, PriorityClass::kBackground));
  CHECK(tree.list().value().empty());
  CHECK(tree.removeRun(fake.run, PriorityClass::kBackground));
}

TEST_CASE("a control group root that could leave its place is refused") {
  FakeHierarchies fake(CgroupLayout::kHybrid);
  for (const char* name : {"", "../x", "a/b", "a b"}) {
    CHECK_FALSE(CgroupTree::open(fake.features, name, UniqueFd(::open(fake.dir.path().c_str(), O_PATH | O_CLOEXEC))));
  }
}

TEST_CASE("the mount table undoes octal escapes and leaves out broken lines") {
  const auto mounts = parseMountTable("tmpfs /a\\040b tmpfs rw,nosuid 0 0\nbroken\ncg /c cgroup rw,memory 0 0\n");
  REQUIRE(mounts.size() == 2);
  CHECK(mounts[0].target == "/a b");
  CHECK(mounts[1].options == std::vector<std::string>{"rw", "memory"});
}
