#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "tests/support/temp_dir.h"
#include "ui/tray/focus_pace.h"
#include "ui/tray/instance_lock.h"
#include "ui/tray/notice.h"
#include "ui/tray/standing.h"

namespace ringfence::ui {
namespace {

using namespace std::chrono_literals;

client::RunDetails runIn(const std::string& state) {
  client::RunDetails run;
  run.id = "r-" + state;
  run.name = state;
  run.state = state;
  return run;
}

Heard heardOf(const std::vector<std::string>& states, std::size_t questions = 0) {
  client::RunListing listing;
  for (const std::string& state : states) listing.runs.push_back(runIn(state));
  return {.listing = listing, .questions = questions};
}

client::PendingItem writing(const std::string& target) {
  client::PendingItem item;
  item.id = 7;
  item.run = "r-1";
  item.runName = "coder";
  item.action = {.operation = client::Operation::kWrite, .target = target};
  item.digest = "abc";
  return item;
}

constexpr Setting kOpen{.abilities = {.actions = true, .bodyMarkup = true}};
constexpr Setting kLocked{.abilities = {.actions = true, .bodyMarkup = true}, .audience = Audience::kAnybody};

// ---- how it stands

TEST_CASE("the tray tells what is most urgent of all that is") {
  CHECK(standingOf({}).state == State::kUnknown);
  CHECK(standingOf(heardOf({})).state == State::kIdle);
  CHECK(standingOf(heardOf({"ended"})).state == State::kIdle);
  CHECK(standingOf(heardOf({"frozen", "frozen"})).state == State::kPaused);
  CHECK(standingOf(heardOf({"frozen", "running"})).state == State::kWorking);
  CHECK(standingOf(heardOf({"running"}, 2)).state == State::kNeedsYou);
  Heard stopped = heardOf({"frozen"}, 2);
  stopped.listing->stop.latched = true;
  CHECK(standingOf(stopped).state == State::kStopped);
}

TEST_CASE("the emergency stop is believed when the daemon does not know of it, or is away") {
  Heard heard = heardOf({"running"});
  heard.latched = true;
  CHECK(standingOf(heard).state == State::kStopped);
  heard.listing.reset();
  CHECK(standingOf(heard).state == State::kStopped);
  heard.latched = false;
  CHECK(standingOf(heard).state == State::kUnknown);
}

TEST_CASE("each standing has a sentence of its own with its count") {
  CHECK(sentenceOf(standingOf(heardOf({"running", "running"}, 3))).contains("3"));
  CHECK(sentenceOf(standingOf(heardOf({"running", "running"}))).contains("2"));
  CHECK(sentenceOf({}).contains("cannot be reached"));
}

TEST_CASE("facts about files and connections make nobody ask for the runs") {
  CHECK(newsIn("run-frozen") == News::kOfRuns);
  CHECK(newsIn("emergency-stopped") == News::kOfStop);
  CHECK(newsIn("actions-allowed") == News::kNone);
  CHECK(newsIn("traffic-counted") == News::kNone);
}

TEST_CASE("a run that the governor holds is not a person's to resume") {
  client::RunListing listing{.runs = {runIn("frozen"), runIn("frozen"), runIn("running")}};
  listing.runs[0].held = client::HeldBy{.governor = true};
  const auto held = heldByPeople(listing);
  REQUIRE(held.size() == 1);
  CHECK_FALSE(held[0].held);
}

TEST_CASE("who stands still until a person decides waits for one, and a hold at a limit when it has lasted") {
  const QDateTime now = QDateTime::fromString("2026-03-01T12:00:00.000Z", Qt::ISODateWithMs);
  const auto waits = [&](const client::HeldBy& held) {
    client::RunListing listing{.runs = {runIn("frozen")}};
    listing.runs[0].held = held;
    return waitingForAPerson(listing, now);
  };
  for (const char* by : {"questions", "prompts", "no-records", "another-program", "agent"})
    CHECK(waits({.by = by}).runs.size() == 1);
  for (const char* by : {"person", "restart", "emergency stop"}) CHECK(waits({.by = by}).runs.empty());
  CHECK(waits({.governor = true, .by = "governor", .cause = "alarm"}).runs.size() == 1);
  CHECK(waits({.governor = true, .by = "governor", .cause = "memory"}).runs.empty());
  const auto limit = [&](const char* since) {
    return waits({.governor = true, .since = since, .by = "governor", .cause = "limit"});
  };
  CHECK(limit("2026-03-01T11:59:45.000Z").runs.size() == 1);
  CHECK(!limit("2026-03-01T11:59:45.000Z").lookAgain);
  CHECK(limit("2026-03-01T11:59:55.000Z").runs.empty());
  CHECK(limit("2026-03-01T11:59:55.000Z").lookAgain == 10s);
  CHECK(limit("yesterday").lookAgain == kHeldToLast);
  CHECK(waitingForAPerson({.runs = {runIn("running")}}, now).runs.empty());
}

TEST_CASE("a run that a person is pausing works, and may be let go on") {
  client::RunListing listing{.runs = {runIn("running"), runIn("running")}};
  listing.runs[1].pausing = client::Pausing{.byUid = 1000, .asked = "", .within = std::chrono::seconds(5)};
  const auto held = heldByPeople(listing);
  REQUIRE(held.size() == 1);
  CHECK(held[0].pausing);
  const Standing standing = standingOf({.listing = listing, .questions = 0, .latched = {}});
  CHECK(standing.state == State::kWorking);
  CHECK(standing.pausing == 1);
  CHECK(sentenceOf(standing) == "Agents at work: 2, of them about to pause: 1.");
  CHECK(newsIn("run-pausing") == News::kOfRuns);
}

// ---- notifications

TEST_CASE(
    "a run that waits for a person is told with why, which is no markup, and a locked screen shows the run alone") {
  client::RunDetails run = runIn("frozen");
  run.name = "coder";
  run.held = client::HeldBy{.reason = "it has used 10 of <b>5</b> tokens"};
  const Notice notice = heldNotice(run, kOpen);
  CHECK(notice.summary == "coder is paused and waits for you");
  CHECK(notice.body == "it has used 10 of &lt;b&gt;5&lt;/b&gt; tokens");
  CHECK(notice.isResident);
  REQUIRE(notice.actions.size() == 2);
  CHECK(std::holds_alternative<OpenPanel>(*wishOf(notice.actions[0])));
  CHECK(heldNotice(run, kLocked).body.isEmpty());
  CHECK(heldNotice(run, kLocked).actions.isEmpty());
}

TEST_CASE("no notification offers to allow, and each of its actions is understood again") {
  const Notice notice = questionNotice({writing("/home/ada/note")}, kOpen);
  REQUIRE(notice.actions.size() == 8);
  for (int index = 0; index < notice.actions.size(); index += 2) {
    CHECK_FALSE(notice.actions[index + 1].contains("llow"));
    CHECK(wishOf(notice.actions[index]));
  }
  const auto deny = wishOf(notice.actions[4]);
  REQUIRE(std::holds_alternative<DenyOne>(*deny));
  CHECK(std::get<DenyOne>(*deny).question == 7);
  CHECK(std::get<DenyOne>(*deny).digest == "abc");
  CHECK(std::get<PauseRun>(*wishOf(notice.actions[6])).run == "r-1");
}

TEST_CASE("a key that is none of ours is no wish") {
  for (const char* key :
       {"", "allow", "deny:", "deny:7", "deny:x:abc", "deny:7:", "deny:7:a:b", "pause:", "allow:7:abc"})
    CHECK_FALSE(wishOf(key));
}

TEST_CASE("what an agent names is no markup in a notification, and hides nothing") {
  const Notice notice = questionNotice({writing("/x/<b>&\xE2\x80\xAE\n")}, kOpen);
  CHECK(notice.body.contains("&lt;b&gt;&amp;"));
  CHECK_FALSE(notice.body.contains('<'));
  CHECK_FALSE(notice.body.contains(QChar(0x202E)));
  CHECK_FALSE(notice.body.contains('\n'));
  const Setting plain{.abilities = {.actions = false, .bodyMarkup = false}};
  CHECK(questionNotice({writing("/x/<b>")}, plain).body.contains("/x/<b>"));
  CHECK(questionNotice({writing("/x")}, plain).actions.isEmpty());
}

TEST_CASE("an agent's text that looks like a place for another text stays text") {
  client::PendingItem item = writing("/x/%1");
  item.runName = "%2 %1";
  const Notice notice = questionNotice({item}, kOpen);
  CHECK(notice.body.contains("/x/%1"));
  CHECK(notice.summary.startsWith("%2 %1 "));
}

TEST_CASE("a locked screen shows the run and the kind of question, and offers nothing") {
  client::PendingItem item = writing("/home/ada/plans/merger");
  item.action.operation = client::Operation::kExec;
  item.action.argv = {"git", "push", "merger"};
  for (const auto operation : {client::Operation::kRead, client::Operation::kWrite, client::Operation::kExec,
                               client::Operation::kConnect, client::Operation::kUnknown}) {
    item.action.operation = operation;
    const Notice notice = questionNotice({item}, kLocked);
    CHECK(notice.summary.contains("coder"));
    CHECK_FALSE((notice.summary + notice.body).contains("merger"));
    CHECK(notice.actions.isEmpty());
  }
  CHECK_FALSE(stopNotice({.latched = true, .trigger = "the red button"}, kLocked).body.contains("button"));
}

TEST_CASE("a long path does not make a long notification") {
  const Notice notice = questionNotice({writing("/" + std::string(5000, 'x'))}, kOpen);
  CHECK(notice.body.size() < 300);
}

TEST_CASE("only what needs a person is critical, and not where the desktop is told to be quiet") {
  Setting quiet = kOpen;
  quiet.quiet = Quiet::kYes;
  CHECK(questionNotice({writing("/x")}, kOpen).urgency == Urgency::kCritical);
  CHECK(questionNotice({writing("/x")}, quiet).urgency == Urgency::kNormal);
  CHECK(stopNotice({.latched = true}, kOpen).urgency == Urgency::kCritical);
  CHECK(failureNotice("no", kOpen).urgency == Urgency::kNormal);
  CHECK_FALSE(failureNotice("no", kOpen).isResident);
}

// ---- the window in front

TEST_CASE("of windows that change fast the daemon is told the first at once and the last later") {
  FocusPace pace;
  const FocusPace::Time start{1s};
  CHECK(pace.change(1, start) == std::optional<FrontProcess>(1));
  CHECK(pace.change(2, start + 10ms) == std::nullopt);
  CHECK(pace.change(3, start + 20ms) == std::nullopt);
  REQUIRE(pace.due());
  CHECK(pace.elapse(*pace.due() - 1ms) == std::nullopt);
  CHECK(pace.elapse(*pace.due()) == std::optional<FrontProcess>(3));
  CHECK_FALSE(pace.due());
}

TEST_CASE("coming back to the window that the daemon knows tells it nothing") {
  FocusPace pace;
  const FocusPace::Time start{1s};
  CHECK(pace.change(1, start));
  CHECK_FALSE(pace.change(2, start + 10ms));
  CHECK_FALSE(pace.change(1, start + 20ms));
  CHECK_FALSE(pace.due());
  CHECK(pace.change(std::nullopt, start + 10s) == std::optional<FrontProcess>(FrontProcess()));
}

TEST_CASE("what the daemon did not take is told again, unless there is something newer") {
  FocusPace pace;
  const FocusPace::Time start{1s};
  CHECK(pace.change(1, start));
  pace.repeat();
  REQUIRE(pace.due());
  CHECK(pace.elapse(*pace.due()) == std::optional<FrontProcess>(1));
}

// ---- one of them

TEST_CASE("a second helper of the same user and seat does not start, and one of another seat does") {
  const test::TempDir folder;
  auto first = lockInstance(folder.path(), "seat0");
  REQUIRE(first);
  CHECK(lockInstance(folder.path(), "").error().code == ErrorCode::kBusy);
  CHECK(lockInstance(folder.path(), "seat1"));
  first->reset();
  CHECK(lockInstance(folder.path(), "seat0"));
  CHECK(lockInstance("", "seat0").error().code == ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace ringfence::ui
