// What agents that are driven tell of their calls to models, made of sums so far, and what is no number.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "sdk/rpc/acp_guard.h"
#include "sdk/rpc/claude_guard.h"
#include "sdk/rpc/codex_guard.h"
#include "sdk/rpc/used.h"

using namespace ringfence;
using namespace ringfence::rpc;
using nlohmann::json;

namespace {

// As it comes over a wire, where a number that is no text has no sign unless it is written.
json asSent(const json& message) { return json::parse(message.dump()); }

json modelUsage(const char* model, std::uint64_t input, std::uint64_t cached, std::uint64_t output, double cost) {
  return {{model,
           {{"inputTokens", input},
            {"outputTokens", output},
            {"cacheReadInputTokens", cached},
            {"cacheCreationInputTokens", 0},
            {"costUSD", cost}}}};
}

json result(json models) {
  return {
      {"type", "result"}, {"session_id", "s-1"}, {"usage", {{"input_tokens", 7}}}, {"modelUsage", std::move(models)}};
}

json threadUsage(const char* turn, std::uint64_t input, std::uint64_t output, std::uint64_t lastInput,
                 std::uint64_t lastOutput) {
  const auto sums = [](std::uint64_t in, std::uint64_t out) {
    return json{{"inputTokens", in},
                {"outputTokens", out},
                {"cachedInputTokens", in / 2},
                {"reasoningOutputTokens", 0},
                {"totalTokens", in + out}};
  };
  return {{"threadId", "t"},
          {"turnId", turn},
          {"tokenUsage", {{"total", sums(input, output)}, {"last", sums(lastInput, lastOutput)}}}};
}

struct Used {
  const char* model;
  std::uint64_t input, output;
};

// As Gemini CLI ends a turn of its editor's.
json quota(const std::vector<Used>& models) {
  json told = json::array();
  for (const Used& one : models)
    told.push_back(
        {{"model", one.model}, {"token_count", {{"input_tokens", one.input}, {"output_tokens", one.output}}}});
  return {{"stopReason", "end_turn"}, {"_meta", {{"quota", {{"model_usage", std::move(told)}}}}}};
}

std::vector<json> hostileNumbers() {
  return {json("100"),
          json(-1),
          json(1.5),
          json(1e300),
          json(1'000'000'000'001),
          json(nullptr),
          json::array(),
          json(true),
          json::parse("18446744073709551615"),
          json::parse("99999999999999999999999999")};
}

}  // namespace

TEST_CASE("what a process of Claude Code has used so far is reported once, by model, as it grows") {
  ClaudeUsed used;
  auto first = used.take(result(modelUsage("large", 100, 900, 50, 0.25)));
  REQUIRE(first.size() == 1);
  CHECK(first[0].model == "large");
  CHECK(first[0].inputTokens == 1000);
  CHECK(first[0].outputTokens == 50);
  CHECK(first[0].costUsd == 0.25);
  CHECK(first[0].counters.at("cached_input_tokens") == 900);
  CHECK(first[0].id.size() <= 64);
  CHECK(used.take(result(modelUsage("large", 100, 900, 50, 0.25))).empty());
  json both = modelUsage("large", 150, 1000, 60, 0.35);
  both.update(modelUsage("small", 5, 0, 1, 0.001));
  const auto second = used.take(result(both));
  REQUIRE(second.size() == 2);
  CHECK(second[0].inputTokens == 150);
  CHECK(second[0].outputTokens == 10);
  CHECK(second[0].costUsd == 0.1);
  CHECK(second[1].model == "small");
  CHECK(second[0].id != second[1].id);
  CHECK(second[0].id != first[0].id);
  // It counts anew.
  const auto third = used.take(result(modelUsage("large", 1, 0, 1, 0.01)));
  REQUIRE(third.size() == 1);
  CHECK(third[0].inputTokens == 1);
  CHECK(third[0].costUsd == 0.01);
}

