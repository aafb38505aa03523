#include "sandbox/kernel/group_protection.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "sdk/base/run_id.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

constexpr char kGroup[] = "/user.slice/user-1000.slice/app.scope";

// The unified layout as files.
struct Machine {
  test::TempDir dir;
  UniqueFd root;
  KernelFeatures features;
  Machine() : root(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    features.unifiedMount = "/groups";
    for (const char* name : {"memory", "io"}) features.controllers[name] = {2, "/groups"};
  }
  void group(const std::string& path, const std::string& low, const std::string& weight) const {
    dir.makeDirectory("groups" + path);
    if (!low.empty()) dir.write("groups" + path + "/memory.low", low + "\n");
    if (!weight.empty()) dir.write("groups" + path + "/io.weight", "default " + weight + "\n8:0 70\n");
  }
  ProtectionPlan plan(const std::string& group = kGroup, Bytes memory = mebibytes(100)) const {
    return planProtection(root.get(), features, "0::" + group + "\n", memory);
  }
  std::string read(const std::string& path) const { return test::readFile(dir.path() + "/groups" + path); }
  std::string amountOf(const ProtectionPlan& of, const std::string& what) const {
    for (const auto& part : of.parts)
      if (part.what == what) return part.amount;
    return "absent";
  }
};

struct Ordinary : Machine {
  Ordinary() {
    group("/user.slice", "0", "100");
    group("/user.slice/user-1000.slice", "max", "900");
    group(kGroup, "4096", "100");
  }
};

}  // namespace

TEST_CASE("a group is protected on the whole way down to it, where less was there") {
  const Ordinary machine;
  const ProtectionPlan plan = machine.plan();
  CHECK(plan.group == kGroup);
  CHECK(plan.writes ==
        std::vector<ProtectionWrite>{{"groups/user.slice/memory.low", "", "0", "104857600"},
                                     {std::string("groups") + kGroup + "/memory.low", "", "4096", "104857600"},
                                     {"groups/user.slice/io.weight", "default", "100", "500"},
                                     {std::string("groups") + kGroup + "/io.weight", "default", "100", "500"}});
  CHECK(machine.amountOf(plan, "memory") == "100.0 MiB");
  CHECK(machine.amountOf(plan, "disk") == "weight 500");
  CHECK(machine.amountOf(plan, "video memory").empty());
}

TEST_CASE("nothing is written where a group on the way has no such number") {
  Ordinary machine;
  std::filesystem::remove(machine.dir.path() + "/groups/user.slice/memory.low");
  std::filesystem::remove(machine.dir.path() + "/groups" + kGroup + "/io.weight");
  const ProtectionPlan plan = machine.plan();
  CHECK(plan.writes.empty());
  for (const auto& part : plan.parts) {
    CHECK(part.amount.empty());
    CHECK_FALSE(part.why.empty());
  }
}

TEST_CASE("the root of the groups is never written to, and neither is what is above the daemon's own namespace") {
  const Ordinary machine;
  machine.group("/", "0", "100");
  for (const char* path : {"/", "/../x", "/user.slice/../.."}) {
    CAPTURE(path);
    const ProtectionPlan plan = machine.plan(path);
    CHECK(plan.writes.empty());
    for (const auto& part : plan.parts) CHECK_FALSE(part.why.empty());
  }
}

TEST_CASE("control groups of version 1 keep no memory, and give shares of the disk only where BFQ does") {
  Ordinary machine;
  machine.features.controllers = {{"memory", {1, "/memory"}}, {"io", {1, "/blkio"}}};
  machine.dir.write("blkio/mine/x", "");
  const std::string text = "4:memory:/mine\n3:blkio:/mine\n0::/\n";
  const auto plan = [&] { return planProtection(machine.root.get(), machine.features, text, mebibytes(100)); };
  CHECK(plan().writes.empty());
  machine.dir.write("blkio/mine/blkio.bfq.weight", "100\n");
  CHECK(plan().writes == std::vector<ProtectionWrite>{{"blkio/mine/blkio.bfq.weight", "", "100", "500"}});
  CHECK(machine.amountOf(plan(), "memory").empty());
}

