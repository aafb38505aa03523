// Conversations as clients, servers, editors and agents have them, line by line: what comes in, and all that comes of
// it.
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sdk/rpc/acp_guard.h"
#include "sdk/rpc/claude_guard.h"
#include "sdk/rpc/codex_guard.h"
#include "sdk/rpc/mcp_guard.h"
#include "sdk/rpc/mcp_tools.h"
#include "tests/support/agent_json.h"

using namespace ringfence;
using namespace ringfence::rpc;
using nlohmann::json;
using ringfence::test::shown;
using ringfence::test::verdictOf;

namespace {

std::vector<json> linesOf(const std::string& name) {
  std::ifstream file(std::string(RF_SOURCE_DIR) + "/tests/sdk/rpc/" + name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with("#")) lines.push_back(json::parse(line));
  }
  REQUIRE_FALSE(lines.empty());
  return lines;
}

// In the order in which they are done.
std::deque<json> effectsOf(const Effects& effects) {
  std::deque<json> all;
  for (const std::string& line : effects.toClient) all.push_back({{"to_client", json::parse(line)}});
  for (const std::string& line : effects.toServer) all.push_back({{"to_server", json::parse(line)}});
  for (const std::string& key : effects.withdrawn) all.push_back({{"withdrawn", key}});
  for (const Ask& ask : effects.asks) {
    json actions = json::array();
    for (const AgentAction& action : ask.actions) actions.push_back(shown(action));
    all.push_back({{"ask", ask.key}, {"actions", actions}});
  }
  for (const std::string& key : effects.lookups) all.push_back({{"lookup", key}});
  if (!effects.doing.empty()) all.push_back({{"doing", effects.doing}});
  for (const auto* lines : {&effects.toClient, &effects.toServer}) {
    for (const std::string& line : *lines) CHECK(line.find_first_of("\r\n") == std::string::npos);
  }
  return all;
}

std::string lineOf(const json& message) { return message.is_string() ? message.get<std::string>() : message.dump(); }

// Nothing: the line is no input.
std::optional<Effects> fed(Mediator& mediator, const json& line) {
  if (line.contains("client")) return mediator.fromClient(lineOf(line["client"]));
  if (line.contains("server")) return mediator.fromServer(lineOf(line["server"]));
  if (line.contains("verdict")) return mediator.answered(line["verdict"], verdictOf(line));
  if (line.contains("denial")) return mediator.found(line["denial"], line["json"], line.value("trouble", ""));
  if (line.contains("left")) return mediator.left();
  if (line.contains("ended")) return mediator.ended(line["ended"].get<std::string>());
  return std::nullopt;
}

void replay(Mediator& mediator, const std::string& name) {
  std::deque<json> effects;
  for (const json& line : linesOf(name)) {
    INFO(name << ": " << line.dump());
    if (auto more = fed(mediator, line)) {
      REQUIRE(effects == std::deque<json>());
      effects = effectsOf(*more);
      continue;
    }
    REQUIRE_FALSE(effects.empty());
    const json got = effects.front();
    effects.pop_front();
    if (!line.contains("has")) {
      CHECK(got == line);
      continue;
    }
    for (const json& part : line["has"]) {
      INFO(got.dump());
      CHECK(got.dump().find(part.get<std::string>()) != std::string::npos);
    }
  }
  CHECK(effects == std::deque<json>());
}

std::unique_ptr<Mediator> made(const std::string& kind) {
  if (kind == "tools") return std::make_unique<McpTools>("/work", "");
  if (kind == "guard") return std::make_unique<McpGuard>("notes");
  if (kind == "claude") return std::make_unique<ClaudeGuard>("/work");
  if (kind == "codex") return std::make_unique<CodexGuard>("/work");
  return std::make_unique<AcpGuard>("/work");
}

json question(const std::string& kind, std::size_t number) {
  if (kind == "acp")
    return {{"id", number},
            {"method", "session/request_permission"},
            {"params", {{"sessionId", "s"}, {"toolCall", json::object()}, {"options", json::array()}}}};
  if (kind == "claude")
    return {{"type", "control_request"},
            {"request_id", std::to_string(number)},
            {"request", {{"subtype", "can_use_tool"}, {"tool_name", "Bash"}, {"input", json::object()}}}};
  if (kind == "codex")
    return {{"id", number},
            {"method", "item/commandExecution/requestApproval"},
            {"params", {{"threadId", "t"}, {"turnId", "u"}, {"itemId", "i"}, {"command", "ls"}}}};
  return {{"id", number},
          {"method", "tools/call"},
          {"params", {{"name", "approve"}, {"arguments", {{"tool_name", "Bash"}, {"input", json::object()}}}}}};
}