TEST_CASE("an older Claude Code tells no models: its turn's tokens are reported, and the cost that is new") {
  ClaudeUsed used;
  const auto turn = [](const char* uuid, double cost) {
    return json{{"uuid", uuid},
                {"usage", {{"input_tokens", 10}, {"cache_read_input_tokens", 90}, {"output_tokens", 5}}},
                {"total_cost_usd", cost}};
  };
  const auto first = used.take(asSent(turn("a", 0.5))), second = used.take(asSent(turn("b", 0.75)));
  REQUIRE(first.size() == 1);
  REQUIRE(second.size() == 1);
  CHECK(first[0].inputTokens == 100);
  CHECK(second[0].inputTokens == 100);
  CHECK(second[0].costUsd == 0.25);
  CHECK(first[0].id != second[0].id);
}

TEST_CASE("what Claude Code tells in numbers that are none is not known, and nothing is reported of it") {
  for (const json& hostile : hostileNumbers()) {
    INFO(hostile.dump());
    ClaudeUsed used;
    json models = modelUsage("m", 1, 0, 1, 0.5);
    models["m"]["outputTokens"] = hostile;
    CHECK(used.take(result(models)).empty());
    CHECK(used.take(asSent({{"usage", {{"input_tokens", hostile}, {"output_tokens", 1}}}})).empty());
    models = modelUsage("m", 1, 0, 1, 0.5);
    models["m"]["costUSD"] = json::array({hostile});
    const auto told = used.take(result(models));
    REQUIRE(told.size() == 1);
    CHECK_FALSE(told[0].costUsd);
  }
  ClaudeUsed used;
  for (const json& nothing : {json(), json("result"), json::array(), json{{"modelUsage", 7}}, json{{"usage", {}}},
                              result(json{{"m", 7}}), result(json::object())})
    CHECK(used.take(nothing).empty());
  // More than an agent has: the first are known.
  json many = json::object();
  for (int i = 0; i < 1000; ++i) many.update(modelUsage(("m" + std::to_string(i)).c_str(), 1, 0, 1, 0));
  CHECK(used.take(result(many)).size() == 32);
  CHECK(ClaudeUsed().take(result(modelUsage(std::string(99, 'm').c_str(), 1, 0, 1, 0)))[0].model.size() == 64);
}

TEST_CASE("what a thread of Codex used is reported as its sums grow, and once") {
  CodexUsed used;
  used.threadIs("t", "large");
  used.turnBegan("1");
  const auto first = used.take(threadUsage("1", 100, 10, 100, 10));
  REQUIRE(first);
  CHECK(first->model == "large");
  CHECK(first->inputTokens == 100);
  CHECK(first->outputTokens == 10);
  CHECK(first->counters.at("cached_input_tokens") == 50);
  CHECK_FALSE(used.take(threadUsage("1", 100, 10, 100, 10)));
  const auto second = used.take(threadUsage("1", 250, 30, 50, 5));  // One was missed between.
  REQUIRE(second);
  CHECK(second->inputTokens == 150);
  CHECK(second->outputTokens == 20);
  CHECK(second->id != first->id);
  used.turnBegan("2");
  const auto anew = used.take(threadUsage("2", 40, 4, 40, 4));  // Its sums began anew.
  REQUIRE(anew);
  CHECK(anew->inputTokens == 40);
}

TEST_CASE("what a resumed thread of Codex used before is not reported again") {
  CodexUsed used;
  CHECK_FALSE(used.take(threadUsage("old", 1000, 100, 50, 5)));
  used.turnBegan("new");
  const auto more = used.take(threadUsage("new", 1100, 110, 100, 10));
  REQUIRE(more);
  CHECK(more->inputTokens == 100);
  CHECK(more->outputTokens == 10);
}

TEST_CASE("what Codex tells in numbers that are none is not known, and nothing is reported of it") {
  for (const json& hostile : hostileNumbers()) {
    INFO(hostile.dump());
    CodexUsed used;
    used.turnBegan("1");
    json params = threadUsage("1", 1, 1, 1, 1);
    params["tokenUsage"]["total"]["inputTokens"] = hostile;
    CHECK_FALSE(used.take(params));
    params = threadUsage("1", 1, 1, 1, 1);
    params["tokenUsage"]["last"]["outputTokens"] = hostile;
    CHECK_FALSE(used.take(params));
  }
  CodexUsed used;
  for (const json& nothing : {json(), json::array(), json{{"tokenUsage", 7}}, json{{"tokenUsage", {{"total", 7}}}}})
    CHECK_FALSE(used.take(nothing));
}

