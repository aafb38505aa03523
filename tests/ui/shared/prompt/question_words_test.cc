#include "ui/shared/question_words.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/ui/shared/prompt/questions.h"

namespace ringfence::ui {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::execQuestion;
using test::writeQuestion;

const char kHostile[] =
    "\x1b[2Ja\xe2\x80\xae"
    "b\xe2\x80\x8b<b>x</b>\n\xff";

std::string text(const QString& words) { return words.toStdString(); }

void checkHarmless(const QString& words) {
  CAPTURE(text(words));
  for (const QChar character : words) {
    if (character == '\n') continue;
    CHECK(character.isPrint());
    CHECK(character.category() != QChar::Other_Format);
  }
}

TEST_CASE("the sentence says who wants what to be done, by what the kernel was asked") {
  client::RunDetails run;
  run.workspace = "/home/ada/webapp";
  CHECK(questionSentence(writeQuestion(), &run) ==
        "coder (run r-0123456789abcdef, project webapp) wants to write to /home/ada/Documents/a");
  CHECK(questionSentence(writeQuestion(), nullptr) ==
        "coder (run r-0123456789abcdef) wants to write to /home/ada/Documents/a");
  client::PendingItem item = writeQuestion();
  for (const auto& [call, words] :
       {std::pair("unlinkat", "delete /a"), std::pair("rmdir", "delete /a"), std::pair("renameat2", "rename /a to /b"),
        std::pair("symlinkat", "link /a at /b"), std::pair("fchmodat", "change who may use /a"),
        std::pair("openat", "write to /a"), std::pair("truncate", "cut off the content of /a")}) {
    item.action.what = call;
    item.action.target = "/a";
    item.action.second = "/b";
    CHECK(text(questionLine(item, 100)) == words);
  }
  item.action.what = "renameat";
  item.action.second = "/a";
  CHECK(questionLine(item, 100) == "rename something to /a");
  item.action = {client::Operation::kConnect, "api.example.org:443", "", {}, "", "http-connect"};
  CHECK(questionLine(item, 100) == "connect to api.example.org:443");
  CHECK(questionLine(execQuestion({"git", "commit", "-m", "two words"}), 100) == "run git commit -m 'two words'");
}

TEST_CASE("an operation that this program does not know is said to be one, and never waved through") {
  client::PendingItem item = writeQuestion();
  item.action.operation = client::Operation::kUnknown;
  CHECK_THAT(text(questionSentence(item, nullptr)), ContainsSubstring("does not know"));
  CHECK_FALSE(whyNotHere(item).isEmpty());
  CHECK(confirmationOf(item) == Confirmation::kHold);
}

TEST_CASE("whatever bytes an agent chose, words hold nothing that hides, reorders or is markup to a widget") {
  client::PendingItem item = execQuestion({kHostile, "ok"}, kHostile);
  item.runName = item.action.cwd = item.chainNote = item.why = item.action.what = kHostile;
  item.chain = {{1, kHostile}};
  item.rule = client::RuleText{kHostile, 1, kHostile};
  item.offers = {{client::Scope::kRun, "target = \"\\u001b\"\n\x1b[31m\xe2\x80\xae"}};
  item.notInWindow = kHostile;
  client::RunDetails run;
  run.workspace = std::string("/") + kHostile;
  for (const QString& words :
       {questionSentence(item, &run), questionLine(item, 80), exactText(item), ruleWords(item), chainWords(item),
        literalRule(item, client::Scope::kRun), whyNotHere(item), terminalCommand(item)})
    checkHarmless(words);
  CHECK(literalRule(item, client::Scope::kRun).startsWith("target = \"\\u001b\""));
}

TEST_CASE("the exact text has every argument whole, the program that it is, and all of a card") {
  const std::string lots(1 << 20, 'x');
  client::PendingItem item = execQuestion({"git", "push", lots + "END"});
  const QString exact = exactText(item);
  QString joined = exact;
  joined.remove('\n');
  CHECK_THAT(text(joined), ContainsSubstring(lots + "END"));
  for (const QString& line : exact.split('\n')) CHECK(line.size() <= 2000);
  CHECK_THAT(text(exact), ContainsSubstring("program: /usr/bin/git"));
  CHECK_THAT(text(exact), ContainsSubstring("in: /home/ada/webapp"));
  CHECK(questionSentence(item, nullptr).size() < 400);

  item = writeQuestion();
  item.batch = 4;
  item.batched = {item.action, item.action};
  item.batched[1].target = "/last";
  CHECK_THAT(text(exactText(item)), ContainsSubstring("write to /last") && ContainsSubstring("1 more that are not"));
  CHECK_THAT(text(questionSentence(item, nullptr)), ContainsSubstring("wants 4 things at once"));
  CHECK_FALSE(whyNotHere(item).isEmpty());
  item.batch = 3;
  CHECK(whyNotHere(item).isEmpty());
}

TEST_CASE("names that processes gave themselves are quotations") {
  CHECK_THAT(text(chainWords(writeQuestion())),
             ContainsSubstring("“sh” (41), started by “agent” (7)") && ContainsSubstring("themselves"));
  client::PendingItem item = writeQuestion();
  item.chain.clear();
  CHECK(chainWords(item) == "not known");
  item.chainNote = "not known: it was closed";
  CHECK(chainWords(item) == "not known: it was closed");
}

TEST_CASE("what destroys and cannot be taken back is held, the rest is clicked") {
  client::PendingItem item = writeQuestion();
  CHECK(confirmationOf(item) == Confirmation::kClick);
  for (const char* call : {"unlinkat", "renameat2", "rmdir", "truncate", "fchownat"}) {
    item.action.what = call;
    CHECK(confirmationOf(item) == Confirmation::kHold);
  }
  item.reversible = client::Reversibility::kUndoable;
  CHECK(confirmationOf(item) == Confirmation::kClick);
  CHECK(confirmationOf(execQuestion({"git"})) == Confirmation::kClick);
  CHECK(confirmationOf(execQuestion({"harmless"}, "/usr/bin/rm")) == Confirmation::kHold);
  item = execQuestion({"git"});
  item.onlyOnce = "its arguments are too long to be shown whole";
  CHECK(confirmationOf(item) == Confirmation::kHold);
  item = writeQuestion();
  item.batched = {item.action};
  item.batched[0].what = "unlink";
  CHECK(confirmationOf(item) == Confirmation::kHold);
}

TEST_CASE("why it asks is the rule with its place, or that there is none") {
  client::PendingItem item = writeQuestion();
  item.why = "publishes";
  CHECK(ruleWords(item) ==
        "/etc/ringfence/policies/coding.toml:12\nask = [\"~/Documents\"]\nThe rule says: “publishes”");
  item.rule.reset();
  item.why.clear();
  CHECK(ruleWords(item) == "No rule covers this.");
}

TEST_CASE("times are in words, and an end that is not known is said so") {
  const client::PendingItem item = writeQuestion();
  const QDateTime now = QDateTime::fromString("2026-11-28T10:02:05Z", Qt::ISODate);
  CHECK(ageWords(item, now) == "Waits for 2 min.");
  CHECK(deadlineWords(item, now) == "Denied, this once, in 7 min if nobody answers.");
  CHECK(deadlineWords({}, now) == "If nobody answers it is denied, this once.");
  CHECK(durationWords(59) == "59 s");
  CHECK(durationWords(3665) == "1 h 1 min");
  CHECK(durationWords(90'000) == "1 d 1 h");
}

TEST_CASE("where a run has the screen, it is said why and with which command it is answered elsewhere") {
  client::PendingItem item = writeQuestion();
  item.notInWindow = "r-1 (browser) was given the X11 socket";
  CHECK_THAT(text(whyNotHere(item)), ContainsSubstring("r-1 (browser) was given the X11 socket"));
  CHECK(terminalCommand(item) == "ringfence allow 17 --digest aaaaaaaaaaaaaaaa");
}

}  // namespace
}  // namespace ringfence::ui
