#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/paths.h"
#include "tests/sandbox/plan/plan_fixture.h"

namespace ringfence::sandbox {
namespace {

using test::errorOf;
using test::kernelWith;
using test::planOf;
using test::rule;
using test::sampleRequest;
using test::smallPolicy;

TEST_CASE("Landlock rights never exceed what the kernel's ABI knows") {
  for (std::uint32_t abi = 1; abi <= 9; ++abi) {
    const Landlock landlock = planOf(smallPolicy(), sampleRequest(), abi).landlock;
    CHECK(landlock.enabled);
    CHECK(landlock.handledFs == landlockRightsOf(abi));
    CHECK((landlock.scoped != 0) == (abi >= 6));
    for (const auto* layer : {&landlock.outer, &landlock.inner}) {
      for (const LandlockRule& entry : *layer) {
        CHECK(entry.access != 0);
        CHECK((entry.access & ~landlock.handledFs) == 0);
        CHECK((entry.access & (kLandlockMakeChar | kLandlockMakeBlock)) == 0);
      }
    }
  }
}

TEST_CASE("each canary can be read in one Landlock layer alone") {
  const Landlock landlock = planOf(smallPolicy()).landlock;
  const auto reads = [](const std::vector<LandlockRule>& layer, const std::string& path) {
    return std::any_of(layer.begin(), layer.end(), [&](const LandlockRule& entry) {
      return isWithin(path, entry.path) && (entry.access & kLandlockReadFile) != 0;
    });
  };
  CHECK(reads(landlock.outer, kInnerCanary));
  CHECK_FALSE(reads(landlock.inner, kInnerCanary));
  CHECK(reads(landlock.inner, kOuterCanary));
  CHECK_FALSE(reads(landlock.outer, kOuterCanary));
}

TEST_CASE("a Landlock rule is left out where a directory above has the same rights, and only there") {
  policy::Document document = smallPolicy();
  document.files.read = {rule("/usr"), rule("/usr/share"), rule("/etc/fonts"), rule("/opt"), rule("/optical")};
  const Landlock landlock = planOf(document).landlock;
  const auto has = [&](const char* path) {
    return std::ranges::any_of(landlock.inner, [&](const LandlockRule& entry) { return entry.path == path; });
  };
  for (const char* path : {"/usr", "/etc", "/opt", "/optical", "/dev", "/dev/tty", "/dev/pts", "/dev/shm"})
    CHECK(has(path));
  for (const char* path : {"/usr/share", "/etc/fonts", "/dev/null"}) CHECK_FALSE(has(path));
}

TEST_CASE("a required wall that the kernel cannot give is a refusal that begins with the wall's name") {
  struct Lack {
    const char* wall;
    void (*remove)(KernelFeatures&);
  };
  policy::Document document = smallPolicy();
  document.limits.memory = mebibytes(100);
  for (const auto& [wall, remove] : {Lack{"landlock: ", [](KernelFeatures& f) { f.landlockAbi = 0; }},
                                     {"seccomp: ", [](KernelFeatures& f) { f.seccompFilter = false; }},
                                     {"privileges: ", [](KernelFeatures& f) { f.userNamespaces = false; }},
                                     {"cgroup: ", [](KernelFeatures& f) { f.cgroupKill = false; }},
                                     {"limits: ", [](KernelFeatures& f) { f.controllers.erase("memory"); }}}) {
    KernelFeatures features = kernelWith(7);
    remove(features);
    const Error error = errorOf(document, sampleRequest(), features);
    CHECK(error.code == ErrorCode::kUnsupported);
    CHECK(error.message.starts_with(wall));
  }
}

TEST_CASE("a wall that is best effort or off is a weakening that is shown") {
  policy::Document document = smallPolicy();
  document.walls.landlock = policy::WallStrength::kBestEffort;
  const Plan plan = makePlan(document, sampleRequest(), kernelWith(0)).value();
  CHECK_FALSE(plan.landlock.enabled);
  CHECK(plan.walls.landlock == policy::WallStrength::kOff);
  REQUIRE(plan.weakened.size() == 1);
  CHECK(plan.weakened[0].wall == Wall::kLandlock);
  CHECK(planOf(document).weakened.size() == 1);
  CHECK(planOf(document).landlock.enabled);
  document.walls.landlock = policy::WallStrength::kOff;
  CHECK(planOf(document).weakened.size() == 1);
  CHECK_FALSE(planOf(document).landlock.enabled);
  CHECK(planOf(smallPolicy()).weakened.empty());
}

TEST_CASE("walls that carry the others cannot be switched off") {
  for (policy::WallStrength policy::Walls::*wall :
       {&policy::Walls::mount, &policy::Walls::pid, &policy::Walls::privileges}) {
    policy::Document document = smallPolicy();
    document.walls.*wall = policy::WallStrength::kOff;
    CHECK(errorOf(document, sampleRequest()).code == ErrorCode::kInvalid);
  }
}

TEST_CASE(
    "limits of the policy are limits of the plan, and a missing controller weakens only the limit it would hold") {
  policy::Document document = smallPolicy();
  document.limits = {.cpu = CpuPercent{150}, .memory = mebibytes(64), .pids = 20};
  const ResourceLimits limits = planOf(document).limits;
  CHECK(limits.cpu == CpuPercent{150});
  CHECK(limits.memory == mebibytes(64));
  CHECK(limits.pids == 20);
  document.walls.limits = policy::WallStrength::kBestEffort;
  KernelFeatures features = kernelWith(7);
  features.controllers.erase("memory");
  const Plan plan = makePlan(document, sampleRequest(), features).value();
  CHECK_FALSE(plan.limits.memory);
  CHECK(plan.limits.pids == 20);
  CHECK(plan.weakened.size() == 1);
}

TEST_CASE("every key that a shipped policy writes is listed with what enforces it") {
  const policy::Document document = test::shippedPolicy("coding");
  const Plan plan = planOf(document);
  for (const auto& [key, origin] : document.origins) {
    INFO(key);
    CHECK(std::any_of(plan.enforced.begin(), plan.enforced.end(), [&key = key](const EnforcedKey& entry) {
      return entry.key == key || entry.key.starts_with(key + " ") || entry.key.starts_with(key + ".");
    }));
  }
  for (const EnforcedKey& entry : plan.enforced) CHECK_FALSE(entry.mechanism.empty());
}

}  // namespace
}  // namespace ringfence::sandbox
