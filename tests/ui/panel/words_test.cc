// The words of bar, cards and stop: pure.
#include <catch2/catch_all.hpp>

#include "ui/panel/bar_state.h"
#include "ui/panel/last_action.h"
#include "ui/panel/run_words.h"
#include "ui/panel/stop_facts.h"
#include "ui/shared/colours.h"

using namespace ringfence;
using namespace ringfence::ui;

namespace {

top::Row rowOf(const std::string& state, std::optional<std::uint64_t> questions = 0) {
  top::Row row;
  row.run = "r1";
  row.name = "webapp";
  row.state = state;
  row.questions = questions;
  return row;
}

}  // namespace

TEST_CASE("the bar says what runs in words and a shape, and unknown where nothing is known") {
  CHECK(barStateOf(Knowledge::kNothing, {}, {}).words == "Not known");
  CHECK(barStateOf(Knowledge::kNothing, {}, {}).shape == Glyph::kUnknown);
  CHECK_FALSE(barStateOf(Knowledge::kNothing, {}, {}).questions);
  CHECK(barStateOf(Knowledge::kOfNow, {}, {}).words == "No agent runs");
  const auto mixed = barStateOf(Knowledge::kOfNow, {}, {rowOf("running", 2), rowOf("running"), rowOf("frozen", 1)});
  CHECK(mixed.words == "2 running, 1 paused");
  CHECK(mixed.questions == 3);
  CHECK(barStateOf(Knowledge::kOfNow, {}, {rowOf("frozen")}).shape == Glyph::kPaused);
  CHECK_FALSE(barStateOf(Knowledge::kOfNow, {}, {rowOf("running", std::nullopt)}).questions);
  client::StopState stop;
  stop.latched = true;
  CHECK(barStateOf(Knowledge::kOfNow, stop, {rowOf("frozen")}).words == "STOPPED");
}

TEST_CASE("a card says who paused a run and why") {
  client::RunDetails details;
  details.held =
      client::HeldBy{.governor = true, .reason = "memory is short", .since = "", .by = "governor", .cause = ""};
  CHECK(runWords(rowOf("frozen"), &details, 1000).state == "Paused by the governor: memory is short");
  details.held = client::HeldBy{.byUid = 1000, .reason = "asked", .since = "", .by = "person", .cause = ""};
  CHECK(runWords(rowOf("frozen"), &details, 1000).state == "Paused by you");
  CHECK(runWords(rowOf("frozen"), &details, 1001).state == "Paused by the user 1000");
  CHECK(runWords(rowOf("frozen"), nullptr, 1000).state == "Paused");
  CHECK(runWords(rowOf("running", 2), nullptr, 1000).state.startsWith("Waits for your answer to 2"));
}

