#include <catch2/catch_test_macros.hpp>

#include "question_world.h"

namespace ringfence::supervisor::test {
namespace {

using sandbox::GuardKind;
using sandbox::Outcome;

TEST_CASE("an ask becomes a question, and its answer reaches the guard only after it is durable") {
  QuestionWorld world;
  const RunId run = world.start();
  const Decision asked = world.raise(run, askFor(7, "/home/ada/Documents/a"));
  CHECK(kindsOf(asked) == std::vector<std::string_view>{"action-asked"});
  CHECK(answersOf(asked).empty());
  REQUIRE(world.state.questions.size() == 1);
  const Question& question = world.state.questions.begin()->second;
  CHECK(question.what.deadline == world.context.now.monotonic + std::chrono::seconds(600));
  CHECK(question.what.digest.size() == 64);
  const std::uint64_t id = question.what.id;
  const Decision answered = world.apply(world.card(id, CardVerdict::kAllow)).value();
  const auto told = answersOf(answered);
  REQUIRE(told.size() == 1);
  CHECK(told[0].answer.ask == 7);
  CHECK(told[0].answer.outcome == Outcome::kAllowed);
  CHECK(told[0].afterSeq == answered.facts.back().seq);
  CHECK(world.state.questions.empty());
}

TEST_CASE("a question is answered once: a second answer is told what the first one was") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t denied = world.ask(run, 1, "/a");
  world.apply(world.card(denied, CardVerdict::kDeny)).value();
  const auto again = world.apply(world.card(denied, CardVerdict::kAllow));
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("answered already: denied by uid 1000") != std::string::npos);
  const std::uint64_t late = world.ask(run, 2, "/b");
  world.pass(std::chrono::seconds(600));
  const auto tooLate = world.apply(world.card(late, CardVerdict::kAllow));
  REQUIRE_FALSE(tooLate);
  CHECK(tooLate.error().message.find("expired") != std::string::npos);
}

TEST_CASE("an expired question is denied once, and nothing lasts of it") {
  QuestionWorld world;
  const RunId run = world.start({.home = "/home/ada", .resolved = "", .unattended = false, .promptTimeoutSec = 5});
  world.ask(run, 1, "/a");
  CHECK(world.apply(TimePassed{}).value().facts.empty());
  CHECK(nextDeadline(world.state, world.context.now).value() > world.context.now.boottime);
  world.pass(std::chrono::seconds(5));
  const auto told = answersOf(world.apply(TimePassed{}).value());
  REQUIRE(told.size() == 1);
  CHECK(told[0].answer.outcome == Outcome::kExpired);
  CHECK(world.apply(TimePassed{}).value().facts.empty());
  CHECK(world.state.grants.empty());
  CHECK_FALSE(nextDeadline(world.state, world.context.now));
}

TEST_CASE("only the owner and admins answer; for others the question does not exist") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/a");
  CHECK(world.apply(world.card(id, CardVerdict::kAllow, kStranger)).error().code == ErrorCode::kNotFound);
  CHECK(world.apply(world.card(id + 1, CardVerdict::kAllow, kStranger)).error().code == ErrorCode::kNotFound);
  CHECK(world.apply(world.card(id, CardVerdict::kAllow, kViewer)).error().code == ErrorCode::kDenied);
  CHECK(visibleCards(world.state, kStranger, {}).empty());
  CHECK(visibleCards(world.state, kViewer, {}).size() == 1);
  CHECK(world.apply(world.card(id, CardVerdict::kDeny, kAdmin)));
  CHECK_FALSE(whyClosed(world.state, kStranger, id));
}

TEST_CASE("an answer is for what the person saw: another digest is refused") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/a");
  AnswerCard answer = world.card(id, CardVerdict::kAllow);
  answer.digest = std::string(64, '0');
  CHECK(world.apply(answer).error().message.find("look again") != std::string::npos);
  answer.digest = world.state.questions.at(id).what.digest;
  CHECK(world.apply(answer));
}

