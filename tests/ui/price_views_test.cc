#include "ui/cli/price_views.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace ringfence::cli {
namespace {

client::PriceAnswer example() {
  client::PriceAnswer answer;
  answer.run = "r-0123456789abcdef";
  answer.name = "cod\x1b[2Jer";
  answer.hold = std::chrono::seconds(10);
  answer.freeze = {0.001, {}, 0.0, false, "next to nothing", ""};
  answer.freezeAndReclaim = {1.5, {}, 0.0, true, "somebody outside waits for a file lock", ""};
  answer.kill = {90.0, 1200.0, {}, false, "1.5 min of work", "2026-11-28T10:00:04.000000Z"};
  return answer;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a price says what is not known, until when to wait, and that a kill counts from the start") {
  const std::string text = priceText(example());
  CHECK(mentions(text, "0.001s"));
  CHECK(mentions(text, "unknown"));
  CHECK(mentions(text, "1m30s"));
  CHECK(mentions(text, "1200"));
  CHECK(mentions(text, "2026-11-28T10:00:04.000000Z"));
  CHECK(mentions(text, "must not be done now: somebody outside"));
  CHECK(mentions(text, "no safe point is known: what a kill would lose is counted from the start"));
  CHECK_FALSE(mentions(text, "\x1b"));
}

TEST_CASE("a price with a known safe point names it") {
  client::PriceAnswer answer = example();
  answer.safePoint = "2026-11-28T09:59:00.000000Z";
  CHECK(mentions(priceText(answer), "2026-11-28T09:59:00.000000Z"));
  CHECK_FALSE(mentions(priceText(answer), "no safe point"));
}

TEST_CASE("a price says what the run does, as far as that is known") {
  client::PriceAnswer answer = example();
  CHECK(nlohmann::json::parse(priceJson(answer))["activity"].is_null());
  answer.activity = "waiting-for-model";
  CHECK(mentions(priceText(answer), "it is waiting for a model, or for another server"));
  CHECK(nlohmann::json::parse(priceJson(answer))["activity"] == "waiting-for-model");
  answer.activity = "\x1b[2J";
  CHECK_FALSE(mentions(priceText(answer), "\x1b"));
}

TEST_CASE("the JSON of a price has null for what is not known") {
  const auto json = nlohmann::json::parse(priceJson(example()));
  CHECK(json["run"] == "r-0123456789abcdef");
  CHECK(json["hold_seconds"] == 10.0);
  CHECK(json["safe_point"].is_null());
  CHECK(json["freeze"]["tokens"].is_null());
  CHECK(json["freeze"]["work_cpu_seconds"] == 0.0);
  CHECK(json["freeze"]["cheaper_after"].is_null());
  CHECK(json["freeze_and_reclaim"]["forbidden"] == true);
  CHECK(json["kill"]["work_cpu_seconds"].is_null());
  CHECK(json["kill"]["cheaper_after"] == "2026-11-28T10:00:04.000000Z");
}

}  // namespace ringfence::cli
