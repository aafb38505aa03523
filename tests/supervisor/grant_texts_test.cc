// What a person reads before they allow something for longer, and where they may not allow anything at all.
#include <catch2/catch_test_macros.hpp>

#include "policy/load.h"
#include "question_world.h"
#include "sandbox/plan/display.h"

namespace ringfence::supervisor::test {
namespace {

TEST_CASE("what a grant would write is what a policy file holds, and says for whom") {
  QuestionWorld world;
  const RunId run = world.start();
  sandbox::Ask ask = askFor(1, "/usr/bin/git", policy::Operation::kExec);
  ask.action.action.argv = {"git", "push", "\"a\n\x1b\u202e"};
  world.raise(run, ask);
  const Question& question = world.state.questions.at(world.state.lastQuestion);
  const Run& asking = world.state.runs.at(run);
  for (const auto& [scope, place] : {std::pair(GrantScope::kRun, "until run " + run.text() + " ends"),
                                     std::pair(GrantScope::kProject, std::string("in the workspace \"")),
                                     std::pair(GrantScope::kAlways, std::string("in every run of uid 1000\n"))}) {
    const std::string text = policyTextOf(grantOf(asking, question, scope), run);
    CAPTURE(text);
    CHECK(text.find(place) != std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("\u202e") == std::string::npos);
    policy::Sources sources;
    sources.file = policy::SourceText{"grant.toml", "schema = 1\nname = \"granted\"\n" + text};
    const auto loaded = policy::load(sources, "granted");
    REQUIRE(std::holds_alternative<policy::Loaded>(loaded));
    const policy::Grant& granted = std::get<policy::Loaded>(loaded).document.grants.at(0);
    CHECK(granted.target == "/usr/bin/git");
    CHECK(granted.argv == ask.action.action.argv);
  }
}

TEST_CASE("while a live run of a person has their screen, they may allow nothing in a window") {
  QuestionWorld world;
  const auto start = [&](unsigned number, std::string reason) {
    const RunId run = runId(number);
    AdmitRun admit = admission(run);
    if (!reason.empty()) admit.plan.weakened = {{sandbox::Wall::kMount, std::move(reason)}};
    world.apply(admit).value();
    world.apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 100}})
        .value();
    world.apply(LauncherSaid{sandbox::Started{run, 101}}).value();
    return run;
  };
  start(1, "only best effort in the policy");
  CHECK_FALSE(whyNotInWindow(world.state, kOwner.uid));
  const RunId shown = start(2, std::string(sandbox::kDisplayGiven) + "the X11 socket /tmp/.X11-unix (a.toml:7)");
  const auto why = whyNotInWindow(world.state, kOwner.uid);
  REQUIRE(why);
  CHECK(why->find(shown.text()) != std::string::npos);
  CHECK(why->find("the X11 socket /tmp/.X11-unix (a.toml:7)") != std::string::npos);
  CHECK_FALSE(whyNotInWindow(world.state, kStranger.uid));
  world.apply(LauncherSaid{sandbox::Ended{.run = shown, .exit = {}, .outOfMemory = false, .usage = {}}}).value();
  CHECK_FALSE(whyNotInWindow(world.state, kOwner.uid));
}

}  // namespace
}  // namespace ringfence::supervisor::test
