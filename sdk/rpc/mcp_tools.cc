#include "sdk/rpc/mcp_tools.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sdk/hook/answer.h"
#include "sdk/hook/contract.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;
using Operation = AgentAction::Operation;

constexpr std::size_t kMaxTarget = 4096;  // as the daemon takes it
// The newest is what a client is offered that speaks none of them.
constexpr std::array<std::string_view, 4> kVersions{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

constexpr std::string_view kTools = R"([
  {"name": "approve", "title": "Ask Ringfence instead of the person at the terminal",
   "description": "Decides about the use of a tool: the policy of this run, or its person. For --permission-prompt-tool.",
   "inputSchema": {"type": "object", "required": ["tool_name", "input"], "properties": {
     "tool_name": {"type": "string"}, "input": {"type": "object"}, "tool_use_id": {"type": "string"}}}},
  {"name": "request_permission", "title": "Ask before something is done",
   "description": "Asks whether this run may do something. The policy answers at once, or a person after a while. A yes opens nothing by itself; the fence still judges what is done.",
   "inputSchema": {"type": "object", "required": ["op", "target"], "properties": {
     "op": {"type": "string", "enum": ["read", "write", "exec", "connect", "call"]},
     "target": {"type": "string", "description": "a path, a program, host:port, or the name of a tool"},
     "argv": {"type": "array", "items": {"type": "string"}, "description": "exec: all words of the command"},
     "input": {"type": "object", "description": "call: the input of the tool"},
     "words": {"type": "string", "description": "why, for the person who is asked"}}}},
  {"name": "explain_denial", "title": "What was denied last",
   "description": "What Ringfence denied this run last, by which rule, and what to do now.",
   "inputSchema": {"type": "object", "properties": {}},
   "annotations": {"readOnlyHint": true}}
])";

Effects refuse(const Message& message, Code code, const std::string& words) {
  return toClient(errorLine(message.id, code, std::string(kSigned) + words));
}

json text(const std::string& words) { return {{"type", "text"}, {"text", words}}; }

std::string behaviour(const hook::Event& event, const hook::Request& request, const AgentVerdict& verdict) {
  json answer{{"behavior", "deny"}};
  if (!verdict.allowed) {
    answer["message"] = std::string(kSigned) + hook::wordsOf(verdict);
    return dumped(answer);
  }
  json input = event.input;
  if (verdict.outcome == "rewritten") {
    auto other = hook::rewrittenInput(event, request, verdict);
    if (!other) {
      answer["message"] = std::string(kSigned) +
                          "something else is to be done instead, but this tool cannot be told it (" +
                          other.error().message + "), so nothing is done.";
      return dumped(answer);
    }
    input = *std::move(other);
  }
  return dumped({{"behavior", "allow"}, {"updatedInput", std::move(input)}});
}

// As the agent takes it whose person is asked; a text like any other for whoever asked something else.
std::string denied(const std::string& id, const std::string& words) {
  const std::string answer = dumped({{"behavior", "deny"}, {"message", std::string(kSigned) + words}});
  return resultLine(id, {{"content", json::array({text(answer)})}, {"isError", false}});
}

json permission(const AgentVerdict& verdict) {
  json told{{"allowed", verdict.allowed},
            {"outcome", verdict.outcome},
            {"say", verdict.say},
            {"rule", verdict.rule},
            {"file_line", verdict.fileLine}};
  if (!verdict.argv.empty()) told["argv"] = verdict.argv;
  if (verdict.path) told["path"] = *verdict.path;
  if (verdict.host) told["host"] = *verdict.host;
  if (verdict.content) told["content"] = *verdict.content;
  if (verdict.inputJson) told["input"] = json::parse(*verdict.inputJson, nullptr, false);
  std::string words(kSigned);
  if (!verdict.allowed)
    words += hook::wordsOf(verdict);
  else if (verdict.outcome == "rewritten")
    words += "allowed, but not as asked: use what the next text names instead.";
  else
    words += "allowed." + (verdict.say.empty() ? "" : " " + verdict.say);
  return {{"content", json::array({text(words), text(dumped(told))})}, {"isError", false}};
}