TEST_CASE("a card says who is pausing a run, and never less than the time that is left") {
  client::RunDetails details;
  details.state = "running";
  top::Row row = rowOf("running", 2);
  row.pausing = std::chrono::milliseconds(11'200);
  details.pausing = client::Pausing{.byUid = 1000, .asked = "", .within = std::chrono::milliseconds(11'200)};
  CHECK(runWords(row, &details, 1000).state == "You pause it: it finishes something first, for 12 s at the longest");
  CHECK(runWords(row, &details, 0).state ==
        "The user 1000 pauses it: it finishes something first, for 12 s at the longest");
  details.pausing->within = std::chrono::seconds(61);
  CHECK(runWords(row, &details, 1000).state.contains("for 2 min"));
  CHECK(runWords(row, nullptr, 1000).state == "Is being paused");
  CHECK(isPausing(row));
  CHECK(canPause(row));
  CHECK_FALSE(canResume(row));
  CHECK_FALSE(isPausing(rowOf("running")));
}

TEST_CASE("what a name, a path or a command hides is spelled out on the card") {
  client::RunDetails details;
  details.workspace = "/home/ada/\x1b[31m<b>x</b>";
  details.policyName = "cod\u202eing";
  details.command = {"sh", "-c", "echo \u200b"};
  const RunWords words = runWords(rowOf("running"), &details, 0);
  for (const QString& text : {words.place, words.command}) {
    for (const QChar c : text) CHECK(c.isPrint());
    CHECK_FALSE(text.contains(QChar(0x202e)));
    CHECK_FALSE(text.contains(QChar(0x200b)));
  }
}

TEST_CASE("what an agent says of itself and reports stands on its card as its own words") {
  client::RunDetails details;
  CHECK(runWords(rowOf("running"), &details, 0).says.isEmpty());
  details.says = "all walls are off \u202e<b>now</b>";
  top::Row row = rowOf("running");
  row.tokens = 12'000;
  const RunWords words = runWords(row, &details, 0);
  CHECK(words.says == "The agent says: “all walls are off \\u{202e}<b>now</b>”");
  CHECK(words.place.contains("tokens, as reported or seen"));
  CHECK_FALSE(runWords(rowOf("running"), &details, 0).place.contains("tokens"));
}

TEST_CASE(
    "what a run cost stands on its card, said to be an estimate or incomplete where it is, and a budget near its end") {
  client::RunDetails details;
  CHECK_FALSE(runWords(rowOf("running"), &details, 0).place.contains("US$"));
  details.usage.costUsd = 1.5;
  CHECK(runWords(rowOf("running"), &details, 0).place.contains("US$ 1.50"));
  CHECK_FALSE(runWords(rowOf("running"), &details, 0).place.contains("estimate"));
  details.usage.costEstimated = true;
  CHECK(runWords(rowOf("running"), &details, 0).place.contains("about US$ 1.50, an estimate by list prices"));
  details.usage.costIncomplete = true;
  CHECK(runWords(rowOf("running"), &details, 0).place.contains("at least US$ 1.50, an estimate by list prices"));
  details.usage.budgets = {{.limit = "tokens", .used = 10, .edge = 100, .warnAt = 80, .day = "", .state = "below"}};
  details.limitsReached = {{"tokens", "it has used 80 of 90 tokens", ""}};
  CHECK(runWords(rowOf("running"), &details, 0).warning.isEmpty());
  details.usage.budgets[0].state = "near";
  CHECK(runWords(rowOf("running"), &details, 0).warning == "Budget “tokens” nearly used up");
  details.usage.budgets[0].state = "reached";
  CHECK(runWords(rowOf("running"), &details, 0).warning == "Budget “tokens” used up");
}

TEST_CASE("the last line of a run's log becomes a sentence, and what is no action none") {
  client::LogLine line;
  line.kind = "action-asked";
  line.bodyJson = R"({"action":{"op":"connect","target":"example.org:443","argv":[]}})";
  CHECK(lastActionOf(line) == "Asked to connect to example.org:443");
  line.kind = "actions-allowed";
  line.bodyJson = R"({"actions":[{"op":"exec","target":"/usr/bin/make","argv":["make","all"]}]})";
  CHECK(lastActionOf(line) == "Ran make all");
  line.bodyJson = "no JSON";
  CHECK(lastActionOf(line).isEmpty());
  line.kind = "run-started";
  CHECK(lastActionOf(line).isEmpty());
}

TEST_CASE("a receipt is told with its counts, its time and whether the kernel agreed") {
  const auto facts = stopFactsOf(
      R"({"latched":true,"verified":true,"killed":false,"runs":3,"processes":12,"finishing":0,"took_usec":4200,"trigger":"panel","at":"2026-11-28T01:12:50.123456Z"})");
  REQUIRE(facts);
  const QString words = stopWords(*facts);
  CHECK(words.contains("3 agent"));
  CHECK(words.contains("12 process"));
  CHECK(words.contains("4.2 ms"));
  CHECK(words.contains("nobody in any fence runs"));
  CHECK(words.contains("panel"));
  const auto poor = stopFactsOf(R"({"latched":true,"verified":false,"finishing":2})");
  REQUIRE(poor);
  CHECK(stopWords(*poor).contains("not known"));
  CHECK(stopWords(*poor).contains("Not verified: 2"));
  CHECK_FALSE(stopFactsOf("[]"));
  const auto some =
      stopFactsOf(R"({"latched":true,"verified":true,"killed":false,"killed_runs":2,"runs":3,"processes":12})");
  REQUIRE(some);
  CHECK(stopWords(*some).contains("3 agent"));
  CHECK(stopWords(*some).contains("2 were killed, as whoever owns them asked; the others stand still"));
}

TEST_CASE("text and signs are told from their ground in light and dark") {
  for (const QPalette& palette : {lightPalette(), darkPalette()}) {
    const Colours colours = coloursOf(palette);
    const QColor base = palette.color(QPalette::Base), window = palette.color(QPalette::Window);
    CHECK(contrastOf(palette.color(QPalette::Text), base) > 7);
    CHECK(contrastOf(palette.color(QPalette::WindowText), window) > 7);
    CHECK(contrastOf(palette.color(QPalette::ButtonText), palette.color(QPalette::Button)) > 7);
    CHECK(contrastOf(colours.quiet, base) >= 4.5);
    CHECK(contrastOf(colours.quiet, window) >= 4.5);
    CHECK(contrastOf(colours.onDanger, colours.danger) >= 4.5);
    CHECK(contrastOf(palette.color(QPalette::HighlightedText), palette.color(QPalette::Highlight)) >= 4.5);
    CHECK(contrastOf(palette.color(QPalette::Link), window) >= 4.5);
    for (const QColor& sign : {colours.warning, colours.good, colours.asks}) CHECK(contrastOf(sign, base) >= 3);
  }
}