TEST_CASE("the same thing asked again joins the open question, and one answer is for both") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/a");
  CHECK(kindsOf(world.raise(run, askFor(2, "/a"))) == std::vector<std::string_view>{"ask-joined"});
  CHECK(world.raise(run, askFor(1, "/a")).facts.empty());
  CHECK(world.raise(run, askFor(2, "/a")).facts.empty());
  CHECK(world.state.lastQuestion == id);
  CHECK(answersOf(world.apply(world.card(id, CardVerdict::kDeny)).value()).size() == 2);
  // The same thing once more is a new question.
  CHECK(world.ask(run, 3, "/a") == id + 1);
}

TEST_CASE("one of two that wait may leave; with the last the question is withdrawn") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/a");
  world.raise(run, askFor(2, "/a"));
  world.apply(AskWithdrawn{{run, GuardKind::kWarden}, {1, "a signal came"}}).value();
  REQUIRE(world.state.questions.contains(id));
  // Another guard's number is not this one's.
  CHECK(world.apply(AskWithdrawn{{run, GuardKind::kEgress}, {2, ""}}).value().facts.empty());
  const Decision last = world.apply(AskWithdrawn{{run, GuardKind::kWarden}, {2, "it died"}}).value();
  CHECK(kindsOf(last) == std::vector<std::string_view>{"action-answered"});
  CHECK(answersOf(last).empty());
  CHECK(world.apply(world.card(id, CardVerdict::kAllow)).error().message.find("withdrawn") != std::string::npos);
}

TEST_CASE("an ask that has its answer gets the same again, until its guard says how it went") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/a");
  AnswerCard answer = world.card(id, CardVerdict::kDeny);
  answer.say = "not that one";
  world.apply(answer).value();
  const Decision again = world.raise(run, askFor(1, "/a"));
  CHECK(again.facts.empty());
  const auto told = answersOf(again);
  REQUIRE(told.size() == 1);
  CHECK(told[0].answer.outcome == Outcome::kDenied);
  CHECK(told[0].answer.say == "not that one");
  CHECK(told[0].afterSeq == world.state.lastSeq);
  const Decision performed = world.apply(AskPerformed{{run, GuardKind::kWarden}, {1, 0, "done"}}).value();
  CHECK(kindsOf(performed) == std::vector<std::string_view>{"action-performed"});
  CHECK(world.run(run).talk.answered.empty());
  CHECK(world.apply(AskPerformed{{run, GuardKind::kWarden}, {1, 0, "done"}}).value().facts.empty());
}

TEST_CASE("a run has at most ten open questions; the rest is refused with a reason, and then the run is frozen") {
  QuestionWorld world;
  const RunId run = world.start();
  for (unsigned i = 1; i <= 10; ++i) world.ask(run, i, "/a" + std::to_string(i));
  const sandbox::Ask more = askFor(11, "/a11");
  REQUIRE(whyRefused(world.state, world.run(run), GuardKind::kWarden, more, world.context));
  // What joins one or is one already is not too many.
  CHECK_FALSE(whyRefused(world.state, world.run(run), GuardKind::kWarden, askFor(12, "/a1"), world.context));
  CHECK_FALSE(whyRefused(world.state, world.run(run), GuardKind::kWarden, askFor(3, "/other"), world.context));
  const Decision refused = world.raise(run, more);
  CHECK(kindsOf(refused) == std::vector<std::string_view>{"asks-refused"});
  REQUIRE(answersOf(refused).size() == 1);
  CHECK(answersOf(refused)[0].answer.outcome == Outcome::kDenied);
  CHECK(answersOf(refused)[0].answer.say.find("too many questions") != std::string::npos);
  CHECK(world.state.questions.size() == 10);
  AsksOverflowed flood{{run, GuardKind::kWarden}, {}};
  for (unsigned i = 100; i < 100 + kMaxRefusedAsks; ++i) flood.asks.push_back(askFor(i, "/x" + std::to_string(i)));
  const Decision frozen = world.apply(flood).value();
  CHECK(kindsOf(frozen) == std::vector<std::string_view>{"asks-refused", "run-frozen"});
  CHECK(answersOf(frozen).size() == kMaxRefusedAsks);
  CHECK(effectsOf<FreezeGroup>(frozen).size() == 1);
  CHECK(world.life(run) == "frozen");
  CHECK(world.state.questions.size() == 10);
  world.apply(ResumeRun{kOwner, run}).value();
  CHECK(world.run(run).talk.refused == 0);
}

