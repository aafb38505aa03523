#include "ui/shared/fact_words.h"

#include <QRegularExpression>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>

#include "supervisor/core/fact.h"

namespace ringfence::ui {
namespace {

client::LogLine lineOf(const std::string& kind, const std::string& body, const std::string& run = "r-1") {
  return {.seq = 1, .at = "2026-11-28T10:00:00.123456Z", .run = run, .kind = kind, .bodyJson = body, .hash = "aa"};
}

FactWords wordsOf(const std::string& kind, const std::string& body) { return FactTeller().tell(lineOf(kind, body)); }

std::vector<client::LogLine> goldenFacts() {
  std::ifstream file(RF_SOURCE_DIR "/tests/golden/facts.jsonl");
  std::vector<client::LogLine> facts;
  for (std::string line; std::getline(file, line);) {
    const auto blank = line.find(' ');
    facts.push_back(lineOf(line.substr(0, blank), line.substr(blank + 1)));
  }
  return facts;
}

std::string shown(const QString& text) { return text.toStdString(); }

}  // namespace

TEST_CASE("every kind of fact that the log can have is told in words") {
  const auto& known = factKindsWithWords();
  const std::set<std::string_view> withWords(known.begin(), known.end());
  for (const std::string_view kind : supervisor::factKinds()) {
    INFO(kind);
    CHECK(withWords.contains(kind));
    CHECK(shown(kindWord(kind)) != kind);
  }
  CHECK(withWords.size() == supervisor::factKinds().size());
}

TEST_CASE("facts of all builds become one visible line each") {
  const auto facts = goldenFacts();
  REQUIRE(facts.size() >= 60);
  FactTeller teller;
  for (const client::LogLine& fact : facts) {
    const FactWords words = teller.tell(fact);
    INFO(fact.kind << ": " << shown(words.sentence));
    CHECK_FALSE(words.sentence.isEmpty());
    CHECK_FALSE(words.sentence.contains("this panel does not know"));
    for (const QString& text : {words.sentence, words.target, words.rule, words.operation}) {
      for (const QChar character : text) CHECK(character.isPrint());
    }
    // Every place of a sentence was filled.
    CHECK_FALSE(words.sentence.contains(QRegularExpression("%[0-9nL]")));
  }
}

TEST_CASE("a kind of a newer daemon is shown as what it is") {
  const FactWords words = wordsOf("moon-phase", R"({"phase":"\u001b[31mfull"})");
  CHECK(words.sentence.contains("moon-phase"));
  CHECK(words.sentence.contains("full"));
  CHECK_FALSE(words.sentence.contains(QChar(0x1b)));
  CHECK(words.decision == FactDecision::kNone);
  CHECK(kindWord("moon-phase") == "moon-phase");
}

TEST_CASE("a body that cannot be read is shown, and nothing is made up of it") {
  const FactWords words = wordsOf("run-started", "not json");
  CHECK(words.sentence.contains("not json"));
}

TEST_CASE("an answer names what was asked, by whom it was answered and under which rule") {
  FactTeller teller;
  const FactWords asked = teller.tell(lineOf("action-asked", R"({"action":{"argv":["git","push"],"op":"exec",
      "target":"/usr/bin/git"},"id":7,"rule":{"file":"/p/coding.toml","line":12}})"));
  CHECK(shown(asked.sentence) == "It wants to run git push. A person is asked: question 7.");
  CHECK(asked.decision == FactDecision::kAsked);
  CHECK(shown(asked.rule) == "/p/coding.toml:12");
  const FactWords answered =
      teller.tell(lineOf("action-answered", R"({"by_uid":1000,"id":7,"outcome":"denied","say":"not today"})"));
  CHECK(shown(answered.sentence) == "User 1000 denied it: question 7, to run git push. The agent is told: not today");
  CHECK(answered.decision == FactDecision::kDenied);
  CHECK(answered.rule == asked.rule);
  CHECK(answered.target == "git push");
}

TEST_CASE("an outcome that this build does not know is never an allow") {
  CHECK(wordsOf("action-answered", R"({"id":7,"outcome":"blessed"})").decision == FactDecision::kUnknown);
}

TEST_CASE("text of an agent takes no other text's place in a sentence") {
  const FactWords words = wordsOf("action-asked", R"({"action":{"op":"write","target":"/tmp/%2 %1 %n"},"id":41})");
  CHECK(shown(words.sentence) == "It wants to write /tmp/%2 %1 %n. A person is asked: question 41.");
}

TEST_CASE("bytes that are no text are escaped, and markup stays text") {
  const FactWords words =
      wordsOf("action-denied", R"({"action":{"op":"read","target":{"base64":"L3RtcC//"}},"rule":{"why":"<b>no</b>"}})");
  CHECK(shown(words.sentence) == R"(It was not allowed to read /tmp/\xff: <b>no</b>.)");
}

TEST_CASE("a number that was not told is unknown and not 0") {
  CHECK(wordsOf("run-started", R"({"other":1})").sentence.contains("unknown"));
  CHECK(wordsOf("interruption-measured", R"({"held_usec":2000000,"real":{"delay_usec":90000}})")
            .sentence.contains("had been thought to cost unknown"));
}

TEST_CASE("of an interruption it is said how fast it came, what came of it, and nothing that nobody could read") {
  const QString full =
      wordsOf("interruption-measured",
              R"({"held_usec":2000000,"real":{"delay_usec":90000},"standstill_usec":210,"resume_usec":150,)"
              R"("pages_read_back":7,"connections":2,"broken_connections":1,"work_usec":3000000})")
          .sentence;
  for (const char* part : {"It stood still ", "It went on ", "It read 7 pages of memory back.",
                           "Of its 2 connections 1 broke.", "Its last safe point was "})
    CHECK(full.contains(part));
  const QString least =
      wordsOf("interruption-measured", R"({"held_usec":2000000,"real":{"delay_usec":90000}})").sentence;
  for (const char* part : {"stood still", "went on", "pages", "connections", "safe point"})
    CHECK(!least.contains(part));
}

}  // namespace ringfence::ui