// "host denied by RULE" and what to do now, from a line of $RINGFENCE_DENIALS.
std::string denialWords(const json& denial) {
  const std::string say = textAt(denial, "say");
  const std::string rule = textAt(denial, "rule");
  const std::string place = textAt(denial, "file_line");
  std::string words = std::string(kSigned) + "the last that was not allowed: " + textAt(denial, "op") + " " +
                      textAt(denial, "target") + " (" + textAt(denial, "outcome") + ")";
  if (!say.empty()) words += ": " + say;
  words += ".";
  if (!rule.empty()) words += " Rule: " + rule + (place.empty() ? "" : " (" + place + ")") + ".";
  if (const auto next = denial.find("next"); next != denial.end() && next->is_array()) {
    for (const json& one : *next) {
      if (one.is_string()) words += " Now: " + one.get<std::string>() + ".";
    }
  }
  return words;
}

std::optional<Operation> operationOf(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames{"read", "write", "exec", "connect", "call"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Operation>(found - kNames.begin());
}

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

Result<hook::Request> permissionAsked(const json& given, const std::string& cwd) {
  const auto operation = operationOf(textAt(given, "op"));
  if (!operation) return invalid("op is one of read, write, exec, connect and call");
  AgentAction action{.operation = *operation, .target = textAt(given, "target"), .words = textAt(given, "words")};
  const bool isPath = *operation == Operation::kRead || *operation == Operation::kWrite;
  if (isPath && !action.target.empty() && !action.target.starts_with('/')) action.target = cwd + "/" + action.target;
  if (action.target.empty() || action.target.find('\0') != std::string::npos || action.target.size() > kMaxTarget)
    return invalid("target is a text of 1 to " + std::to_string(kMaxTarget) + " bytes without NUL");
  if (const auto argv = given.find("argv"); argv != given.end()) {
    const auto isWord = [](const json& word) { return word.is_string(); };
    if (!argv->is_array() || !std::ranges::all_of(*argv, isWord)) return invalid("argv is a list of texts");
    if (*operation == Operation::kExec) action.argv = argv->get<std::vector<std::string>>();
  }
  if (*operation == Operation::kExec && action.argv.empty()) action.argv = {action.target};
  if (const auto input = given.find("input"); input != given.end() && *operation == Operation::kCall) {
    if (!input->is_object()) return invalid("input is an object");
    action.inputJson = dumped(*input);
  }
  return hook::Request{.actions = {std::move(action)}, .field = {}, .doing = {}};
}

Result<hook::Event> approvalAsked(const json& given, const std::string& cwd) {
  hook::Event event;
  event.name = "PreToolUse";
  event.cwd = cwd;
  event.tool = textAt(given, "tool_name");
  if (event.tool.empty() || event.tool.size() > hook::kMaxToolName || event.tool.find('\0') != std::string::npos)
    return invalid("tool_name is a text of 1 to " + std::to_string(hook::kMaxToolName) + " bytes without NUL");
  const auto input = given.find("input");
  if (input == given.end() || !input->is_object()) return invalid("input is no object");
  event.input = *input;
  return event;
}

}  // namespace

Effects McpTools::fromClient(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) return toClient(complaintOf(message.error()));
  if (message->kind == Message::Kind::kRequest) return request(*message, line);
  if (message->method == "notifications/cancelled") return cancel(line);
  return {};
}

Effects McpTools::request(const Message& message, const std::string& line) {
  if (message.method == "ping") return toClient(resultLine(message.id, json::object()));
  if (message.method == "initialize") return initialize(message, line);
  const bool isKnown = message.method == "tools/list" || message.method == "tools/call";
  if (!isKnown) return refuse(message, Code::kMethodNotFound, "there is no such method");
  if (!isInitialized_) return refuse(message, Code::kInvalidRequest, "initialize comes first");
  if (message.method == "tools/list") return toClient(resultLine(message.id, {{"tools", json::parse(kTools)}}));
  return call(message, line);
}

Effects McpTools::initialize(const Message& message, const std::string& line) {
  const auto params = readParams(line, {});
  if (!params) return refuse(message, Code::kInvalidParams, params.error().message);
  isInitialized_ = true;
  const std::string asked = textAt(*params, "protocolVersion");
  const bool isSpoken = std::ranges::find(kVersions, asked) != kVersions.end();
  json result{{"protocolVersion", isSpoken ? asked : std::string(kVersions.front())},
              {"capabilities", {{"tools", json::object()}}},
              {"serverInfo", {{"name", "ringfence"}, {"title", "Ringfence"}, {"version", RINGFENCE_VERSION}}}};
  result["instructions"] =
      absent_.empty() ? "You run inside a fence. What it does not let you do fails; explain_denial says why. "
                        "request_permission asks before you try."
                      : "There is no fence here (" + absent_ + "), so nothing can be asked and nothing is allowed.";
  return toClient(resultLine(message.id, result));
}

