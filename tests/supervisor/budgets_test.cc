// Budgets as the core has them: what is used, when people are told, and what a person gives who lets a run go on.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "supervisor/core/budgets.h"
#include "supervisor/core/state.h"
#include "tests/supervisor/core_world.h"
#include "tests/supervisor/question_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::test;

namespace {

using Kinds = std::vector<std::string_view>;

UsageReport report(std::string id, std::uint64_t tokens, std::optional<std::uint64_t> cost = std::nullopt) {
  UsageReport one;
  one.id = std::move(id);
  one.usage.model = "m";
  one.usage.reports = 1;
  one.usage.inputTokens = tokens;
  one.usage.costMicroUsd = cost;
  return one;
}

RunId start(CoreWorld& world, unsigned number, const RunBounds& bounds, const Peer& peer = kOwner) {
  const RunId run = runId(number);
  AdmitRun admit = admission(run, peer, "budgeted-" + std::to_string(number));
  admit.terms.bounds = bounds;
  RF_CHECK(world.apply(admit).has_value());
  RF_CHECK(world.apply(LauncherSaid{sandbox::Built{run, {}, {}, 0, 100}}).has_value());
  RF_CHECK(world.apply(LauncherSaid{sandbox::Started{run, 101}}).has_value());
  return run;
}

Budget budget(const CoreWorld& world, const RunId& run, BudgetKind kind) {
  for (const Budget& one : budgetsOf(world.state, world.state.runs.at(run), world.context.now, world.context.today))
    if (one.kind == kind) return one;
  FAIL("no such budget");
  return {};
}

template <typename Fact>
std::vector<Fact> factsIn(const Decision& decision) {
  std::vector<Fact> found;
  for (const auto& fact : decision.facts)
    if (const auto* body = std::get_if<Fact>(&fact.body)) found.push_back(*body);
  return found;
}

Result<Decision> ask(CoreWorld& world, const RunId& run, std::uint64_t number) {
  return world.apply(AskRaised{{run, sandbox::GuardKind::kWarden}, askFor(number, "/f" + std::to_string(number)), "h"});
}

void pass(CoreWorld& world, std::chrono::seconds time) {
  world.context.now.boottime += time;
  world.context.today.passed += time;
}

std::vector<RunEnded> endOf(CoreWorld& world, const RunId& run) {
  return factsIn<RunEnded>(
      world.apply(LauncherSaid{sandbox::Ended{run, {.code = 0, .signal = {}}, false, {}}}).value());
}

void hold(CoreWorld& world, const RunId& run) {
  RF_CHECK(
      world.apply(PreemptRun{.run = run, .step = PreemptStep::kFreeze, .cause = PreemptCause::kLimit, .reason = "r"})
          .has_value());
}

}  // namespace

TEST_CASE("a person who resumes at the end of a budget gives as much again from what is used, as a fact") {
  CoreWorld world;
  RunBounds bounds;
  bounds.tokens = 1000;
  const RunId run = start(world, 50, bounds);
  REQUIRE(world.apply(ReportUsage{run, {report("a", 1200)}}));
  CHECK(isReached(budget(world, run, BudgetKind::kTokens)));
  hold(world, run);
  const auto resumed = world.apply(ResumeRun{kOwner, run});
  REQUIRE(resumed);
  CHECK(factsIn<BudgetExtended>(*resumed) ==
        std::vector<BudgetExtended>{{.limit = "tokens", .byUid = kOwner.uid, .more = 1000, .upTo = 2200}});
  CHECK(budget(world, run, BudgetKind::kTokens).edge == 2200);
  CHECK_FALSE(isReached(budget(world, run, BudgetKind::kTokens)));
  world.state = decodeState(encodeState(world.state)).value();
  CHECK(budget(world, run, BudgetKind::kTokens).edge == 2200);
  // It is told again near the new end, and held at it.
  CHECK(factsIn<LimitReached>(*world.apply(ReportUsage{run, {report("b", 799)}})).empty());
  CHECK(factsIn<LimitReached>(*world.apply(ReportUsage{run, {report("c", 1)}})).size() == 1);
  REQUIRE(world.apply(ReportUsage{run, {report("d", 200)}}));
  CHECK(isReached(budget(world, run, BudgetKind::kTokens)));
}

