// Whatever comes from either side, in whatever pieces: it is refused with words, asked about within the bounds that the
// daemon takes, or passed on as the same document; and no call of a tool reaches a server without an answer.
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/error.h"
#include "sdk/hook/usage.h"
#include "sdk/rpc/acp_guard.h"
#include "sdk/rpc/claude_guard.h"
#include "sdk/rpc/codex_guard.h"
#include "sdk/rpc/lines.h"
#include "sdk/rpc/mcp_guard.h"
#include "sdk/rpc/mcp_tools.h"

using namespace ringfence;
using namespace ringfence::rpc;

namespace {

std::unique_ptr<Mediator> made(char kind) {
  if (kind == 't') return std::make_unique<McpTools>("/work", "");
  if (kind == 'g') return std::make_unique<McpGuard>("server");
  if (kind == 'c') return std::make_unique<ClaudeGuard>("/work");
  if (kind == 'x') return std::make_unique<CodexGuard>("/work");
  return std::make_unique<AcpGuard>("/work");
}

bool isCall(const std::string& line) {
  const auto message = readMessage(line);
  return message && message->method == "tools/call";
}

// As the daemon takes reports; one that it refused would end the connection.
void checkUsed(const AgentUsage& used) {
  RF_CHECK(used.inputTokens <= hook::kMaxTokens && used.outputTokens <= hook::kMaxTokens);
  RF_CHECK(used.costUsd.value_or(0) >= 0 && used.costUsd.value_or(0) <= hook::kMaxCostUsd);
  RF_CHECK(used.model.size() <= 64 && !used.id.empty() && used.id.size() <= 64 && used.counters.size() <= 8);
  for (const auto& [name, count] : used.counters) RF_CHECK(count <= hook::kMaxTokens);
}

void checkAll(const Effects& effects, char kind, bool wasAnswered) {
  for (const std::string& line : effects.toServer) {
    RF_CHECK(line.find_first_of("\r\n") == std::string::npos);
    RF_CHECK(nlohmann::json::accept(line));
    RF_CHECK(kind != 'g' || wasAnswered || !isCall(line));
  }
  for (const AgentUsage& used : effects.used) checkUsed(used);
  // What a server says to its client is passed as it is; all else is ours.
  for (const std::string& line : effects.toClient) RF_CHECK(kind == 'g' || nlohmann::json::accept(line));
  for (const Ask& ask : effects.asks) {
    RF_CHECK(!ask.actions.empty() && ask.actions.size() <= 16);
    for (const AgentAction& action : ask.actions) {
      RF_CHECK(!action.target.empty() && action.target.size() <= 8192 && action.inputJson.size() <= 16 << 10);
      RF_CHECK(action.target.find('\0') == std::string::npos);
      RF_CHECK(action.inputJson.empty() || nlohmann::json::parse(action.inputJson).is_object());
    }
  }
}

void answerAll(Mediator& mediator, const Effects& effects, char kind, std::string_view words) {
  for (std::size_t number = 0; number < effects.asks.size(); ++number) {
    AgentVerdict verdict;
    verdict.outcome = words.size() % 3 == 0 ? "allowed" : words.size() % 3 == 1 ? "rewritten" : "denied";
    verdict.allowed = verdict.outcome != "denied";
    verdict.say = std::string(words.substr(0, 64));
    if (verdict.outcome == "rewritten") verdict.inputJson = std::string(words);
    checkAll(mediator.answered(effects.asks[number].key, verdict), kind, verdict.allowed);
  }
  for (const std::string& key : effects.lookups) checkAll(mediator.found(key, std::string(words), ""), kind, false);
}

}  // namespace

// The first byte says who stands between; of each line the first says which side it is from.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const char kind = static_cast<char>(data[0]);
  const auto mediator = made(kind);
  LineReader reader(Bytes{4096});
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t half = bytes.size() / 2;
  for (const std::string_view part : {bytes.substr(0, half), bytes.substr(half)}) {
    reader.feed(part);
    while (const auto line = reader.next()) {
      if (line->isTooLong || line->text.empty()) continue;
      const std::string text = line->text.substr(1);
      const Effects effects = line->text[0] == 's' ? mediator->fromServer(text) : mediator->fromClient(text);
      checkAll(effects, kind, false);
      answerAll(*mediator, effects, kind, text);
    }
  }
  checkAll(mediator->left(), kind, false);
  checkAll(mediator->ended("it is over"), kind, false);
  return 0;
}
