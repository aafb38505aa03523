// What moving a folder would take out of a rule's reach, or bring into it.
#include <catch2/catch_test_macros.hpp>

#include "policy/move.h"

using namespace ringfence::policy;

namespace {

const Places kPlaces{.workspace = "/w/app", .home = "/h"};

PathRule path(const std::string& pattern) {
  return {.pattern = pattern, .origin = {.file = "t", .line = 1, .text = {}}};
}

std::optional<MoveVerdict> moved(const Document& document, const char* from, const char* to) {
  return judgeMove(document, kPlaces, from, to);
}

Document asking(const std::string& pattern) {
  Document document;
  document.files.ask = {path(pattern)};
  return document;
}

}  // namespace

TEST_CASE("a folder above what is asked about is moved away, or to its place, after asking") {
  for (const char* pattern :
       {"/w/app/deploy/conf", "/w/app/deploy/*.yaml", "/w/app/**/deploy/*.yaml", "$WORKSPACE/deploy/a"}) {
    INFO(pattern);
    const auto away = moved(asking(pattern), "/w/app/deploy", "/w/app/other");
    REQUIRE(away);
    CHECK(away->verdict.decision == Decision::kAsk);
    CHECK(away->place == MovePlace::kFrom);
    CHECK(away->verdict.rule == std::string("files.ask ") + pattern);
    const auto there = moved(asking(pattern), "/w/app/other", "/w/app/deploy");
    REQUIRE(there);
    CHECK(there->place == MovePlace::kTo);
  }
  CHECK(moved(asking("~/docs/tax"), "/h/docs", "/h/d"));
  CHECK(moved(asking("**/*.yaml"), "/w/app", "/w/else"));
  CHECK(moved(asking("/w/app/**/a/b/c"), "/w/app/x/a/b", "/w/app/x/a/other"));
}

TEST_CASE("where a rule speaks of the same things at both places, nobody is asked") {
  CHECK_FALSE(moved(asking("**/*.yaml"), "/w/app/a", "/w/app/b/c"));
  CHECK_FALSE(moved(asking("/w/app/*/secret"), "/w/app/a", "/w/app/b"));
  CHECK_FALSE(moved(asking("~/docs/tax"), "/h/a", "/h/b"));
  CHECK_FALSE(moved(asking("~/docs/tax"), "/h/docs/a", "/h/docs/b"));
  CHECK_FALSE(moved(asking("/"), "/w/app/a", "/w/app/b"));
  CHECK_FALSE(moved(Document{}, "/w/app/a", "/w/app/b"));
}

TEST_CASE(
    "reads that are asked about, rewrites and forbids count too, a grant answers a question and an audit allows") {
  Document document;
  document.files.askRead = {path("~/mail/inbox")};
  CHECK(moved(document, "/h/mail", "/h/m")->verdict.decision == Decision::kAsk);
  document.mode = Mode::kAudit;
  CHECK(moved(document, "/h/mail", "/h/m")->verdict.decision == Decision::kAllow);
  document.mode = Mode::kEnforce;
  document.grants = {{.id = 7, .operation = Operation::kWrite, .target = "/h/mail"}};
  CHECK_FALSE(moved(document, "/h/mail", "/h/m"));
  document.files.forbid = {path("~/mail/keys")};
  CHECK(moved(document, "/h/mail", "/h/m")->verdict.decision == Decision::kForbid);
  document = {};
  document.files.rewrite = {
      {.pattern = "/w/app/prod/**", .to = "/w/app/staging", .content = {}, .why = {}, .origin = {}}};
  CHECK(moved(document, "/w/app/prod", "/w/app/p")->verdict.decision == Decision::kForbid);
  document.files.rewrite.front().content = "prepared";
  CHECK_FALSE(moved(document, "/w/app/prod", "/w/app/p"));
}