TEST_CASE("a person who resumes before the end of a budget gives nothing of it") {
  CoreWorld world;
  RunBounds bounds;
  bounds.tokens = 1000;
  bounds.prompts = 1;
  const RunId run = start(world, 50, bounds);
  REQUIRE(world.apply(ReportUsage{run, {report("a", 999)}}));
  REQUIRE(world.apply(FreezeRun{kOwner, run, "asked"}));
  CHECK(factsIn<BudgetExtended>(*world.apply(ResumeRun{kOwner, run})).empty());
}

TEST_CASE("a person who resumes what was held for something else gives nothing of a budget that is spent") {
  CoreWorld world;
  RunBounds bounds;
  bounds.tokens = 1000;
  const RunId run = start(world, 50, bounds);
  REQUIRE(world.apply(ReportUsage{run, {report("a", 1200)}}));
  REQUIRE(world.apply(FreezeRun{kOwner, run, "asked"}));
  CHECK(factsIn<BudgetExtended>(*world.apply(ResumeRun{kOwner, run})).empty());
  CHECK(isReached(budget(world, run, BudgetKind::kTokens)));
}

TEST_CASE("a budget of a day is of one user and one policy, and begins anew with the day") {
  CoreWorld world;
  world.context.today.day = "2026-03-30";
  RunBounds bounds;
  bounds.tokensPerDay = 1000;
  bounds.costPerDayMicroUsd = 5'000'000;
  const RunId first = start(world, 50, bounds), second = start(world, 51, bounds);
  const RunId foreign = start(world, 52, bounds, kStranger);
  REQUIRE(world.apply(ReportUsage{first, {report("a", 600, 1'000'000)}}));
  const auto near = world.apply(ReportUsage{second, {report("a", 300, 500'000)}});
  REQUIRE(near);
  REQUIRE(factsIn<LimitReached>(*near).size() == 1);
  CHECK(factsIn<LimitReached>(*near)[0] ==
        LimitReached{"tokens_per_day", "runs of its policy have used 900 of 1000 tokens today", LimitEdge::kSoft});
  CHECK(budget(world, second, BudgetKind::kTokensPerDay).used == 900U);
  CHECK(budget(world, first, BudgetKind::kCostPerDay).used == 1'500'000U);
  CHECK_FALSE(budget(world, foreign, BudgetKind::kTokensPerDay).used);

  REQUIRE(world.apply(LauncherSaid{sandbox::Ended{first, {.code = 0, .signal = {}}, false, {}}}));
  world.state = decodeState(encodeState(world.state)).value();
  REQUIRE(world.apply(ReportUsage{second, {report("b", 150)}}));
  hold(world, second);
  const auto resumed = world.apply(ResumeRun{kOwner, second});
  REQUIRE(resumed);
  REQUIRE(factsIn<BudgetExtended>(*resumed).size() == 1);
  CHECK(factsIn<BudgetExtended>(*resumed)[0].day == "2026-03-30");
  CHECK(budget(world, second, BudgetKind::kTokensPerDay).edge == 2050);
  const RunId third = start(world, 53, bounds);
  CHECK(budget(world, third, BudgetKind::kTokensPerDay).edge == 2050);

  world.context.today.day = "2026-03-31";
  CHECK(budget(world, third, BudgetKind::kTokensPerDay).edge == 1000);
  CHECK_FALSE(budget(world, third, BudgetKind::kTokensPerDay).used);
  world.context.today.day = "2026-03-30";  // A clock that is set back finds what was spent.
  CHECK(budget(world, third, BudgetKind::kTokensPerDay).used == 1050U);
}

TEST_CASE("what days cost is remembered in bounded memory, and nobody's policies push out another's") {
  CoreWorld world;
  RunBounds bounds;
  const RunId mine = start(world, 50, bounds), other = start(world, 51, bounds, kStranger);
  world.context.today.day = "2026-01-01";
  REQUIRE(world.apply(ReportUsage{other, {report("a", 7)}}));
  for (std::size_t i = 0; i < kMaxSpendingsPerUser + 5; ++i) {
    world.context.today.day = "day-" + std::to_string(i);
    REQUIRE(world.apply(ReportUsage{mine, {report(std::to_string(i), 1)}}));
  }
  CHECK(world.state.spendings.size() == kMaxSpendingsPerUser + 1);
  CHECK(findSpending(world.state, kStranger.uid, "coding", "2026-01-01") != nullptr);
  CHECK(findSpending(world.state, kOwner.uid, "coding", "day-0") == nullptr);
  CHECK(findSpending(world.state, kOwner.uid, "coding", "day-" + std::to_string(kMaxSpendingsPerUser + 4)) != nullptr);
}

TEST_CASE("what an agent reports and what its egress saw is not added up: the greater of both counts") {
  CoreWorld world;
  world.context.today.day = "2026-03-31";
  const RunId run = start(world, 50, RunBounds{});
  ModelUsage seen = report("", 300).usage;
  seen.estimatedMicroUsd = 30;
  REQUIRE(world.apply(CountAnswers{run, seen}));
  CHECK(tokensOf(world.state.runs.at(run)) == 300U);
  REQUIRE(world.apply(ReportUsage{run, {report("a", 250)}}));
  CHECK(tokensOf(world.state.runs.at(run)) == 300U);
  REQUIRE(world.apply(ReportUsage{run, {report("b", 100, 90)}}));
  const Spent spent = spentOf(world.state.runs.at(run));
  CHECK(spent.tokens == 350U);
  CHECK(spent.costMicroUsd == 90U);
  CHECK_FALSE(spent.estimated);
  CHECK(findSpending(world.state, kOwner.uid, "coding", "2026-03-31")->tokens == 350);
}

TEST_CASE("what an egress saw last counts when its run is over, and then warns of nothing and holds nobody") {
  CoreWorld world;
  world.context.today.day = "2026-03-31";
  RunBounds bounds;
  bounds.tokens = 100;
  const RunId run = start(world, 50, bounds);
  REQUIRE(world.apply(LauncherSaid{sandbox::Ended{run, {.code = 0}, false, {}, ""}, {}}));
  ModelUsage seen = report("", 300).usage;
  const auto told = world.apply(CountAnswers{run, seen});
  REQUIRE(told);
  CHECK(told->facts.size() == 1);
  CHECK(tokensOf(world.state.runs.at(run)) == 300U);
  CHECK(findSpending(world.state, kOwner.uid, "coding", "2026-03-31")->tokens == 300);
}

TEST_CASE("a cost that nobody knows is unknown, and one that is known in part is said to be incomplete") {
  CoreWorld world;
  const RunId run = start(world, 50, RunBounds{});
  UsageReport unpriced = report("a", 10);
  unpriced.usage.unpriced = 1;
  REQUIRE(world.apply(ReportUsage{run, {unpriced}}));
  CHECK_FALSE(spentOf(world.state.runs.at(run)).costMicroUsd);
  CHECK(spentOf(world.state.runs.at(run)).incomplete);
  UsageReport estimated = report("b", 10);
  estimated.usage.estimatedMicroUsd = 20;
  REQUIRE(world.apply(ReportUsage{run, {estimated, report("c", 1, 5)}}));
  const Spent spent = spentOf(world.state.runs.at(run));
  CHECK(spent.costMicroUsd == 25U);
  CHECK(spent.estimated);
  CHECK(spent.incomplete);
}

TEST_CASE("whoever asked as often as it may is denied and paused; resumed, it may ask as often again") {
  CoreWorld world;
  RunBounds bounds;
  bounds.prompts = 2;
  const RunId run = start(world, 50, bounds);
  const auto ask = [&](std::uint64_t number) {
    return world.apply(
        AskRaised{{run, sandbox::GuardKind::kWarden}, askFor(number, "/f" + std::to_string(number)), "h"});
  };
  CHECK(kindsOf(*ask(1)) == Kinds{"action-asked"});
  CHECK(kindsOf(*ask(2)) == Kinds{"action-asked", "limit-reached"});  // four fifths of two, in whole questions
  const auto beyond = ask(3);
  REQUIRE(beyond);
  CHECK(kindsOf(*beyond) == Kinds{"asks-refused", "run-frozen"});
  CHECK(factsIn<RunFrozen>(*beyond)[0].itself == SelfHeld::kPrompts);
  CHECK(lifeName(world.state.runs.at(run).life) == "frozen");
  const auto resumed = world.apply(ResumeRun{kOwner, run});
  REQUIRE(resumed);
  CHECK(factsIn<BudgetExtended>(*resumed) ==
        std::vector<BudgetExtended>{{.limit = "prompts", .byUid = kOwner.uid, .more = 2, .upTo = 4}});
  CHECK(kindsOf(*ask(4)).front() == "action-asked");
  CHECK(kindsOf(*ask(5)).front() == "action-asked");
  CHECK(kindsOf(*ask(6)) == Kinds{"asks-refused", "run-frozen"});
}

TEST_CASE(
    "questions beyond a budget are denied and nothing is held where the policy says deny, and end it where kill") {
  for (const bool kills : {false, true}) {
    CoreWorld world;
    RunBounds bounds;
    bounds.prompts = 1;
    bounds.kill = kills;
    if (!kills) bounds.denyPrompts = true;
    const RunId run = start(world, 50, bounds);
    REQUIRE(world.apply(AskRaised{{run, sandbox::GuardKind::kWarden}, askFor(1, "/f"), "h"}));
    const auto beyond = world.apply(AskRaised{{run, sandbox::GuardKind::kWarden}, askFor(2, "/g"), "h"});
    REQUIRE(beyond);
    CHECK(kindsOf(*beyond).front() == "asks-refused");
    CHECK(lifeName(world.state.runs.at(run).life) == (kills ? "stopping" : "running"));
  }
}

TEST_CASE("a run whose time a person made longer ends that much later") {
  CoreWorld world;
  RunBounds bounds;
  bounds.wallTimeSec = 60;
  const RunId run = start(world, 50, bounds);
  world.context.now.boottime += std::chrono::seconds(70);
  hold(world, run);
  REQUIRE(world.apply(ResumeRun{kOwner, run}));
  CHECK(budget(world, run, BudgetKind::kWallTime).edge == 130);
}

TEST_CASE("questions of a day are those of all runs of one user and policy, and hold whoever asks beyond") {
  CoreWorld world;
  world.context.today.day = "2026-03-30";
  RunBounds bounds;
  bounds.promptsPerDay = 2;
  const RunId first = start(world, 50, bounds), second = start(world, 51, bounds);
  const RunId foreign = start(world, 52, bounds, kStranger);
  CHECK(budget(world, first, BudgetKind::kPromptsPerDay).used == 0U);
  CHECK(kindsOf(*ask(world, first, 1)) == Kinds{"action-asked"});
  const auto near = ask(world, second, 2);
  REQUIRE(kindsOf(*near) == Kinds{"action-asked", "limit-reached"});
  CHECK(factsIn<LimitReached>(*near)[0] ==
        LimitReached{"prompts_per_day", "runs of its policy have asked 2 of 2 questions today", LimitEdge::kSoft});
  REQUIRE(endOf(world, second).size() == 1);
  world.state = decodeState(encodeState(world.state)).value();
  const auto beyond = ask(world, first, 3);
  REQUIRE(kindsOf(*beyond) == Kinds{"asks-refused", "run-frozen"});
  CHECK(factsIn<RunFrozen>(*beyond)[0].itself == SelfHeld::kPrompts);
  CHECK(factsIn<RunFrozen>(*beyond)[0].reason == "runs of its policy have asked 2 times today, as often as they may");
  CHECK(kindsOf(*ask(world, foreign, 4)).front() == "action-asked");

  const auto resumed = world.apply(ResumeRun{kOwner, first});
  REQUIRE(resumed);
  CHECK(factsIn<BudgetExtended>(*resumed) ==
        std::vector<BudgetExtended>{
            {.limit = "prompts_per_day", .byUid = kOwner.uid, .more = 2, .upTo = 4, .day = "2026-03-30"}});
  const RunId third = start(world, 53, bounds);
  CHECK(kindsOf(*ask(world, third, 5)).front() == "action-asked");
  CHECK(kindsOf(*ask(world, first, 6)).front() == "action-asked");
  CHECK(kindsOf(*ask(world, third, 7)) == Kinds{"asks-refused", "run-frozen"});

  world.context.today.day = "2026-03-31";
  CHECK(factsIn<BudgetExtended>(*world.apply(ResumeRun{kOwner, third})).empty());
  CHECK(budget(world, third, BudgetKind::kPromptsPerDay).edge == 2);
  CHECK(kindsOf(*ask(world, third, 8)).front() == "action-asked");
}

TEST_CASE("where nobody is there to be asked no question of a day is used") {
  CoreWorld world;
  world.context.today.day = "2026-03-30";
  AdmitRun admit = admission(runId(50));
  admit.terms.unattended = true;
  admit.terms.bounds = RunBounds{};
  admit.terms.bounds->promptsPerDay = 1;
  REQUIRE(world.apply(admit));
  REQUIRE(ask(world, runId(50), 1));
  REQUIRE(kindsOf(*ask(world, runId(50), 2)).front() == "action-asked");
  CHECK(budget(world, runId(50), BudgetKind::kPromptsPerDay).used == 0U);
}

TEST_CASE("the time of a day is that of each run of one user and policy, and begins anew with the day") {
  CoreWorld world;
  world.context.today = {"2026-03-30", std::chrono::hours(10)};
  RunBounds bounds;
  bounds.wallTimePerDaySec = 100;
  const RunId first = start(world, 50, bounds), second = start(world, 51, bounds);
  const RunId foreign = start(world, 52, bounds, kStranger);
  const auto used = [&](const RunId& run) { return budget(world, run, BudgetKind::kWallTimePerDay).used; };
  pass(world, std::chrono::seconds(30));
  CHECK(used(first) == 60U);
  CHECK(used(second) == 60U);
  CHECK(used(foreign) == 30U);
  const auto ended = endOf(world, second);
  REQUIRE(ended.size() == 1);
  REQUIRE(ended[0].ofDay);
  CHECK(ended[0].ofDay->day == "2026-03-30");
  CHECK(ended[0].ofDay->ms / 1000 == 30);
  world.state = decodeState(encodeState(world.state)).value();
  CHECK(used(first) == 60U);
  pass(world, std::chrono::seconds(45));
  CHECK(used(first) == 105U);

  hold(world, first);
  const auto resumed = world.apply(ResumeRun{kOwner, first});
  REQUIRE(resumed);
  CHECK(factsIn<BudgetExtended>(*resumed) ==
        std::vector<BudgetExtended>{
            {.limit = "wall_time_per_day", .byUid = kOwner.uid, .more = 100, .upTo = 205, .day = "2026-03-30"}});
  const RunId third = start(world, 53, bounds);
  CHECK(budget(world, third, BudgetKind::kWallTimePerDay).edge == 205);

  // Over midnight only what is of the new day counts for it.
  world.context.today = {"2026-03-31", std::chrono::seconds(4)};
  world.context.now.boottime += std::chrono::hours(20);
  CHECK(used(first) == 8U);
  CHECK(budget(world, third, BudgetKind::kWallTimePerDay).edge == 100);
  CHECK(endOf(world, first)[0].ofDay == DayTime{"2026-03-31", 4000});
  CHECK(used(third) == 8U);
  world.context.today = {"2026-03-30", std::chrono::hours(24)};  // A clock that is set back finds what was spent.
  CHECK(used(foreign) > 100U);
  CHECK(findSpending(world.state, kOwner.uid, "coding", "2026-03-30")->wallTimeMs.value() / 1000 == 30);
}

TEST_CASE("the time of a day is never less than nothing, and unknown where the day is") {
  CoreWorld world;
  RunBounds bounds;
  bounds.wallTimePerDaySec = 100;
  const RunId run = start(world, 50, bounds);
  CHECK_FALSE(budget(world, run, BudgetKind::kWallTimePerDay).used);
  world.context.today = {"2026-03-30", -std::chrono::seconds(5)};
  CHECK(budget(world, run, BudgetKind::kWallTimePerDay).used == 0U);
  world.context.today.passed = std::chrono::hours(1);
  world.context.now.boottime -= std::chrono::seconds(5);
  CHECK(budget(world, run, BudgetKind::kWallTimePerDay).used == 0U);
  world.context.today = {};
  CHECK_FALSE(endOf(world, run)[0].ofDay);
  CHECK(world.state.spendings.empty());
}

TEST_CASE("of a run that went down with the machine nobody says how long it lived that day") {
  CoreWorld world;
  world.context.today = {"2026-03-30", std::chrono::hours(10)};
  start(world, 50, RunBounds{});
  world.context.bootId = "boot-2";
  const auto began = world.apply(DaemonBegan{"1", "6"});
  REQUIRE(began);
  REQUIRE(factsIn<RunEnded>(*began).size() == 1);
  CHECK_FALSE(factsIn<RunEnded>(*began)[0].ofDay);
}

TEST_CASE("what a day has used is listed with the time of live runs, and what nobody told is unknown") {
  CoreWorld world;
  world.context.today = {"2026-03-30", std::chrono::hours(10)};
  const RunId ended = start(world, 50, RunBounds{}), live = start(world, 51, RunBounds{});
  start(world, 52, RunBounds{}, kStranger);
  REQUIRE(ask(world, ended, 1));
  pass(world, std::chrono::seconds(10));
  REQUIRE(endOf(world, ended).size() == 1);
  pass(world, std::chrono::seconds(10));
  auto all = spendingsOfDay(world.state, world.context.now, world.context.today);
  std::ranges::sort(all, {}, &DaySpending::uid);
  REQUIRE(all.size() == 2);
  CHECK(all[0].wallTimeMs.value() / 1000 == 30);
  CHECK(all[0].prompts == 1U);
  CHECK_FALSE(all[0].tokens);
  CHECK(all[1].wallTimeMs.value() / 1000 == 20);
  CHECK_FALSE(all[1].prompts);
  CHECK(all[1].day == "2026-03-30");
  world.context.today = {"2026-03-31", std::chrono::seconds(1)};
  CHECK(spendingsOfDay(world.state, world.context.now, world.context.today).size() == 2);
  REQUIRE(endOf(world, live).size() == 1);
}

TEST_CASE("what an earlier build kept of questions, ends and days is read, and says nothing of a day") {
  CoreWorld world;
  const RunId run = start(world, 50, RunBounds{});
  REQUIRE(ask(world, run, 1));
  REQUIRE(endOf(world, run).size() == 1);
  for (const Fact& fact : world.log) {
    CHECK(encodeFactBody(fact.body).find("day") == std::string::npos);
    CHECK(decodeFactBody(factKind(fact.body), encodeFactBody(fact.body)).value() == fact.body);
  }
  CHECK(world.state.spendings.empty());
  const std::string kept = R"({"day":"2026-03-30","estimated":false,"incomplete":false,"longer":[],"policy":"coding",)"
                           R"("tokens":0,"uid":1000})";
  std::string text = encodeState(world.state);
  const std::string none = R"("spendings":[])";
  REQUIRE(text.find(none) != std::string::npos);
  text.replace(text.find(none), none.size(), R"("spendings":[)" + kept + "]");
  const auto state = decodeState(text);
  REQUIRE(state);
  CHECK(state->spendings.at(0).tokens == 0U);
  CHECK_FALSE(state->spendings.at(0).wallTimeMs);
  CHECK(encodeState(*state) == text);
}