Effects McpTools::call(const Message& message, const std::string& line) {
  const auto params = readParams(line, {"name", "arguments"});
  if (!params) return refuse(message, Code::kInvalidParams, params.error().message);
  const auto isSame = [&](const auto& one) { return one.second.id == message.id; };
  if (std::ranges::any_of(waiting_, isSame))
    return refuse(message, Code::kInvalidRequest, "a request with this id is not answered yet");
  const std::string tool = textAt(*params, "name");
  const json given = params->value("arguments", json::object());
  Call call{message.id, Tool::kApprove, {}, {}};
  if (tool == "explain_denial") {
    call.tool = Tool::kExplainDenial;
    return wait(std::move(call));
  }
  if (tool == "request_permission") {
    call.tool = Tool::kRequestPermission;
    auto request = permissionAsked(given, cwd_);
    if (!request) return refuse(message, Code::kInvalidParams, request.error().message);
    call.request = *std::move(request);
    return wait(std::move(call));
  }
  if (tool != "approve") return refuse(message, Code::kInvalidParams, "there is no such tool");
  auto event = approvalAsked(given, cwd_);
  if (!event) return toClient(denied(message.id, event.error().message + ", so nothing is done."));
  call.event = *std::move(event);
  auto request = hook::requestOf(*hook::findContract("claude"), call.event);
  if (!request) return toClient(denied(message.id, request.error().message + ", so nothing is done."));
  call.request = *std::move(request);
  return wait(std::move(call));
}

Effects McpTools::wait(Call call) {
  if (waiting_.size() >= kMaxWaiting)
    return toClient(denied(call.id, "too many calls wait for an answer already, so nothing is done."));
  const std::string key = "call-" + std::to_string(++calls_);
  Effects effects;
  if (call.tool == Tool::kExplainDenial) {
    effects.lookups.push_back(key);
  } else {
    effects.asks.push_back({key, call.request.actions});
    effects.doing = call.request.doing;
  }
  waiting_.emplace(key, std::move(call));
  return effects;
}

Effects McpTools::answered(const std::string& key, const AgentVerdict& verdict) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  const Call call = std::move(found->second);
  waiting_.erase(found);
  if (call.tool == Tool::kRequestPermission) return toClient(resultLine(call.id, permission(verdict)));
  const std::string answer = behaviour(call.event, call.request, verdict);
  return toClient(resultLine(call.id, {{"content", json::array({text(answer)})}, {"isError", false}}));
}

Effects McpTools::found(const std::string& key, const std::string& denial, const std::string& trouble) {
  const auto waiting = waiting_.find(key);
  if (waiting == waiting_.end()) return {};
  const std::string id = waiting->second.id;
  waiting_.erase(waiting);
  const json parsed = json::parse(denial, nullptr, false);
  json content = json::array();
  if (parsed.is_object()) {
    content.push_back(text(denialWords(parsed)));
    content.push_back(text(dumped(parsed)));
  } else if (!trouble.empty()) {
    content.push_back(text(std::string(kSigned) + "it is not known what was denied: " + trouble + "."));
  } else {
    content.push_back(text(std::string(kSigned) + "nothing was denied yet."));
  }
  const bool isUnknown = !parsed.is_object() && !trouble.empty();
  return toClient(resultLine(id, {{"content", content}, {"isError", isUnknown}}));
}

// An answer is owed no more.
Effects McpTools::cancel(const std::string& line) {
  const auto params = readParams(line, {"requestId"});
  if (!params) return {};
  const auto named = params->find("requestId");
  const std::string id = named == params->end() ? std::string() : dumped(*named);
  const auto waiting = std::ranges::find_if(waiting_, [&](const auto& one) { return one.second.id == id; });
  Effects effects;
  if (waiting == waiting_.end()) return effects;
  effects.withdrawn.push_back(waiting->first);
  waiting_.erase(waiting);
  return effects;
}

Effects McpTools::left() {
  Effects effects;
  for (const auto& [key, call] : waiting_) effects.withdrawn.push_back(key);
  waiting_.clear();
  return effects;
}

}  // namespace ringfence::rpc
