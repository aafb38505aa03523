// What Gemini CLI tells its hook of each piece of a model's answer.
#include "sdk/hook/usage.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::hook;
using nlohmann::json;

namespace {

json piece(const char* finish, json usage) {
  json candidate = {{"content", {{"role", "model"}, {"parts", {"a"}}}}, {"index", 0}};
  if (*finish != '\0') candidate["finishReason"] = finish;
  return {{"session_id", "s"},
          {"hook_event_name", "AfterModel"},
          {"timestamp", "2026-03-31T12:00:00.000Z"},
          {"llm_request", {{"model", "large"}, {"messages", {{{"role", "user"}, {"content", "x"}}}}}},
          {"llm_response", {{"candidates", {candidate}}, {"usageMetadata", std::move(usage)}}}};
}

json counts(json input, json output, json total) {
  return {{"promptTokenCount", std::move(input)},
          {"candidatesTokenCount", std::move(output)},
          {"totalTokenCount", std::move(total)}};
}

}  // namespace

TEST_CASE("the last piece of an answer tells what it used, what was thought too, and the others nothing") {
  CHECK_FALSE(usageAfterModel(piece("", counts(100, 5, 105)).dump()));
  const auto used = usageAfterModel(piece("STOP", counts(100, 20, 150)).dump());
  REQUIRE(used);
  CHECK(used->model == "large");
  CHECK(used->inputTokens == 100);
  CHECK(used->outputTokens == 50);
  CHECK_FALSE(used->costUsd);
  CHECK(used->id.size() <= 64);
  CHECK(usageAfterModel(piece("STOP", counts(100, 20, 90)).dump())->outputTokens == 20);
  CHECK(usageAfterModel(piece("MAX_TOKENS", counts(100, nullptr, nullptr)).dump())->outputTokens == 0);
}

TEST_CASE("the same event is the same report, and another one another") {
  json event = piece("STOP", counts(1, 1, 2));
  const auto first = usageAfterModel(event.dump());
  CHECK(first->id == usageAfterModel(event.dump())->id);
  event["timestamp"] = "2026-03-31T12:00:00.001Z";
  CHECK(first->id != usageAfterModel(event.dump())->id);
}

TEST_CASE("numbers of an answer that are none are not known") {
  for (const json& hostile : {json("100"), json(-1), json(1.5), json(1'000'000'000'001), json(), json::array({1})}) {
    INFO(hostile.dump());
    CHECK_FALSE(usageAfterModel(piece("STOP", counts(hostile, hostile, hostile)).dump()));
    CHECK(usageAfterModel(piece("STOP", counts(7, hostile, hostile)).dump())->outputTokens == 0);
  }
  for (const char* nothing : {"", "[]", "{", "7", R"({"llm_response":7})", R"({"llm_response":{"candidates":[7]}})"})
    CHECK_FALSE(usageAfterModel(nothing));
  CHECK_FALSE(usageAfterModel(std::string(100'000, '[')));
  json named = piece("STOP", counts(1, 1, 2));
  named["llm_request"]["model"] = std::string(63, 'm') + "ä";
  CHECK(usageAfterModel(named.dump())->model == std::string(63, 'm'));
}

TEST_CASE("of an event of any length the name is known, also when its end is not there") {
  json event = piece("STOP", counts(1, 1, 2));
  event["llm_request"]["messages"][0]["content"] = std::string(2 << 20, 'x');
  const std::string whole = R"({"session_id":"s","hook_event_name":"AfterModel",)" + event.dump().substr(1);
  CHECK(nameOfEvent(whole.substr(0, 1 << 20)) == "AfterModel");
  CHECK(usageAfterModel(whole)->inputTokens == 1);
  CHECK(nameOfEvent(R"({"tool_input":{"hook_event_name":"AfterModel"},"hook_event_name":"BeforeTool"})") ==
        "BeforeTool");
  CHECK(nameOfEvent(R"({"a":["hook_event_name","AfterModel"],"hook_event_name":7})").empty());
  CHECK(nameOfEvent(R"([{"hook_event_name":"AfterModel"}])").empty());
  CHECK(nameOfEvent("").empty());
}