TEST_CASE("video memory is kept for each device that has some") {
  const Ordinary machine;
  machine.dir.write("groups/dmem.capacity", "drm/0000:03:00.0/vram0 8514437120\ndrm/0000:03:00.0/stolen 0\n");
  for (const std::string group : {"/user.slice", "/user.slice/user-1000.slice", kGroup})
    machine.dir.write("groups" + group + "/dmem.low", "drm/0000:03:00.0/vram0 0\ndrm/0000:03:00.0/stolen 0\n");
  const ProtectionPlan plan = machine.plan();
  CHECK(machine.amountOf(plan, "video memory") == "all that it uses");
  REQUIRE(plan.writes.size() == 7);
  CHECK(plan.writes[4] == ProtectionWrite{"groups/user.slice/dmem.low", "drm/0000:03:00.0/vram0", "0", "8514437120"});
}

TEST_CASE("what was written is put back, and what somebody else changed since is left") {
  const Ordinary machine;
  machine.dir.write("groups/mine/memory.low", "0");
  machine.dir.write("groups/mine/io.weight", "default 100");
  const ProtectionWrite low{"groups/mine/memory.low", "", "0", "4"},
      weight{"groups/mine/io.weight", "default", "100", "500"};
  REQUIRE(writeProtection(machine.root.get(), low));
  REQUIRE(writeProtection(machine.root.get(), weight));
  CHECK(machine.read("/mine/memory.low") == "4");
  CHECK(machine.read("/mine/io.weight") == "default 500");
  REQUIRE(undoProtection(machine.root.get(), low));
  CHECK(machine.read("/mine/memory.low") == "0");
  machine.dir.write("groups/mine/io.weight", "default 700");
  REQUIRE(undoProtection(machine.root.get(), weight));
  CHECK(machine.read("/mine/io.weight") == "default 700");
  std::filesystem::remove_all(machine.dir.path() + "/groups/mine");
  CHECK(undoProtection(machine.root.get(), low));
}

TEST_CASE("groups of runs are known in every hierarchy, whoever's supervisor they are of") {
  const std::string run = RunId::random().text();
  CHECK(isGroupOfRun("0::/ringfence-background/" + run + "/agent\n"));
  CHECK(isGroupOfRun("4:memory:/other-interactive/" + run + "\n0::/\n"));
  CHECK(isGroupOfRun("2:cpu:/x-guards/" + run + "/warden\n0::/user.slice\n"));
  CHECK(isGroupOfRun("no line of that file"));
  CHECK_FALSE(isGroupOfRun("4:memory:/\n0::/user.slice/my-background/x\n"));
  CHECK_FALSE(isGroupOfRun("0::/photos-background/thumbnails\n"));
}

TEST_CASE("a group is a user's by its slice, its owner, or by the processes in it") {
  const Machine machine;
  const auto owner = [&](const std::string& path, std::uint32_t uid) {
    return checkGroupOwner(machine.root.get(), machine.features, "0::" + path + "\n", uid).has_value();
  };
  machine.group("/user.slice/user-1000.slice/x", "", "");
  CHECK(owner("/user.slice/user-1000.slice/x", 1000));
  CHECK_FALSE(owner("/user.slice/user-1000.slice/x", 1001));
  CHECK_FALSE(owner("/user.slice/user-1000.slice/x", 100));
  const auto process = [&](const std::string& pid, const std::string& uid) {
    machine.dir.write("proc/" + pid + "/status",
                      "Name:\tx\nUmask:\t0022\nState:\tS\nTgid:\t" + pid + "\nPid:\t" + pid + "\nPPid:\t1\n" +
                          "TracerPid:\t0\nUid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid + "\nGid:\t" + uid +
                          "\t" + uid + "\t" + uid + "\t" + uid + "\nGroups:\t\nNSpid:\t" + pid +
                          "\nThreads:\t1\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                          "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n"
                          "NoNewPrivs:\t0\nSeccomp:\t0\n");
  };
  process("5", "1000");
  process("6", "1001");
  machine.dir.write("groups/mine/cgroup.procs", "5\n");
  machine.dir.write("groups/shared/cgroup.procs", "5\n6\n");
  machine.dir.write("groups/empty/cgroup.procs", "");
  CHECK(owner("/mine", 1000));
  CHECK_FALSE(owner("/mine", 1001));
  CHECK_FALSE(owner("/shared", 1000));
  CHECK_FALSE(owner("/empty", 1000));
  CHECK_FALSE(owner("/absent", 1000));
  REQUIRE(::chown((machine.dir.path() + "/groups/shared").c_str(), ::geteuid() == 0 ? 1000 : ::geteuid(),
                  static_cast<gid_t>(-1)) == 0);
  CHECK(owner("/shared", ::geteuid() == 0 ? 1000 : ::geteuid()));
}
