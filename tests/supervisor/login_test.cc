#include "supervisor/core/login.h"

#include <catch2/catch_test_macros.hpp>

#include "question_world.h"

namespace ringfence::supervisor::test {
namespace {

const LoginSession kSsh{.kind = "user", .state = "active", .onSeat = false, .remote = true};
const LoginSession kDesktop{.kind = "user", .state = "active", .onSeat = true, .remote = false};

Login login(const std::vector<LoginSession>& sessions, std::optional<std::uint32_t> owner = 1000) {
  return judgeLogin(1000, {.logindRuns = true, .owner = owner, .sessions = sessions});
}

Peer outside(Peer peer) {
  peer.login = Login::kAbsent;
  return peer;
}

bool isRefused(CoreWorld& world, const Command& command) {
  const auto answer = world.apply(command);
  return !answer && answer.error().code == ErrorCode::kDenied &&
         answer.error().message.find("login session") != std::string::npos;
}

}  // namespace

TEST_CASE("without logind nobody's sessions are known, and that is no refusal") {
  CHECK(judgeLogin(1000, {.logindRuns = false, .owner = {}, .sessions = {}}) == Login::kUnchecked);
}

TEST_CASE("a person is there whose own session or user manager asks, while a session of theirs is open") {
  CHECK(login({kSsh}) == Login::kPresent);
  CHECK(login({kDesktop}) == Login::kAtSeat);
  // The terminal multiplexer was started in one that is ending, and another one looks at it.
  LoginSession left = kSsh;
  left.state = "closing";
  CHECK(login({left, kSsh}) == Login::kPresent);
  // On the screen is somebody else just now.
  LoginSession behind = kDesktop;
  behind.state = "online";
  CHECK(login({behind}) == Login::kPresent);
  LoginSession forwarded = kDesktop;
  forwarded.remote = true;
  CHECK(login({forwarded}) == Login::kPresent);
}

TEST_CASE("a service, another user's session, and what lingers when its person is gone are nobody who is there") {
  CHECK(login({kDesktop}, std::nullopt) == Login::kAbsent);
  CHECK(login({kDesktop}, 1001) == Login::kAbsent);
  CHECK(login({}) == Login::kAbsent);
  for (const auto& [kind, state] :
       {std::pair("user", "closing"), std::pair("user", ""), std::pair("background", "active"),
        std::pair("greeter", "active"), std::pair("manager", "active"), std::pair("", "active")}) {
    CAPTURE(kind, state);
    CHECK(login({{.kind = kind, .state = state, .onSeat = true, .remote = false}}) == Login::kAbsent);
  }
}

TEST_CASE("resume, allow, rewrite and rearm take a person who is there; what restricts takes nobody") {
  QuestionWorld world;
  const RunId run = world.start(), other = world.start();
  REQUIRE(world.apply(FreezeRun{outside(kOwner), run, ""}));
  CHECK(isRefused(world, ResumeRun{outside(kOwner), run}));
  CHECK(isRefused(world, ResumeRun{outside(kAdmin), run}));
  CHECK(world.life(run) == "frozen");
  REQUIRE(world.apply(ResumeRun{kOwner, run}));

  const std::uint64_t question = world.ask(other, 1, "/home/ada/Documents/x");
  CHECK(isRefused(world, world.card(question, CardVerdict::kAllow, outside(kOwner))));
  AnswerCard elsewhere = world.card(question, CardVerdict::kRewrite, outside(kOwner));
  elsewhere.rewrite.path = "/home/ada/Documents/y";
  CHECK(isRefused(world, elsewhere));
  CHECK(world.state.questions.contains(question));
  REQUIRE(world.apply(world.card(question, CardVerdict::kDeny, outside(kOwner))));

  REQUIRE(world.apply(StopHeard{{.trigger = "keyboard", .uid = 1000}}));
  CHECK(isRefused(world, RearmStop{outside(kOwner)}));
  CHECK(isRefused(world, RearmStop{outside(kAdmin)}));
  REQUIRE(world.state.latch);
  CHECK_FALSE(world.state.latch->rearmedBy);
  // Who may not see a run learns nothing of it this way either.
  const auto hidden = world.apply(ResumeRun{outside(kStranger), run});
  REQUIRE_FALSE(hidden);
  CHECK(hidden.error().code == ErrorCode::kNotFound);
  REQUIRE(world.apply(RearmStop{outside(kRoot)}));
  REQUIRE(world.apply(KillRun{outside(kOwner), run, ""}));
}

TEST_CASE("keys that meet no run are re-armed by whoever sits at this machine") {
  CoreWorld world;
  REQUIRE(world.apply(StopHeard{{.trigger = "keys: press pause x3 within 2s", .uid = {}}}));
  Peer remote = kOwner, here = kOwner;
  remote.login = Login::kPresent;
  here.login = Login::kAtSeat;
  const auto refused = world.apply(RearmStop{remote});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kDenied);
  REQUIRE(world.apply(RearmStop{here}));
  REQUIRE(world.apply(LatchOpened{}));

  // Not what somebody with a name stopped, and not what met the run of another.
  REQUIRE(world.apply(StopHeard{{.trigger = "asked", .uid = 0}}));
  CHECK_FALSE(world.apply(RearmStop{here}));
  REQUIRE(world.apply(RearmStop{kRoot}));
  REQUIRE(world.apply(LatchOpened{}));
  world.runIn("running", sandbox::Stdio::kDescriptors, kStranger);
  REQUIRE(world.apply(StopHeard{{.trigger = "keys: press pause x3 within 2s", .uid = {}}}));
  CHECK_FALSE(world.apply(RearmStop{here}));
}

}  // namespace ringfence::supervisor::test
