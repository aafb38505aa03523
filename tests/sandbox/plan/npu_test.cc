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
  request.npuNodes = {{"/dev/accel/accel0", "/dev/accel/accel0"}};
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

  request.npuNodes.clear();
  const Plan nothing = planOf(document, request);
  CHECK(stepsOf<BindDevice>(nothing).size() == 6);
  CHECK(controls(nothing.landlock.inner) == terminals);
}

}  // namespace ringfence::sandbox