TEST_CASE("questions of all runs together are bounded") {
  QuestionWorld world;
  for (unsigned i = 0; i < 30; ++i) {
    const RunId run = world.start({}, Peer{.uid = 1000 + i % 5});
    for (unsigned k = 1; k <= 10; ++k) world.raise(run, askFor(k, "/a" + std::to_string(k)));
  }
  CHECK(world.state.questions.size() == kMaxOpenQuestions);
}

TEST_CASE("the questions of one user keep nobody else from asking") {
  QuestionWorld world;
  for (unsigned i = 0; i < 30; ++i) {
    const RunId run = world.start();
    for (unsigned k = 1; k <= 10; ++k) world.raise(run, askFor(k, "/a" + std::to_string(k)));
  }
  CHECK(world.state.questions.size() == kMaxOpenQuestionsPerUser);
  const RunId other = world.start({}, kStranger);
  world.raise(other, askFor(1, "/b"));
  CHECK(world.state.questions.size() == kMaxOpenQuestionsPerUser + 1);
  CHECK(world.life(other) == "running");
}

TEST_CASE("what comes faster than the policy lets it ask is one card with one answer") {
  QuestionWorld world;
  const RunId run =
      world.start({.home = "", .resolved = "", .unattended = false, .promptTimeoutSec = 600, .promptPerMinute = 2});
  for (unsigned i = 1; i <= 5; ++i) world.ask(run, i, "/a" + std::to_string(i));
  auto cards = visibleCards(world.state, kOwner, run);
  REQUIRE(cards.size() == 3);
  CHECK(cards[2].size() == 3);
  const std::string before = digestOf(cards[2]);
  world.ask(run, 6, "/a6");
  AnswerCard answer = world.card(cards[2].front()->what.id, CardVerdict::kAllow);
  answer.digest = before;
  CHECK_FALSE(world.apply(answer));  // One more is on it than was seen.
  const std::string now = digestOf(visibleCards(world.state, kOwner, run)[2]);
  answer.digest = now.substr(0, 8);
  CHECK_FALSE(world.apply(answer));
  answer.digest = now.substr(0, 16);
  const auto told = answersOf(world.apply(answer).value());
  CHECK(told.size() == 4);
  CHECK(world.state.questions.size() == 2);
  world.pass(std::chrono::minutes(1));
  world.ask(run, 7, "/a7");
  CHECK(world.state.questions.rbegin()->second.what.batch == 0);
}

TEST_CASE("an answer that does not say which card it saw allows the one question alone, and a no is for the card") {
  QuestionWorld world;
  const RunId run =
      world.start({.home = "", .resolved = "", .unattended = false, .promptTimeoutSec = 600, .promptPerMinute = 1});
  for (unsigned i = 1; i <= 4; ++i) world.ask(run, i, "/a" + std::to_string(i));
  const auto leader = [&] { return visibleCards(world.state, kOwner, run).back().front()->what.id; };
  CHECK(answersOf(world.apply(world.card(leader(), CardVerdict::kAllow)).value()).size() == 1);
  CHECK(world.state.questions.size() == 3);
  CHECK(answersOf(world.apply(world.card(leader(), CardVerdict::kDeny)).value()).size() == 2);
}

