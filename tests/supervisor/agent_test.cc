// What agents tell of their own runs: facts that add up once, limits that come near, and the brake.
#include <catch2/catch_all.hpp>

#include "tests/supervisor/core_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::test;

namespace {

UsageReport report(const std::string& id, std::uint64_t in, std::uint64_t out, const std::string& model = "m") {
  return {id, {model, 1, in, out, std::nullopt, {}}};
}

RunId limited(CoreWorld& world, std::uint64_t tokens) {
  const RunId run = runId(77);
  AdmitRun admit = admission(run, kOwner, "limited");
  admit.terms.bounds = RunBounds{.tokens = tokens};
  RF_CHECK(world.apply(admit).has_value());
  RF_CHECK(world.apply(LauncherSaid{sandbox::Built{run, {}, {}, 0, 100}}).has_value());
  RF_CHECK(world.apply(LauncherSaid{sandbox::Started{run, 101}}).has_value());
  return run;
}

}  // namespace

TEST_CASE("reports add up, by model in their fact, and one that comes again counts once") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  CHECK_FALSE(tokensOf(world.run(run)));
  UsageReport priced = report("c", 5, 5, "large");
  priced.usage.costMicroUsd = 300;
  priced.usage.counters = {{"tool_calls", 2}};
  const auto first = world.apply(ReportUsage{run, {report("a", 10, 1), report("b", 20, 2), priced, report("a", 9, 9)}});
  REQUIRE(first);
  REQUIRE(kindsOf(*first) == std::vector<std::string_view>{"usage-reported"});
  const auto& fact = std::get<UsageReported>(first->facts[0].body);
  CHECK(fact.ids == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(fact.models.size() == 2);
  CHECK(fact.models[0] == ModelUsage{"m", 2, 30, 3, std::nullopt, {}});
  CHECK(fact.models[1] == ModelUsage{"large", 1, 5, 5, 300, {{"tool_calls", 2}}});
  const auto again = world.apply(ReportUsage{run, {report("b", 20, 2), report("a", 10, 1)}});
  REQUIRE(again);
  CHECK(again->facts.empty());
  CHECK(tokensOf(world.run(run)) == 43U);
  CHECK(world.run(run).reported->reports == 3);
  CHECK(world.run(run).reported->costMicroUsd == 300U);
}

TEST_CASE("which reports were counted is known after a restart, in bounded memory, and not of ended runs") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  for (std::size_t i = 0; i < kMaxReportIds + 10; ++i)
    REQUIRE(world.apply(ReportUsage{run, {report("u-" + std::to_string(i), 1, 0)}}));
  world.state = decodeState(encodeState(world.state)).value();
  CHECK(world.run(run).reported->recentIds.size() == kMaxReportIds);
  CHECK(world.apply(ReportUsage{run, {report("u-" + std::to_string(kMaxReportIds + 9), 1, 0)}})->facts.empty());
  CHECK(world.apply(ReportUsage{run, {report("u-10", 1, 0)}})->facts.empty());
  CHECK(tokensOf(world.run(run)) == kMaxReportIds + 10);
  REQUIRE(world.apply(LauncherSaid{sandbox::Ended{run, {.code = 0, .signal = {}}, false, {}}}));
  CHECK(world.run(run).reported->recentIds.empty());
  CHECK(tokensOf(world.run(run)) == kMaxReportIds + 10);
  CHECK_FALSE(world.apply(ReportUsage{run, {report("late", 1, 0)}}));
}

TEST_CASE("sums stop at the greatest number instead of beginning anew") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  REQUIRE(world.apply(ReportUsage{run, {report("a", most, 5), report("b", 5, most)}}));
  CHECK(tokensOf(world.run(run)) == most);
}

TEST_CASE("at four fifths of its tokens a run and its agent are warned, once") {
  CoreWorld world;
  const RunId run = limited(world, 1000);
  CHECK(world.apply(ReportUsage{run, {report("a", 700, 99)}})->facts.size() == 1);
  const auto near = world.apply(ReportUsage{run, {report("b", 1, 0)}});
  REQUIRE(near);
  REQUIRE(kindsOf(*near) == std::vector<std::string_view>{"usage-reported", "limit-reached"});
  CHECK(std::get<LimitReached>(near->facts[1].body) ==
        LimitReached{"tokens", "it has used 800 of 1000 tokens", LimitEdge::kSoft});
  const auto told = effectsOf<TellAgent>(*near);
  REQUIRE(told.size() == 1);
  CHECK(told[0].second.limit == "tokens");
  CHECK(world.apply(ReportUsage{run, {report("c", 1, 0)}})->facts.size() == 1);
}

TEST_CASE("an agent that pulls the brake is frozen without waiting for the disk, and only a person lets it go on") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  const auto stopped = world.apply(AgentStops{run, "wrong folder"});
  REQUIRE(stopped);
  const auto holds = effectsOf<FreezeGroup>(*stopped);
  REQUIRE(holds.size() == 1);
  CHECK(holds[0].first == 0);
  CHECK(holds[0].second.frozen);
  CHECK(std::get<RunFrozen>(stopped->facts[0].body) ==
        RunFrozen{1000, "its agent asked: wrong folder", std::nullopt, SelfHeld::kAgent});
  // Nothing that lets go by itself does.
  CHECK(world.apply(PreemptRun{.run = run, .step = PreemptStep::kResume, .cause = PreemptCause::kRelieved})
            ->facts.empty());
  REQUIRE(world.apply(RecordsFailed{false, "x"}));
  REQUIRE(world.apply(RecordsWork{}));
  CHECK(world.life(run) == "frozen");
  CHECK_FALSE(world.apply(ResumeRun{kStranger, run}));
  CHECK(world.apply(ResumeRun{kOwner, run}));
  CHECK(world.life(run) == "running");
  CHECK_FALSE(world.apply(AgentStops{runId(999), ""}));
}

TEST_CASE("a brake that is pulled while the governor holds the run outlasts that hold") {
  CoreWorld world;
  const RunId run = world.runIn("running");
  REQUIRE(world.apply(PreemptRun{.run = run, .step = PreemptStep::kFreeze, .cause = PreemptCause::kMemory}));
  REQUIRE(world.apply(AgentStops{run, "x"}));
  CHECK(world.apply(PreemptRun{.run = run, .step = PreemptStep::kResume, .cause = PreemptCause::kRelieved})
            ->facts.empty());
  CHECK(world.life(run) == "frozen");
  CHECK_FALSE(world.apply(AgentStops{run, "again"}));
}
