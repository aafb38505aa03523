// Leases of NPUs and GPUs are taken with the admission of a run and end with it.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core_world.h"

namespace ringfence::supervisor::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Kinds = std::vector<std::string_view>;

AdmitRun asking(unsigned number, std::uint32_t percent, std::vector<std::string> devices = {"npu"},
                const Peer& peer = kOwner) {
  AdmitRun command = admission(runId(number), peer, "agent" + std::to_string(number));
  command.terms.npu = AcceleratorShare{std::move(devices), percent};
  return command;
}

LauncherSaid ended(unsigned number) {
  return {sandbox::Ended{.run = runId(number), .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}};
}

std::string refusal(CoreWorld& world, const AdmitRun& command) {
  const auto refused = world.apply(command);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kBusy);
  return refused.error().message;
}

}  // namespace

TEST_CASE("a run takes the leases of its NPUs with its admission, and gives them back at its end") {
  CoreWorld world;
  const auto admitted = world.apply(asking(1, 50, {"one", "two"}));
  REQUIRE(admitted);
  CHECK(kindsOf(*admitted) == Kinds{"run-admitted", "lease-given", "lease-given"});
  CHECK(std::get<LeaseGiven>(admitted->facts[2].body) == LeaseGiven{"two", 50});
  const auto over = world.apply(ended(1));
  REQUIRE(over);
  CHECK(kindsOf(*over) == Kinds{"run-ended", "lease-ended", "lease-ended"});
  CHECK(std::get<LeaseEnded>(over->facts[1].body) == LeaseEnded{"one"});
}

TEST_CASE("a run whose launch fails gives back what it was given") {
  CoreWorld world;
  REQUIRE(world.apply(asking(1, 100)));
  const auto failed =
      world.apply(LauncherSaid{sandbox::LaunchFailed{.run = runId(1), .token = "mount", .message = ""}});
  REQUIRE(failed);
  CHECK(kindsOf(*failed) == Kinds{"run-refused", "lease-ended"});
  CHECK(world.apply(asking(2, 100)));
}

TEST_CASE("an NPU is leased to so many runs as their shares are no more than all of it") {
  CoreWorld world;
  REQUIRE(world.apply(asking(1, 60)));
  CHECK_THAT(refusal(world, asking(2, 41)),
             ContainsSubstring("the NPU npu is leased: r-0000000000000001 (agent1) has 60 %"));
  CHECK_THAT(refusal(world, asking(2, 41)), ContainsSubstring("this run's share of 41 %"));
  CHECK_FALSE(world.state.runs.contains(runId(2)));
  REQUIRE(world.apply(asking(2, 40)));
  CHECK_THAT(refusal(world, asking(3, 1)), ContainsSubstring("(agent2) has 40 %"));
  REQUIRE(world.apply(ended(1)));
  CHECK(world.apply(asking(3, 60)));
}

TEST_CASE("a lease is of one device, and a run without a share of any holds none") {
  CoreWorld world;
  REQUIRE(world.apply(asking(1, 100, {"one"})));
  REQUIRE(world.apply(asking(2, 100, {"two"})));
  CHECK_THAT(refusal(world, asking(3, 1, {"three", "two"})), ContainsSubstring("the NPU two is leased"));
  const auto plain = world.apply(admission(runId(4)));
  REQUIRE(plain);
  CHECK(kindsOf(*plain) == Kinds{"run-admitted"});
}

TEST_CASE("GPUs are leased beside NPUs, each up to all of itself") {
  CoreWorld world;
  AdmitRun both = asking(1, 100, {"one"});
  both.terms.gpu = AcceleratorShare{{"picture"}, 60};
  const auto admitted = world.apply(both);
  REQUIRE(admitted);
  CHECK(kindsOf(*admitted) == Kinds{"run-admitted", "lease-given", "lease-given"});
  CHECK(std::get<LeaseGiven>(admitted->facts[2].body) == LeaseGiven{"picture", 60});
  AdmitRun other = admission(runId(2), kOwner, "agent2");
  other.terms.gpu = AcceleratorShare{{"picture"}, 41};
  CHECK_THAT(refusal(world, other),
             ContainsSubstring("the GPU picture is leased: r-0000000000000001 (agent1) has 60 %"));
  CHECK_THAT(refusal(world, other), ContainsSubstring("with a smaller limits.gpu"));
  other.terms.gpu->percent = 40;
  REQUIRE(world.apply(other));
  const auto over = world.apply(ended(1));
  REQUIRE(over);
  CHECK(kindsOf(*over) == Kinds{"run-ended", "lease-ended", "lease-ended"});
}

TEST_CASE("nobody is told more of another user's run than that it holds the device") {
  CoreWorld world;
  REQUIRE(world.apply(asking(1, 70)));
  const std::string message = refusal(world, asking(2, 50, {"npu"}, kStranger));
  CHECK_THAT(message, ContainsSubstring("a run of another user has 70 %"));
  CHECK_THAT(message, !ContainsSubstring("agent1") && !ContainsSubstring("r-0000000000000001"));
}

TEST_CASE("a run that is held or asked to end still holds its lease, also after the state was stored and read again") {
  CoreWorld world;
  REQUIRE(world.apply(asking(1, 60)));
  REQUIRE(
      world.apply(LauncherSaid{sandbox::Built{.run = runId(1), .posture = {}, .notes = {}, .held = 0, .initPid = 9}}));
  REQUIRE(world.apply(LauncherSaid{sandbox::Started{runId(1), 10}}));
  REQUIRE(world.apply(FreezeRun{kOwner, runId(1), ""}));
  (void)refusal(world, asking(2, 50));
  REQUIRE(world.apply(StopRun{kOwner, runId(1), ""}));
  (void)refusal(world, asking(2, 50));
  const auto again = decodeState(encodeState(world.state));
  REQUIRE(again);
  world.state = *again;
  (void)refusal(world, asking(2, 50));
}

}  // namespace ringfence::supervisor::test