TEST_CASE("a run that nobody attends is told at once that nobody is there, however much it asks") {
  QuestionWorld world;
  const RunId run = world.start({.home = "", .resolved = "", .unattended = true});
  const Decision asked = world.raise(run, askFor(1, "/a"));
  CHECK(kindsOf(asked) == std::vector<std::string_view>{"action-asked", "action-answered"});
  REQUIRE(answersOf(asked).size() == 1);
  CHECK(answersOf(asked)[0].answer.outcome == Outcome::kExpired);
  CHECK(answersOf(asked)[0].answer.say == "nobody is there");
  CHECK(world.state.questions.empty());
  for (unsigned i = 2; i <= 10; ++i) world.raise(run, askFor(i, "/a"));
  const Decision counted = world.raise(run, askFor(11, "/a"));
  CHECK(kindsOf(counted) == std::vector<std::string_view>{"asks-refused"});
  CHECK(answersOf(counted)[0].answer.outcome == Outcome::kExpired);
}

TEST_CASE("whatever ends a run settles its questions; a freeze does not") {
  QuestionWorld world;
  for (const std::string how : {"stop", "kill", "end", "reboot", "freeze"}) {
    CAPTURE(how);
    const RunId run = world.start();
    const std::uint64_t id = world.ask(run, 1, "/a");
    if (how == "stop") {
      // The signal says what becomes of the call that waits; a new one is refused.
      CHECK(answersOf(world.apply(StopRun{kOwner, run, ""}).value()).empty());
      CHECK(answersOf(world.raise(run, askFor(2, "/b")))[0].answer.outcome == Outcome::kStopped);
      const auto told = answersOf(world.apply(KillRun{kOwner, run, ""}).value());
      REQUIRE(told.size() == 1);
      CHECK(told[0].answer.outcome == Outcome::kStopped);
    }
    if (how == "kill") world.apply(KillRun{kOwner, run, ""}).value();
    if (how == "end")
      world
          .apply(LauncherSaid{
              sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}})
          .value();
    if (how == "reboot") {
      world.context.bootId = "boot-2";
      world.apply(DaemonBegan{"1", "6"}).value();
      world.apply(LauncherConnected{.pid = 7, .kept = {}}).value();
    }
    if (how == "freeze") world.apply(FreezeRun{kOwner, run, ""}).value();
    CHECK(world.state.questions.contains(id) == (how == "freeze"));
  }
}

// ---- grants

TEST_CASE("what is allowed for longer becomes a grant with its text, in force for those it is for") {
  QuestionWorld world;
  const RunId run = world.start(), other = world.start(), strange = world.start({}, kStranger);
  const auto at = [&] { return GrantsAt{world.context.now, world.context.bootId, world.state.lastSeq}; };
  AnswerCard answer = world.card(world.ask(run, 1, "/home/ada/Documents"), CardVerdict::kAllow);
  answer.scope = GrantScope::kRun;
  const Decision issued = world.apply(answer).value();
  CHECK(kindsOf(issued) == std::vector<std::string_view>{"grant-issued", "action-answered"});
  REQUIRE(effectsOf<SendRules>(issued).size() == 1);
  CHECK(effectsOf<SendRules>(issued)[0].first == issued.facts[0].seq);
  CHECK(effectsOf<SendRules>(issued)[0].second.run == run);
  answer = world.card(world.ask(run, 2, "/home/ada/Music"), CardVerdict::kAllow);
  answer.scope = GrantScope::kProject;
  CHECK(effectsOf<SendRules>(world.apply(answer).value()).size() == 2);
  answer = world.card(world.ask(run, 3, "/home/ada/Videos \"x\""), CardVerdict::kAllow);
  answer.scope = GrantScope::kAlways;
  answer.duration = std::chrono::seconds(60);
  world.apply(answer).value();
  CHECK(grantsFor(world.state, at(), run, 1000, "/home/ada/project").size() == 3);
  CHECK(grantsFor(world.state, at(), other, 1000, "/home/ada/project").size() == 2);
  CHECK(grantsFor(world.state, at(), {}, 1000, "/elsewhere").size() == 1);
  CHECK(grantsFor(world.state, at(), strange, 1001, "/home/ada/project").empty());
  const std::string text = world.state.grants.at(3).what.policyText;
  INFO(text);
  CHECK(text.find("[[grant]]") != std::string::npos);
  CHECK(text.find("target = \"/home/ada/Videos \\\"x\\\"\"") != std::string::npos);
  CHECK(text.find("until = \"") != std::string::npos);
  CHECK(text.find("# in force in every run of uid 1000\n") != std::string::npos);
  // Not yet durable: not yet in force.
  GrantsAt early = at();
  early.durableSeq = world.state.grants.at(2).seq;
  CHECK(grantsFor(world.state, early, run, 1000, "/home/ada/project").size() == 2);
}