// Goes through a recorded session: what its mediator told the server is compared with the record; `seen` looks at the
// rest of each effect, and takes from `told` what the record does not say by itself.
void follow(Mediator& mediator, const std::string& name,
            const std::function<void(const json& line, const Effects&, std::deque<std::string>& told)>& seen) {
  std::deque<std::string> told;
  for (const json& line : linesOf(name)) {
    INFO(line.dump());
    if (line.contains("to_server")) {
      REQUIRE_FALSE(told.empty());
      CHECK(json::parse(told.front()) == line["to_server"]);
      told.pop_front();
      continue;
    }
    REQUIRE(told.empty());
    const auto effects = fed(mediator, line);
    REQUIRE(effects);
    told.assign(effects->toServer.begin(), effects->toServer.end());
    seen(line, *effects, told);
  }
  CHECK(told.empty());
}

// What a client says passes as it is.
void passesToServer(const json& line, std::deque<std::string>& told) {
  REQUIRE_FALSE(told.empty());
  CHECK(json::parse(told.front()) == line["client"]);
  told.pop_front();
}

void noteAsked(const Effects& effects, std::vector<std::string>& asked) {
  for (const Ask& ask : effects.asks) {
    REQUIRE(ask.actions.size() == 1);
    asked.push_back(shown(ask.actions.front())["op"].get<std::string>() + " " + ask.actions.front().target);
  }
}

}  // namespace

TEST_CASE("each call of a server's tool is asked about before the server hears of it, and all else passes") {
  replay(*made("guard"), "mcp_guard.jsonl");
}

TEST_CASE("an agent's person is asked in Ringfence by the contract of a permission prompt tool") {
  replay(*made("tools"), "mcp_tools.jsonl");
}

TEST_CASE("an agent's question to its editor is answered by the policy or a person, and passes where nobody spoke") {
  replay(*made("acp"), "acp_guard.jsonl");
}

// Recorded by tests/e2e/driven_gemini_test.py: what an editor and Gemini CLI said, what was decided, and what Gemini
// CLI was told.
TEST_CASE(
    "of a whole session of Gemini CLI each call that it asks leave for is asked about once, and its editor hears of "
    "it") {
  AcpGuard guard("/srv/project");
  std::vector<std::string> asked;
  std::map<std::string, std::pair<std::string, std::string>> calls;  // by id: title and what became of it
  std::uint64_t tokens = 0;
  follow(guard, "sessions/gemini.jsonl", [&](const json& line, const Effects& effects, std::deque<std::string>& told) {
    // What is no question passes, and so does all that the editor says but what it would do for its agent.
    if (line.contains("client") && line["client"]["method"] != "initialize") passesToServer(line, told);
    const bool passes = line.contains("server") && line["server"].value("method", "") != "session/request_permission";
    if (passes) REQUIRE(effects.toClient.size() == 1);
    if (passes && line["server"].value("id", -1) != 0) CHECK(json::parse(effects.toClient.front()) == line["server"]);
    noteAsked(effects, asked);
    for (const std::string& heard : effects.toClient) {
      const json message = json::parse(heard);
      if (message.value("method", "") != "session/update") continue;
      const json& update = message["params"]["update"];
      const bool isNew = update["sessionUpdate"] == "tool_call";
      if (!isNew && update["sessionUpdate"] != "tool_call_update") continue;
      const std::string id = update["toolCallId"], status = update["status"];
      CHECK(calls.contains(id) != isNew);
      if (isNew) calls[id].first = update["title"];
      calls[id].second += (isNew ? "" : " ") + status;
    }
    for (const AgentUsage& used : effects.used) tokens += used.inputTokens + used.outputTokens;
  });
  CHECK(asked == std::vector<std::string>{"call execute", "call execute", "call execute",
                                          "write /srv/project/inside.txt", "call fetch", "call execute"});
  std::map<std::string, std::string> became;
  for (const auto& [id, call] : calls) became.insert(call);
  const std::string done = "pending in_progress completed";
  CHECK(became ==
        std::map<std::string, std::string>{
            {"echo yes >yes.txt", done},
            {"echo no >no.txt", "pending failed"},
            {"echo x >/usr/x", done},
            {"Writing to inside.txt", done},
            {R"(Processing URLs and instructions from prompt: "Read https://example.org/.")", "pending failed"},
            {"inside.txt", "in_progress completed"},
            {"echo late >late.txt", "pending"}});
  CHECK(tokens == 826);
}

TEST_CASE("what Claude Code asks its driver is answered by the policy or a person, and passes where nobody spoke") {
  replay(*made("claude"), "claude_guard.jsonl");
}

// Recorded of Claude Code 2.1.197: what its driver and it said, what was decided, and what it was told and took.
TEST_CASE("of a whole session of Claude Code each use of a tool that it asks leave for is asked about once") {
  ClaudeGuard guard("/srv/project");
  std::vector<std::string> asked;
  std::uint64_t tokens = 0;
  follow(guard, "sessions/claude.jsonl", [&](const json& line, const Effects& effects, std::deque<std::string>& told) {
    if (line.contains("client")) passesToServer(line, told);
    const bool passes = line.contains("server") && line["server"]["type"] != "control_request";
    CHECK(effects.toClient.size() == (passes ? 1 : 0));
    if (passes) CHECK(json::parse(effects.toClient.front()) == line["server"]);
    noteAsked(effects, asked);
    for (const AgentUsage& used : effects.used) tokens += used.inputTokens + used.outputTokens;
  });
  CHECK(asked == std::vector<std::string>{"call Bash", "call Bash", "write /srv/project/new.txt", "call Bash",
                                          "read /etc/hostname", "connect docs.example.com:80"});
  CHECK(tokens == 840);
}

TEST_CASE("what Codex asks its driver is answered by the policy or a person, and passes where nobody spoke") {
  replay(*made("codex"), "codex_guard.jsonl");
}

TEST_CASE(
    "a line of Claude Code's stream that has no one meaning goes back to who sent it, with words, and nowhere else") {
  for (const json& line : linesOf("hostile_control.jsonl")) {
    const std::string text = line["line"];
    INFO(text.substr(0, 200));
    const Effects ofDriver = made("claude")->fromClient(text);
    const Effects ofAgent = made("claude")->fromServer(text);
    CHECK(ofDriver.toServer.empty());
    CHECK(ofAgent.toClient.empty());
    CHECK(ofAgent.asks.empty());
    for (const auto* back : {&ofDriver.toClient, &ofAgent.toServer}) {
      REQUIRE(back->size() == 1);
      const json told = json::parse(back->front())["response"];
      CHECK(told["subtype"] == "error");
      CHECK(told["request_id"] == "");
      CHECK(told["error"].get<std::string>().find(line["says"]) != std::string::npos);
    }
    CHECK(ofAgent.doing.find("not passed on") != std::string::npos);
  }
}

TEST_CASE("outside a fence the server of tools says so") {
  McpTools tools("/work", "this program is in no fence");
  const Effects begun = tools.fromClient(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})");
  REQUIRE(begun.toClient.size() == 1);
  CHECK(begun.toClient.front().find("this program is in no fence") != std::string::npos);
}

