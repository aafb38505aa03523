#include "ui/cli/focus_views.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace ringfence::cli {
namespace {

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a focus says what is protected and why the rest is not") {
  const client::FocusAnswer some{7, "/a\x1b[2J", {{"memory", "1.0 GiB", ""}, {"disk", "", "no weight"}}};
  CHECK(isProtected(some));
  CHECK(mentions(focusText(some), "its memory: 1.0 GiB"));
  CHECK(mentions(focusText(some), "not its disk: no weight"));
  CHECK_FALSE(mentions(focusText(some), "\x1b"));
  const auto json = nlohmann::json::parse(focusJson(some));
  CHECK(json["pid"] == 7);
  CHECK(json["protected"] == nlohmann::json::parse(R"([{"what":"memory","amount":"1.0 GiB"}])"));
  CHECK(json["unprotected"] == nlohmann::json::parse(R"([{"what":"disk","why":"no weight"}])"));
}

TEST_CASE("a focus of which nothing can be protected says so first, and none is no failure") {
  const client::FocusAnswer nothing{7, "/", {{"memory", "", "it is in the root"}}};
  CHECK_FALSE(isProtected(nothing));
  CHECK(focusText(nothing).starts_with("nothing can be protected for process 7"));
  CHECK(isProtected({}));
  CHECK(nlohmann::json::parse(focusJson({}))["pid"].is_null());
}

}  // namespace ringfence::cli