TEST_CASE("what an answer to an editor's prompt says that it used is reported by model, each answer anew") {
  const json answer = quota({{"large", 103, 12}, {"small", 5, 0}, {"none", 0, 0}});
  AcpUsed used;
  const auto first = used.take(answer), second = used.take(answer);
  REQUIRE(first.size() == 2);
  REQUIRE(second.size() == 2);
  CHECK(first[0].model == "large");
  CHECK(first[0].inputTokens == 103);
  CHECK(first[0].outputTokens == 12);
  CHECK(first[1].model == "small");
  CHECK(std::set<std::string>{first[0].id, first[1].id, second[0].id, second[1].id}.size() == 4);
  for (const json& hostile : hostileNumbers()) {
    INFO(hostile.dump());
    json told = quota({{"m", 1, 1}});
    told["_meta"]["quota"]["model_usage"][0]["token_count"]["output_tokens"] = hostile;
    CHECK(used.take(told).empty());
  }
  for (const json& nothing :
       {json(), json("end_turn"), json::array(), json{{"stopReason", "cancelled"}}, json{{"_meta", 7}},
        json{{"_meta", {{"quota", 7}}}}, json{{"_meta", {{"quota", {{"model_usage", 7}}}}}},
        json{{"_meta", {{"quota", {{"model_usage", json::array({7, json::object()})}}}}}}})
    CHECK(used.take(nothing).empty());
  CHECK(used.take(quota(std::vector<Used>(99, {"m", 1, 1}))).size() == 32);
}

TEST_CASE("of an agent of an editor the answers to prompts are counted, where no hook of it tells the same") {
  const std::string prompt = R"({"jsonrpc":"2.0","id":1,"method":"session/prompt","params":{"sessionId":"s"}})";
  const std::string answer = json{{"jsonrpc", "2.0"}, {"id", 1}, {"result", quota({{"m", 3, 1}})}}.dump();
  AcpGuard acp("/p"), heard("/p", UsageFrom::kHook);
  CHECK(acp.fromServer(answer).used.empty());  // Nobody asked for it.
  for (AcpGuard* guard : {&acp, &heard}) {
    (void)guard->fromClient(prompt);
    const Effects effects = guard->fromServer(answer);
    CHECK(effects.toClient == std::vector<std::string>{answer});
    CHECK(effects.used.size() == (guard == &acp ? 1U : 0U));
    CHECK(guard->fromServer(answer).used.empty());
  }
}

TEST_CASE("what driven agents tell passes to their driver as it is, and is reported beside") {
  ClaudeGuard claude("/p");
  const std::string told = result(modelUsage("m", 3, 0, 1, 0.5)).dump();
  const Effects effects = claude.fromServer(told);
  CHECK(effects.toClient == std::vector<std::string>{told});
  REQUIRE(effects.used.size() == 1);
  CHECK(effects.used[0].inputTokens == 3);

  CodexGuard codex("/p");
  (void)codex.fromClient(R"({"id":1,"method":"thread/start","params":{}})");
  (void)codex.fromServer(R"({"id":1,"result":{"thread":{"id":"t"},"model":"large"}})");
  (void)codex.fromServer(R"({"method":"turn/started","params":{"threadId":"t","turn":{"id":"1"}}})");
  const json note = {{"method", "thread/tokenUsage/updated"}, {"params", threadUsage("1", 5, 2, 5, 2)}};
  const Effects more = codex.fromServer(note.dump());
  CHECK(more.toClient == std::vector<std::string>{note.dump()});
  REQUIRE(more.used.size() == 1);
  CHECK(more.used[0].model == "large");
  CHECK(more.used[0].outputTokens == 2);
  CHECK(codex.fromServer(note.dump()).used.empty());
  // Of somebody who is no part of it nothing is taken.
  CHECK(codex.fromClient(note.dump()).used.empty());
}