TEST_CASE(
    "a line that is no message of one meaning is refused with words, by whoever stands between, and goes nowhere") {
  for (const char* kind : {"tools", "guard", "acp", "codex"}) {
    for (const json& line : linesOf("hostile.jsonl")) {
      const std::string text = line["line"];
      INFO(kind << ": " << text.substr(0, 200));
      const auto mediator = made(kind);
      const Effects effects = mediator->fromClient(text);
      CHECK(effects.toServer.empty());
      CHECK(effects.asks.empty());
      REQUIRE(effects.toClient.size() == 1);
      const json answer = json::parse(effects.toClient.front());
      CHECK(answer["id"] == nullptr);
      CHECK(answer["error"]["code"] == line["code"]);
      CHECK(answer["error"]["message"].get<std::string>().find(line["says"]) != std::string::npos);
    }
  }
}

TEST_CASE("what an agent sends its editor in two meanings goes back to it") {
  for (const char* kind : {"acp", "codex"}) {
    for (const json& line : linesOf("hostile.jsonl")) {
      INFO(kind << ": " << line.dump().substr(0, 200));
      const Effects effects = made(kind)->fromServer(line["line"].get<std::string>());
      CHECK(effects.toClient.empty());
      CHECK(effects.asks.empty());
      REQUIRE(effects.toServer.size() == 1);
      CHECK(json::parse(effects.toServer.front())["error"]["code"] == line["code"]);
    }
  }
}

TEST_CASE("not more calls wait for an answer than are bounded, and the one too many is a no") {
  for (const std::string kind : {"tools", "guard", "acp", "claude", "codex"}) {
    INFO(kind);
    const bool isFromServer = kind != "tools" && kind != "guard";
    const auto mediator = made(kind);
    if (kind != "claude") (void)mediator->fromClient(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})");
    Effects last;
    for (std::size_t number = 1; number <= kMaxWaiting + 1; ++number) {
      const std::string line = question(kind, number).dump();
      last = isFromServer ? mediator->fromServer(line) : mediator->fromClient(line);
      CHECK(last.asks.size() == (number <= kMaxWaiting ? 1U : 0U));
    }
    const auto& said = isFromServer ? last.toServer : last.toClient;
    REQUIRE_FALSE(said.empty());
    CHECK((said.front() + last.doing).find("too many") != std::string::npos);
    CHECK(mediator->ended("the server is gone").withdrawn.size() == kMaxWaiting);
  }
}