TEST_CASE("a grant ends on either clock, and after a reboot into the past") {
  QuestionWorld world;
  const RunId run = world.start();
  AnswerCard answer = world.card(world.ask(run, 1, "/d"), CardVerdict::kAllow);
  answer.scope = GrantScope::kAlways;
  answer.duration = std::chrono::seconds(60);
  world.apply(answer).value();
  const StandingGrant grant = world.state.grants.at(1);
  Now now = world.context.now;
  CHECK_FALSE(whyEnded(grant, now, "boot-1"));
  now.boottime += std::chrono::seconds(60);
  CHECK(whyEnded(grant, now, "boot-1"));        // the wall clock stood still
  CHECK_FALSE(whyEnded(grant, now, "boot-2"));  // of another boot, its boottime says nothing
  now = world.context.now;
  now.wall += std::chrono::seconds(60);
  CHECK(whyEnded(grant, now, "boot-1"));
  now.wall = grant.issuedAt.wall - Microseconds(1);
  CHECK(whyEnded(grant, now, "boot-2"));
  world.pass(std::chrono::seconds(61));
  const Decision expired = world.apply(TimePassed{}).value();
  CHECK(kindsOf(expired) == std::vector<std::string_view>{"grant-expired"});
  REQUIRE(effectsOf<SendRules>(expired).size() == 1);
  CHECK(effectsOf<SendRules>(expired)[0].first == 0);
  CHECK(world.state.grants.empty());
  REQUIRE(world.state.endedGrants.size() == 1);
  CHECK(world.state.endedGrants[0].why == "its time was over");
  CHECK_FALSE(world.state.endedGrants[0].byUid);
}

TEST_CASE("a grant is revoked by its owner at once; for a stranger it does not exist") {
  QuestionWorld world;
  const RunId run = world.start();
  AnswerCard answer = world.card(world.ask(run, 1, "/d"), CardVerdict::kAllow);
  answer.scope = GrantScope::kAlways;
  world.apply(answer).value();
  CHECK(world.apply(RevokeGrant{kStranger, 1}).error().code == ErrorCode::kNotFound);
  CHECK(world.apply(RevokeGrant{kViewer, 1}).error().code == ErrorCode::kDenied);
  const Decision revoked = world.apply(RevokeGrant{kOwner, 1}).value();
  REQUIRE(effectsOf<SendRules>(revoked).size() == 1);
  CHECK(effectsOf<SendRules>(revoked)[0].first == 0);
  CHECK(world.apply(RevokeGrant{kOwner, 1}).error().code == ErrorCode::kNotFound);
  REQUIRE(world.state.endedGrants.size() == 1);
  CHECK(world.state.endedGrants[0].grant.what.target == "/d");
  CHECK(world.state.endedGrants[0].byUid == kOwner.uid);
  const auto decoded = decodeState(encodeState(world.state));
  REQUIRE(decoded);
  CHECK(decoded->endedGrants.size() == 1);
}

