#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "sandbox/wire/codec.h"
#include "tests/sandbox/plan/plan_fixture.h"
#include "tests/support/golden.h"

namespace ringfence::sandbox {
namespace {

using test::kernelWith;
using test::sampleRequest;
using test::shippedPolicy;

Plan planFor(const std::string& profile, policy::IdentityKind identity, std::uint32_t abi) {
  policy::Document document = shippedPolicy(profile);
  document.identity = identity;
  auto plan = makePlan(document, sampleRequest(), kernelWith(abi));
  INFO((plan ? "" : plan.error().message));
  REQUIRE(plan);
  return *plan;
}

TEST_CASE("plans of the shipped profiles read as their reviewed goldens say") {
  for (const char* profile : {"coding", "readonly", "strict"}) {
    for (const bool own : {false, true}) {
      for (const std::uint32_t abi : {2U, 7U}) {
        const auto identity = own ? policy::IdentityKind::kOwn : policy::IdentityKind::kCaller;
        const std::string name = std::string(profile) + (own ? "-own" : "-caller") + "-abi" + std::to_string(abi);
        test::checkGolden("plan/" + name + ".txt", explain(planFor(profile, identity, abi)));
      }
    }
  }
}

TEST_CASE("a plan of a shipped profile fits into one packet with room to spare") {
  const Plan plan = planFor("coding", policy::IdentityKind::kOwn, 9);
  const auto packet = encodeBounded(LauncherRequest{Launch{plan}});
  REQUIRE(packet);
  CHECK(packet->size() < kMaxWirePacket.count / 2);
  const auto decoded = decodeRequest(*packet);
  REQUIRE(decoded);
  CHECK(explain(std::get<Launch>(*decoded).plan) == explain(plan));
}

TEST_CASE("equal requests have plans of one hash, whatever their run is called") {
  LaunchRequest second = sampleRequest();
  second.run = *RunId::parse("r-00000000000000b2");
  const policy::Document document = shippedPolicy("coding");
  const Plan one = makePlan(document, sampleRequest(), kernelWith(7)).value();
  const Plan two = makePlan(document, second, kernelWith(7)).value();
  CHECK(planHash(one) == planHash(two));
  CHECK(explain(one) != explain(two));
  second.command.push_back("-j2");
  CHECK(planHash(makePlan(document, second, kernelWith(7)).value()) != planHash(one));
}

}  // namespace
}  // namespace ringfence::sandbox
