#include "ui/shared/prompt/rewriting.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/shared/prompt/questions.h"

namespace ringfence::ui {
namespace {

using test::execQuestion;
using test::writeQuestion;

client::RewriteAnswer answerOf(const client::PendingItem& item, const EditedAction& edited) {
  const auto answer = rewriteOf(item, edited);
  REQUIRE(std::holds_alternative<client::RewriteAnswer>(answer));
  return std::get<client::RewriteAnswer>(answer);
}

bool isRefused(const client::PendingItem& item, const EditedAction& edited) {
  return std::holds_alternative<QString>(rewriteOf(item, edited));
}

TEST_CASE("what nobody changed is no rewriting: it would be an allow without one") {
  client::PendingItem read = writeQuestion();
  read.action.operation = client::Operation::kRead;
  client::PendingItem connect = writeQuestion();
  connect.action = {client::Operation::kConnect, "a.example:443", "", {}, "", ""};
  for (const client::PendingItem& item : {execQuestion({"git", "push"}), writeQuestion(), read, connect})
    CHECK(isRefused(item, beginEditing(item)));
}

TEST_CASE("arguments are changed one by one; what cannot be typed is kept as it is or left out") {
  const client::PendingItem item = execQuestion({"git", "a\\b", "new\nline", "\xff"});
  EditedAction edited = beginEditing(item);
  REQUIRE(edited.arguments.size() == 4);
  CHECK(edited.arguments[1].isEditable);
  CHECK(edited.arguments[1].shown == "a\\b");
  CHECK_FALSE(edited.arguments[2].isEditable);
  CHECK_FALSE(edited.arguments[3].isEditable);
  edited.arguments[0].shown = "true";
  CHECK(answerOf(item, edited).argv == std::vector<std::string>{"true", "a\\b", "new\nline", "\xff"});
  edited.arguments.erase(edited.arguments.begin() + 2, edited.arguments.end());
  CHECK(answerOf(item, edited).argv == std::vector<std::string>{"true", "a\\b"});
  edited.arguments[0].shown.clear();
  CHECK(isRefused(item, edited));
  edited.arguments.clear();
  CHECK(isRefused(item, edited));
}

TEST_CASE("a path is absolute and another one; content is for what is read") {
  client::PendingItem item = writeQuestion();
  EditedAction edited = beginEditing(item);
  CHECK(edited.path == "/home/ada/Documents/a");
  edited.path = "relative";
  CHECK(isRefused(item, edited));
  edited.path = "/tmp/x";
  CHECK(answerOf(item, edited).path == "/tmp/x");
  edited.usesContent = true;
  edited.content = "prepared";
  CHECK(answerOf(item, edited).content == "prepared");
  edited.content = QString((1 << 20) + 1, 'x');
  CHECK(isRefused(item, edited));
}

TEST_CASE("a host is one word") {
  client::PendingItem item = writeQuestion();
  item.action = {client::Operation::kConnect, "a.example:443", "", {}, "", ""};
  EditedAction edited = beginEditing(item);
  edited.host = " mirror.example:443 ";
  CHECK(answerOf(item, edited).host == "mirror.example:443");
  edited.host = "two words";
  CHECK(isRefused(item, edited));
  edited.host.clear();
  CHECK(isRefused(item, edited));
}

TEST_CASE("several at once cannot be rewritten, nor what is not known") {
  client::PendingItem item = writeQuestion();
  CHECK(canRewrite(item));
  item.batch = 2;
  CHECK_FALSE(canRewrite(item));
  item.batch = 1;
  item.action.operation = client::Operation::kUnknown;
  CHECK_FALSE(canRewrite(item));
}

}  // namespace
}  // namespace ringfence::ui
