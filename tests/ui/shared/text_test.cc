// Text as editors and viewers show it: policies in colours, output that obeys nothing.
#include <QStringList>
#include <catch2/catch_test_macros.hpp>

#include "ui/shared/output_text.h"
#include "ui/shared/toml_tokens.h"
#include "ui/shared/visible_text.h"

using namespace ringfence::ui;

namespace {

// "k:read s:"/usr"": the tokens of a line.
std::string tokensOf(const QString& line, TomlState state = TomlState::kNothing) {
  std::string told;
  for (const TomlSpan& span : tomlSpans(line, state)) {
    if (!told.empty()) told += ' ';
    told += "ctksnw"[static_cast<int>(span.token)];
    told += ":" + line.mid(span.start, span.length).toStdString();
  }
  return told;
}

}  // namespace

TEST_CASE("tables, keys, strings, numbers and comments of TOML are told apart") {
  CHECK(tokensOf("[files]  # what it sees") == "t:[files] c:# what it sees");
  CHECK(tokensOf("[[exec.rule]]") == "t:[[exec.rule]]");
  CHECK(tokensOf("read = [\"/usr\", '/etc # no comment']") == "k:read s:\"/usr\" s:'/etc # no comment'");
  CHECK(tokensOf("pids = 512 # many") == "k:pids n:512 c:# many");
  CHECK(tokensOf("tests = { match = [\"a\"] }") == "k:tests k:match s:\"a\"");
  CHECK(tokensOf("kill = true") == "k:kill w:true");
  CHECK(tokensOf("why = \"a \\\" b\" # c") == "k:why s:\"a \\\" b\" c:# c");
}

TEST_CASE("a string of several lines goes on until it ends, and a broken one ends with its line") {
  TomlState state = TomlState::kNothing;
  (void)tomlSpans("text = \"\"\"begin", state);
  CHECK(state == TomlState::kBasicString);
  (void)tomlSpans("[not a table]", state);
  CHECK(state == TomlState::kBasicString);
  const auto spans = tomlSpans("end\"\"\" # over", state);
  CHECK(state == TomlState::kNothing);
  REQUIRE(spans.size() == 2);
  CHECK(spans[0] == TomlSpan{0, 6, TomlToken::kString});
  (void)tomlSpans("text = \"never closed", state);
  CHECK(state == TomlState::kNothing);
}

TEST_CASE("output shows control sequences in place of obeying them, and has no colours") {
  OutputText text;
  const QString shown = text.feed("\x1b[31mred\x1b[0m\x1b]0;title\x07 plain\x1b[2Jgone\r\nnext\r");
  CHECK(shown.toStdString() == "red\\x1b]0;title\\x07 plain\\x1b[2Jgone\nnext");
  for (const QChar character : shown) CHECK((character.isPrint() || character == u'\n'));
  CHECK(text.finish() == "\n");
}

TEST_CASE("a line without an end is folded, however long it is and however it comes") {
  OutputText text;
  QString all;
  for (int i = 0; i < 100; ++i) all += text.feed(std::string(1'000, 'a'));
  qsizetype longest = 0;
  for (const QString& line : all.split('\n')) longest = std::max(longest, line.size());
  CHECK(longest == OutputText::kLongestLine);
  CHECK(all.count('a') == 100'000);
}

TEST_CASE("a character that comes in two parts is one") {
  OutputText text;
  QString all = text.feed("gr\xc3");
  all += text.feed(
      "\xb6\xc3\x9f"
      "e");
  CHECK(all.toStdString() == "größe");
}

TEST_CASE("a text that is cut off says how much of it is not shown, also of a megabyte") {
  CHECK(visibleText("größe", 5) == "größe");
  CHECK(visibleText("größer", 5) == "größe… (1 more characters)");
  CHECK(visibleText(std::string(1 << 20, 'x'), 10) == "xxxxxxxxxx… (1048566 more characters)");
  // Cut between characters, and not within one.
  std::string wide;
  for (int i = 0; i < 1000; ++i) wide += "字";
  CHECK(visibleText(wide, 3) == "字字字… (997 more characters)");
  CHECK(visibleCommand({"sh", std::string(1 << 20, 'y')}, 8) == "sh yyyyy…");
  CHECK(visibleCommand({"sh", "-c", "a b"}, 80) == "sh -c 'a b'");
}

TEST_CASE("a tool tip shows text as it is, whatever it looks like") {
  CHECK(toolTipOf("").isEmpty());
  CHECK(toolTipOf("<b>x</b> & y\nz") == "<span>&lt;b&gt;x&lt;/b&gt; &amp; y<br>z</span>");
}
