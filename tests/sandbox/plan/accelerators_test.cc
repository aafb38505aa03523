#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>

#include "sandbox/plan/landlock_access.h"
#include "tests/sandbox/plan/plan_fixture.h"

namespace ringfence::sandbox {

using Catch::Matchers::ContainsSubstring;
using test::planOf;
using test::sampleRequest;
using test::smallPolicy;
using test::stepAt;
using test::stepsOf;

TEST_CASE("the NPUs of the machine are bound where the policy has a share of them, with their controls and no others") {
  LaunchRequest request = sampleRequest();
  request.npus.nodes = {{"/dev/accel/accel0", "/dev/accel/accel0"}};
  request.gpus.nodes = {{"/dev/dri/renderD128", "/dev/dri/renderD128"}};
  const auto controls = [](const std::vector<LandlockRule>& layer) {
    std::set<std::string> paths;
    for (const LandlockRule& one : layer) {
      if ((one.access & kLandlockIoctlDev) != 0) paths.insert(one.path);
    }
    return paths;
  };
  const std::set<std::string> terminals{"/dev/pts", "/dev/tty"};
  const Plan without = planOf(smallPolicy(), request);
  CHECK_FALSE(stepAt<BindDevice>(without, "/dev/accel/accel0"));
  CHECK(controls(without.landlock.inner) == terminals);

  policy::Document document = smallPolicy();
  document.limits.npu = CpuPercent{50};
  const Plan with = planOf(document, request);
  CHECK(stepAt<BindDevice>(with, "/dev/accel/accel0")->source == "/dev/accel/accel0");
  const std::set<std::string> all{"/dev/accel/accel0", "/dev/pts", "/dev/tty"};
  CHECK(controls(with.landlock.inner) == all);
  CHECK(controls(with.landlock.outer) == all);
  CHECK_THAT(stepAt<MakeFile>(with, "/run/ringfence/policy.json")->content, ContainsSubstring("\"npu_percent\":50"));

  request.npus.nodes.clear();
  const Plan nothing = planOf(document, request);
  CHECK(stepsOf<BindDevice>(nothing).size() == 6);
  CHECK(controls(nothing.landlock.inner) == terminals);
}

TEST_CASE("a GPU comes with what a driver's library looks up of it in /sys, and there is nothing else of /sys") {
  LaunchRequest request = sampleRequest();
  const std::string device = "/sys/dev/char/226:128/device/";
  request.gpus = {.nodes = {{"/dev/dri/renderD128", "/elsewhere/renderD128"}},
                  .texts = {{device + "vendor", "0x8086\n"}},
                  .links = {{device + "subsystem", "/sys/bus/pci"}}};
  request.npus.nodes = {{"/dev/accel/accel0", "/dev/accel/accel0"}};
  const auto hasSys = [](const Plan& plan) {
    return std::ranges::any_of(plan.landlock.inner, [](const LandlockRule& rule) { return rule.path == "/sys"; });
  };
  const Plan without = planOf(smallPolicy(), request);
  CHECK_FALSE(stepAt<MakeFile>(without, device + "vendor"));
  CHECK_FALSE(hasSys(without));

  policy::Document document = smallPolicy();
  document.limits.gpu = CpuPercent{50};
  const Plan with = planOf(document, request);
  CHECK(stepAt<BindDevice>(with, "/dev/dri/renderD128")->source == "/elsewhere/renderD128");
  CHECK_FALSE(stepAt<BindDevice>(with, "/dev/accel/accel0"));
  CHECK(stepAt<MakeFile>(with, device + "vendor")->content == "0x8086\n");
  CHECK(stepAt<MakeFile>(with, device + "vendor")->mode == 0444);
  CHECK(stepAt<MakeSymlink>(with, device + "subsystem")->content == "/sys/bus/pci");
  CHECK(hasSys(with));
  CHECK_THAT(stepAt<MakeFile>(with, "/run/ringfence/policy.json")->content, ContainsSubstring("\"gpu_percent\":50"));
}

}  // namespace ringfence::sandbox