TEST_CASE("of grants that ended the last are kept, and those of a run end with it") {
  QuestionWorld world;
  const RunId run = world.start();
  AnswerCard answer = world.card(world.ask(run, 1, "/d"), CardVerdict::kAllow);
  answer.scope = GrantScope::kRun;
  world.apply(answer).value();
  State state =
      evolve(world.state, {.seq = world.state.lastSeq + 1, .run = run, .at = {}, .bootId = "b", .body = RunEnded{}});
  CHECK(state.grants.empty());
  REQUIRE(state.endedGrants.size() == 1);
  CHECK(state.endedGrants[0].why == "its run ended");
  for (std::uint64_t id = 100; id < 100 + kMaxEndedGrants + 5; ++id) {
    GrantIssued issued;
    issued.id = id;
    const std::uint64_t seq = state.lastSeq + 1;
    state = evolve(std::move(state), {.seq = seq, .run = {}, .at = {}, .bootId = "b", .body = issued});
    const GrantRevoked revoked{id, 0, 7};
    state = evolve(std::move(state), {.seq = seq + 1, .run = {}, .at = {}, .bootId = "b", .body = revoked});
  }
  CHECK(state.endedGrants.size() == kMaxEndedGrants);
  CHECK(state.endedGrants.back().grant.what.id == 100 + kMaxEndedGrants + 4);
}

TEST_CASE("what a person could not see whole, or what would be everything, is allowed once alone") {
  QuestionWorld world;
  const RunId run = world.start();
  const auto lasting = [&](const sandbox::Ask& ask) {
    world.raise(run, ask);
    AnswerCard answer = world.card(world.state.lastQuestion, CardVerdict::kAllow);
    answer.scope = GrantScope::kAlways;
    const bool given = world.apply(answer).has_value();
    world.apply(world.card(answer.id, CardVerdict::kDeny)).has_value();
    return given;
  };
  CHECK(lasting(askFor(1, "/d")));
  CHECK_FALSE(lasting(askFor(2, "/")));
  CHECK_FALSE(lasting(askFor(3, "")));
  CHECK_FALSE(lasting(askFor(4, "/" + std::string(sandbox::kMaxGuardText, 'x'))));
  sandbox::Ask exec = askFor(5, "/usr/bin/git", policy::Operation::kExec);
  exec.action.action.argv = std::vector<std::string>(sandbox::kMaxGuardArguments, "x");
  CHECK_FALSE(lasting(exec));
  exec.ask = 6;
  exec.action.action.argv = {"git", "push"};
  CHECK(lasting(exec));
  CHECK(world.state.grants.rbegin()->second.what.argv == std::vector<std::string>{"git", "push"});
}

TEST_CASE("an answer that makes no sense changes nothing") {
  QuestionWorld world;
  const RunId run = world.start();
  const std::uint64_t id = world.ask(run, 1, "/d");
  AnswerCard answer = world.card(id, CardVerdict::kDeny);
  answer.scope = GrantScope::kAlways;
  CHECK_FALSE(world.apply(answer));
  answer = world.card(id, CardVerdict::kAllow);
  answer.duration = std::chrono::seconds(5);
  CHECK_FALSE(world.apply(answer));
  answer = world.card(id, CardVerdict::kRewrite);
  CHECK_FALSE(world.apply(answer));
  answer.rewrite.argv = {"true"};
  CHECK_FALSE(world.apply(answer));
  answer.rewrite = {};
  answer.rewrite.path = "relative";
  CHECK_FALSE(world.apply(answer));
  answer.rewrite.content = "x";
  CHECK_FALSE(world.apply(answer));
  CHECK(world.state.questions.contains(id));
  answer.rewrite = {};
  answer.rewrite.path = "/d2";
  const auto told = answersOf(world.apply(answer).value());
  REQUIRE(told.size() == 1);
  CHECK(told[0].answer.outcome == Outcome::kRewritten);
  CHECK(told[0].answer.rewrite.path == "/d2");
}

// ---- guards

