#include "sdk/rpc/mcp_guard.h"

#include <algorithm>
#include <utility>

#include "sdk/hook/answer.h"
#include "sdk/hook/contract.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;

// What its tools touch a server alone knows: each is a call.
constexpr hook::Contract kAnyServer = hook::withoutTools("mcp", "tools/call");

Effects invalidParams(const Message& message, const std::string& words) {
  return toClient(errorLine(message.id, Code::kInvalidParams, std::string(kSigned) + words));
}

}  // namespace

Effects McpGuard::fromClient(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) return toClient(complaintOf(message.error()));
  // Without an id nobody could be told no.
  if (message->method == "tools/call" && message->kind != Message::Kind::kRequest) return {};
  if (message->method == "tools/call") return call(*message, line);
  if (message->method == "notifications/cancelled") return cancel(line);
  return pass(*message, line);
}

Effects McpGuard::pass(const Message& message, const std::string& line) {
  if (message.kind == Message::Kind::kRequest && outstanding_.size() < kMaxOutstanding) outstanding_.insert(message.id);
  return toServer(inOneLine(line));
}

Effects McpGuard::call(const Message& message, const std::string& line) {
  auto params = readParams(line, {"name", "arguments", "task"});
  if (!params) return invalidParams(message, params.error().message);
  const bool isRepeated = outstanding_.contains(message.id) ||
                          std::ranges::any_of(waiting_, [&](const auto& one) { return one.second.id == message.id; });
  if (isRepeated)
    return toClient(
        errorLine(message.id, Code::kInvalidRequest, "Ringfence: a request with this id is not answered yet"));
  Call call{message.id, line, params->contains("task"), {}, {}};
  const std::string tool = textAt(*params, "name");
  if (tool.empty()) return invalidParams(message, "the call names no tool");
  call.event.name = "tools/call";
  call.event.tool = server_ + "." + tool;
  if (call.event.tool.size() > hook::kMaxToolName || tool.find('\0') != std::string::npos)
    return invalidParams(message, "the name of the tool is too long, or holds a NUL");
  if (const auto given = params->find("arguments"); given != params->end() && !given->is_null()) {
    if (!given->is_object()) return invalidParams(message, "the arguments of the tool are no object");
    call.event.input = std::move(*given);
  }
  auto request = hook::requestOf(kAnyServer, call.event);
  if (!request) return invalidParams(message, request.error().message);
  call.request = *std::move(request);
  ++calls_;
  last_ = call.request.doing;
  if (waiting_.size() >= kMaxWaiting) {
    ++refused_;
    return toClient(refusal(call, "too many calls wait for an answer already, so this one is not done."));
  }
  const std::string key = "call-" + std::to_string(calls_);
  Effects effects;
  effects.asks.push_back({key, call.request.actions});
  effects.doing = doing();
  waiting_.emplace(key, std::move(call));
  return effects;
}

// What was cancelled before the server heard of it, it never hears of.
Effects McpGuard::cancel(const std::string& line) {
  const auto params = readParams(line, {"requestId"});
  if (!params) return {};
  const auto named = params->find("requestId");
  const std::string id = named == params->end() ? std::string() : dumped(*named);
  const auto found = std::ranges::find_if(waiting_, [&](const auto& one) { return one.second.id == id; });
  Effects effects;
  if (found == waiting_.end()) {
    effects.toServer.push_back(inOneLine(line));
    return effects;
  }
  effects.withdrawn.push_back(found->first);
  waiting_.erase(found);
  return effects;
}

Effects McpGuard::fromServer(const std::string& line) {
  const auto message = readMessage(line);
  if (message && message->kind == Message::Kind::kResponse) {
    // To a call that it has not heard of it has no answer.
    for (const auto& [key, call] : waiting_) {
      if (call.id == message->id) return {};
    }
    outstanding_.erase(message->id);
  }
  return toClient(line);
}

std::string McpGuard::refusal(const Call& call, const std::string& words) {
  const std::string said = std::string(kSigned) + words;
  if (call.isTask) return errorLine(call.id, Code::kRefused, said);
  return resultLine(call.id, {{"content", json::array({{{"type", "text"}, {"text", said}}})}, {"isError", true}});
}

std::string McpGuard::doing() const {
  std::string text = last_ + " (" + std::to_string(calls_) + (calls_ == 1 ? " call" : " calls");
  if (refused_ > 0) text += ", " + std::to_string(refused_) + " refused";
  return text + ")";
}

Effects McpGuard::answered(const std::string& key, const AgentVerdict& verdict) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  const Call call = std::move(found->second);
  waiting_.erase(found);
  const auto refused = [&](const std::string& words) {
    ++refused_;
    Effects effects = toClient(refusal(call, words));
    effects.doing = doing();
    return effects;
  };
  if (!verdict.allowed) return refused(hook::wordsOf(verdict));
  std::string line = inOneLine(call.line);
  if (verdict.outcome == "rewritten") {
    auto input = hook::rewrittenInput(call.event, call.request, verdict);
    if (!input)
      return refused("something else is to be done instead, but the server cannot be told it (" +
                     input.error().message + "), so nothing is done.");
    auto params = readParams(call.line, {});
    if (!params) return refused("the call cannot be changed, so nothing is done.");
    (*params)["arguments"] = *std::move(input);
    line = withParams(call.line, *params);
  }
  if (outstanding_.size() < kMaxOutstanding) outstanding_.insert(call.id);
  Effects effects;
  effects.toServer.push_back(std::move(line));
  return effects;
}

Effects McpGuard::left() {
  Effects effects;
  for (const auto& [key, call] : waiting_) effects.withdrawn.push_back(key);
  waiting_.clear();
  return effects;
}

Effects McpGuard::ended(std::string_view words) {
  const std::string said = std::string(kSigned) + std::string(words);
  Effects effects;
  for (const auto& [key, call] : waiting_) {
    effects.withdrawn.push_back(key);
    effects.toClient.push_back(errorLine(call.id, Code::kRefused, said));
  }
  waiting_.clear();
  for (const std::string& id : outstanding_) effects.toClient.push_back(errorLine(id, Code::kRefused, said));
  outstanding_.clear();
  return effects;
}

}  // namespace ringfence::rpc
