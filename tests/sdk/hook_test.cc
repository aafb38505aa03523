#include "sdk/hook/answer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/text.h"
#include "sdk/hook/event.h"
#include "sdk/hook/request.h"
#include "tests/support/agent_json.h"

using namespace ringfence;
using namespace ringfence::hook;
using nlohmann::json;
using ringfence::test::shown;
using ringfence::test::verdictOf;

namespace {

// The lines of a file of what agents send, and what becomes of it.
std::vector<json> linesOf(const std::string& name) {
  std::ifstream file(std::string(RF_SOURCE_DIR) + "/tests/sdk/hook/" + name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  REQUIRE_FALSE(lines.empty());
  return lines;
}

const Contract& contractOf(const std::string& agent) {
  const Contract* contract = findContract(agent);
  REQUIRE(contract != nullptr);
  return *contract;
}

Event bash(const json& input) {
  const auto event =
      readEvent(json{{"hook_event_name", "PreToolUse"}, {"tool_name", "Bash"}, {"tool_input", input}}.dump());
  REQUIRE(event);
  return *event;
}

}  // namespace

TEST_CASE("what each agent sends before it uses a tool is asked about as what it is") {
  for (const Contract& contract : contracts()) {
    for (const json& line : linesOf(std::string(contract.agent) + ".jsonl")) {
      INFO(contract.agent << " " << line["event"].dump());
      const auto event = readEvent(line["event"].dump());
      REQUIRE(event);
      CHECK(event->name == contract.asking);
      const auto request = requestOf(contract, *event);
      REQUIRE(request);
      json asks = json::array();
      for (const AgentAction& action : request->actions) asks.push_back(shown(action));
      CHECK(asks == line["asks"]);
      CHECK(request->doing == line["doing"]);
    }
  }
}

TEST_CASE("of whole sessions of real agents each use of a tool is asked about once, and all other events are read") {
  const std::map<std::string, std::vector<std::string>> kAsked = {
      {"claude",
       {"call Bash", "write /srv/project/new.txt", "read /srv/project/seen.txt", "write /srv/project/seen.txt",
        "connect docs.example.com:80"}},
      {"codex", {"call Bash", "write /srv/project/new.txt", "read /etc/hostname", "call update_goal"}},
      {"gemini",
       {"call run_shell_command", "write /srv/project/a.txt", "read /srv/project/a.txt", "write /srv/project/a.txt",
        "read /srv/project/.", "call glob", "call grep_search", "call web_fetch"}}};
  for (const auto& [agent, wanted] : kAsked) {
    const Contract& contract = contractOf(agent);
    std::vector<std::string> asked;
    for (const json& line : linesOf("sessions/" + agent + ".jsonl")) {
      INFO(line.dump());
      const auto event = readEvent(line.dump());
      REQUIRE(event);
      if (event->name != contract.asking) continue;
      const auto request = requestOf(contract, *event);
      REQUIRE(request);
      for (const AgentAction& action : request->actions)
        asked.push_back(shown(action)["op"].get<std::string>() + " " + action.target);
    }
    CHECK(asked == wanted);
    // The tables know events that these agents do send.
    for (const EventRow& row : contract.events) {
      const auto lines = linesOf("sessions/" + agent + ".jsonl");
      const bool isSent =
          std::ranges::any_of(lines, [&](const json& line) { return line["hook_event_name"] == row.event; });
      CHECK((isSent || row.event == "Notification"));
    }
  }
}

TEST_CASE("each agent is answered in its own form, and what it cannot be told is a no") {
  for (const json& line : linesOf("answers.jsonl")) {
    INFO(line.dump());
    const Contract& contract = contractOf(line["agent"]);
    const auto event = readEvent(line["event"].dump());
    REQUIRE(event);
    const auto request = requestOf(contract, *event);
    REQUIRE(request);
    const Answer answer = answerTo(contract, *event, *request, verdictOf(line["verdict"]));
    CHECK(answer.status == 0);
    CHECK(answer.err.empty());
    CHECK((answer.out.empty() ? json() : json::parse(answer.out)) == line["out"]);
  }
}

TEST_CASE("what is no event is refused with words that say why") {
  for (const json& line : linesOf("hostile.jsonl")) {
    INFO(line.dump());
    const auto event = readEvent(line["bytes"].get<std::string>());
    REQUIRE_FALSE(event);
    CHECK(event.error().code == ErrorCode::kInvalid);
    if (line["error"].is_string())
      CHECK(event.error().message == line["error"].get<std::string>());
    else
      CHECK(event.error().message.starts_with("the event is no JSON, or ends before its end (at byte "));
  }
}

TEST_CASE("nothing hides in an event behind a NUL") {
  const std::string event = R"({"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls"}})";
  REQUIRE(readEvent(event));
  CHECK(readEvent(event + '\0' + event).error().message == "the event is no JSON: it holds a NUL");
}

TEST_CASE("a patch names its files as the agent reads them, whatever blanks are around") {
  const auto paths = pathsOf(
      "*** Begin Patch\n*** Add File: ok.txt\n+x\n *** Add File: deploy/prod.env\r\n+y\n\t*** Update File: a "
      "b.cc\u2003\n"
      "*** Move to: c.cc \n*** Delete File: .env\t\n+ *** Delete File: kept\n*** End Patch\n");
  CHECK(paths == std::vector<std::string>{"ok.txt", "deploy/prod.env", "a b.cc", "c.cc ", ".env"});
}

TEST_CASE("an event is at most a mebibyte, and nests as deep as it may") {
  const std::string front = R"({"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":")";
  const std::string back = "\"}}";
  const std::string fits = front + std::string(kMaxEvent.count - front.size() - back.size(), 'x') + back;
  CHECK(readEvent(fits));
  const auto tooLong = readEvent(fits + " ");
  REQUIRE_FALSE(tooLong);
  CHECK(tooLong.error().message == "the event is longer than 1.0 MiB");
  const auto nested = [&](std::size_t levels) {
    return R"({"hook_event_name":"Stop","a":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  CHECK(readEvent(nested(kMaxNesting - 1)));
  CHECK_FALSE(readEvent(nested(kMaxNesting)));
  CHECK_FALSE(readEvent(nested(500'000)));
}

TEST_CASE("bytes that are no UTF-8 are no event") {
  CHECK_FALSE(readEvent("{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"\xff\"}"));
}

TEST_CASE("an input that is too long to be shown is not shown in part") {
  const std::string command(20'000, 'x');
  const auto request = requestOf(contractOf("claude"), bash({{"command", command}, {"description", "Long"}}));
  REQUIRE(request);
  const AgentAction& action = request->actions.front();
  CHECK(action.inputJson.empty());
  CHECK(action.words == "its input has 20035 bytes and is not shown; Long");
}

TEST_CASE("a path that holds a NUL, or is longer than any path, is not asked about") {
  const Contract& codex = contractOf("codex");
  Event event = bash(json::object());
  event.tool = "view_image";
  event.input = {{"path", std::string("/a\0b", 4)}};
  CHECK_FALSE(requestOf(codex, event));
  event.input = {{"path", "/" + std::string(5000, 'a')}};
  const auto request = requestOf(codex, event);
  REQUIRE_FALSE(request);
  CHECK(request.error().message == "what the tool view_image is about is longer than 4096 bytes");
  event.tool.clear();
  CHECK_FALSE(requestOf(codex, event));
}

TEST_CASE("an address that readers could understand in two ways is no connection") {
  CHECK(endpointOf("https://example.org") == "example.org:443");
  CHECK(endpointOf("HTTP://Example.ORG:8080/a@b") == "example.org:8080");
  CHECK(endpointOf("https://a@b@example.org\\@evil.example/") == "example.org:443");
  for (const char* url :
       {"", "example.org", "ftp://example.org", "https://", "https://:443", "https://a b/", "https://a%2eb/",
        "https://example.org:x/", "https://example.org:/", "https://exa\tmple.org/"})
    CHECK(endpointOf(url).empty());
}

TEST_CASE("a no has words and never another meaning, for each agent") {
  for (const Contract& contract : contracts()) {
    for (const std::string words : {"", "\x1b[2J", "two\nlines", "\xff"}) {
      const Answer answer = denial(contract, words);
      const json out = json::parse(answer.out);
      const bool isPermission = contract.shape == Shape::kPermission;
      const json& decided = isPermission ? out["hookSpecificOutput"]["permissionDecision"] : out["decision"];
      const json& reason = isPermission ? out["hookSpecificOutput"]["permissionDecisionReason"] : out["reason"];
      CHECK(decided == "deny");
      CHECK(reason.get<std::string>().size() > std::string("Ringfence: ").size());
      CHECK(answer.status == 0);
    }
    CHECK(contract.patience < contract.agentTimeout - contract.agentTimeout / 20);
  }
  const Answer block = blockade("\x1b[2J");
  CHECK(block.status == 2);
  CHECK(block.err == "Ringfence: \\x1b[2J\n");
  CHECK(block.out.empty());
}