TEST_CASE("a record is confirmed when it is durable, and told again it is no second fact") {
  QuestionWorld world;
  const RunId run = world.start();
  sandbox::Record record;
  record.ticket = 4;
  record.kind = sandbox::RecordKind::kLeavesDevice;
  record.action = askFor(1, "example.org:443", policy::Operation::kConnect).action;
  const auto tickets = [&](const Decision& decision) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
    for (const auto& [seq, tell] : effectsOf<TellGuard>(decision)) {
      if (const auto* recorded = std::get_if<sandbox::Recorded>(&tell.order)) told.emplace_back(seq, recorded->ticket);
    }
    return told;
  };
  const Decision first = world.apply(RecordTold{{run, GuardKind::kEgress}, record, "hash"}).value();
  CHECK(kindsOf(first) == std::vector<std::string_view>{"connection-opened"});
  CHECK(tickets(first) == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{first.facts[0].seq, 4}});
  const Decision second = world.apply(RecordTold{{run, GuardKind::kEgress}, record, "hash"}).value();
  CHECK(second.facts.empty());
  CHECK(tickets(second).size() == 1);
  CHECK_FALSE(world.apply(RecordTold{{run, GuardKind::kWarden}, record, "hash"}).value().facts.empty());
  world.apply(GuardGreeted{{run, GuardKind::kEgress}, 55, true}).value();
  CHECK_FALSE(world.apply(RecordTold{{run, GuardKind::kEgress}, record, "hash"}).value().facts.empty());
}

TEST_CASE("what an egress asked is withdrawn when another one takes its place, and what a warden asked is not") {
  QuestionWorld world;
  const RunId run = world.start();
  world.ask(run, 7, "/d");
  world.apply(GuardGreeted{{run, GuardKind::kEgress}, 50, false}).value();
  sandbox::Ask byEgress = askFor(7, "/e");
  byEgress.action.action = {policy::Operation::kConnect, "example.org:443", {}};
  world.raise(run, byEgress, GuardKind::kEgress);
  byEgress.ask = 8;  // the same host once more: one question
  world.raise(run, byEgress, GuardKind::kEgress);
  REQUIRE(world.state.questions.size() == 2);
  CHECK(kindsOf(world.apply(GuardGreeted{{run, GuardKind::kEgress}, 50, true}).value()).empty());
  const Decision taken = world.apply(GuardGreeted{{run, GuardKind::kEgress}, 51, true}).value();
  CHECK(kindsOf(taken) == std::vector<std::string_view>{"guard-lost", "guard-started", "action-answered"});
  REQUIRE(world.state.questions.size() == 1);
  CHECK(world.state.questions.begin()->second.what.guard == GuardKind::kWarden);
}

TEST_CASE("what was drained from a ring is recorded once and let go when it is durable") {
  QuestionWorld world;
  const RunId run = world.start();
  const ActionsDrained drained{
      {run, GuardKind::kWarden}, {{policy::Operation::kWrite, "openat", "/a", "", {}, "r", 3}}, 512, "h"};
  const Decision first = world.apply(drained).value();
  REQUIRE(effectsOf<SettleRing>(first).size() == 1);
  CHECK(effectsOf<SettleRing>(first)[0].first == first.facts[0].seq);
  CHECK(effectsOf<SettleRing>(first)[0].second.upTo == 512);
  CHECK(world.apply(drained).value().facts.empty());
}

TEST_CASE("a guard that greets is known; another in its place means that the first is lost") {
  QuestionWorld world;
  const RunId run = world.start();
  CHECK(kindsOf(world.apply(GuardGreeted{{run, GuardKind::kWarden}, 50, false}).value()) ==
        std::vector<std::string_view>{"guard-started"});
  CHECK(world.apply(GuardGreeted{{run, GuardKind::kWarden}, 50, false}).value().facts.empty());
  CHECK(kindsOf(world.apply(GuardGreeted{{run, GuardKind::kWarden}, 51, true}).value()) ==
        std::vector<std::string_view>{"guard-lost", "guard-started"});
  CHECK(world.apply(GuardGreeted{{runId(9), GuardKind::kWarden}, 50, false}).value().facts.empty());
}

}  // namespace
}  // namespace ringfence::supervisor::test
