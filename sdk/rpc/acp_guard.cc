#include "sdk/rpc/acp_guard.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sdk/hook/answer.h"
#include "sdk/hook/contract.h"
#include "sdk/hook/request.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;
using Operation = AgentAction::Operation;

// As the daemon takes them.
constexpr std::size_t kMaxTarget = 4096;
constexpr std::size_t kMaxWordsOfCommand = 256;
// Of the requests that an agent has for its editor: those that do nothing but ask the person.
constexpr std::array<std::string_view, 3> kHarmless{"session/request_permission", "session/elicitation",
                                                    "elicitation/create"};
constexpr std::array<std::string_view, 2> kOutside{"fs/", "terminal/"};

std::string absolute(const std::string& path, const std::string& cwd) {
  return path.starts_with('/') || cwd.empty() ? path : cwd + "/" + path;
}

void addOnce(std::vector<std::string>& paths, const std::string& path) {
  if (!path.empty() && std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
}

const json* memberOf(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// The files that a call of a tool says that it is about.
std::vector<std::string> pathsOf(const json& tool) {
  std::vector<std::string> paths;
  for (const char* list : {"content", "locations"}) {
    const json* all = memberOf(tool, list);
    if (all == nullptr || !all->is_array()) continue;
    for (const json& one : *all) addOnce(paths, textAt(one, "path"));
  }
  return paths;
}

std::optional<std::vector<std::string>> wordsIn(const json* command) {
  if (command == nullptr || !command->is_array() || command->empty()) return std::nullopt;
  std::vector<std::string> words;
  for (const json& word : *command) {
    if (!word.is_string()) return std::nullopt;
    words.push_back(word.get<std::string>());
  }
  return words;
}

// Nothing: it is a call of the tool.
std::vector<AgentAction> actionsOf(const json& tool, const std::string& title, const std::string& cwd) {
  const std::string kind = textAt(tool, "kind");
  const bool changes = kind == "edit" || kind == "delete" || kind == "move";
  std::vector<AgentAction> actions;
  if (changes || kind == "read") {
    const std::vector<std::string> paths = pathsOf(tool);
    if (paths.size() > hook::kMaxFiles) return {};
    for (const std::string& path : paths) {
      actions.push_back(
          {.operation = changes ? Operation::kWrite : Operation::kRead, .target = absolute(path, cwd), .words = title});
    }
    return actions;
  }
  const json* input = memberOf(tool, "rawInput");
  if (input == nullptr) return {};
  if (kind == "execute") {
    const auto words = wordsIn(memberOf(*input, "command"));
    if (words && !words->front().empty() && words->size() <= kMaxWordsOfCommand)
      actions.push_back({.operation = Operation::kExec, .target = words->front(), .argv = *words, .words = title});
  } else if (kind == "fetch") {
    const std::string endpoint = hook::endpointOf(textAt(*input, "url"));
    if (!endpoint.empty()) actions.push_back({.operation = Operation::kConnect, .target = endpoint, .words = title});
  }
  return actions;
}

// What the agent says beside the title: where a command runs, what a tool is given.
std::string saidBeside(const json& tool) {
  std::string said;
  const json* all = memberOf(tool, "content");
  if (all == nullptr || !all->is_array()) return said;
  for (const json& one : *all) {
    const json* content = memberOf(one, "content");
    const std::string text = content != nullptr ? textAt(*content, "text") : "";
    if (!text.empty()) said += (said.empty() ? "" : "\n") + text;
  }
  return said;
}

// As a call: the kind of the tool is its name, for the protocol has no other.
Result<std::vector<AgentAction>> callOf(const json& tool, const std::string& title) {
  static constexpr hook::Contract kAnyAgent = hook::withoutTools("acp", "session/request_permission");
  hook::Event event;
  event.name = "session/request_permission";
  event.tool = textAt(tool, "kind");
  if (event.tool.empty() || event.tool.size() > hook::kMaxToolName) event.tool = "other";
  const json* input = memberOf(tool, "rawInput");
  if (input != nullptr && input->is_object()) {
    event.input = *input;
  } else {
    event.input = {{"title", title}};
    if (const std::string said = saidBeside(tool); !said.empty()) event.input["content"] = said;
  }
  hook::Request request = RF_TRY(hook::requestOf(kAnyAgent, event));
  request.actions.front().words = title;
  return std::move(request.actions);
}

json selected(const std::string& option) { return {{"outcome", {{"outcome", "selected"}, {"optionId", option}}}}; }
json cancelled() { return {{"outcome", {{"outcome", "cancelled"}}}}; }

// For whoever looks at the run.
std::string doingOf(const json& tool) {
  const std::string kind = textAt(tool, "kind"), title = textAt(tool, "title");
  return kind.empty() || title.empty() ? kind + title : kind + ": " + title;
}

// Of the call of a tool, to the editor, as if its agent said it.
std::string updateLine(const std::string& session, const json& update) {
  return dumped(
      {{"jsonrpc", "2.0"}, {"method", "session/update"}, {"params", {{"sessionId", session}, {"update", update}}}});
}

json nextOf(const std::string& call, const char* status) {
  return {{"sessionUpdate", "tool_call_update"}, {"toolCallId", call}, {"status", status}};
}

// With the words below what the question had: what is told of a call's content replaces it.
json refusedCall(const std::string& call, const std::string& question, const std::string& words) {
  json next = nextOf(call, "failed");
  next["content"] = json::array();
  const json asked = json::parse(question, nullptr, false);
  const json* params = memberOf(asked, "params");
  const json* tool = params != nullptr ? memberOf(*params, "toolCall") : nullptr;
  const json* content = tool != nullptr ? memberOf(*tool, "content") : nullptr;
  if (content != nullptr && content->is_array()) next["content"] = *content;
  next["content"].push_back({{"type", "content"}, {"content", {{"type", "text"}, {"text", words}}}});
  return next;
}

bool isOutside(std::string_view method) {
  return std::ranges::any_of(kOutside, [&](std::string_view head) { return method.starts_with(head); });
}

}  // namespace

Result<Leave> leaveAsked(const json& params, const std::string& cwd) {
  const json* tool = memberOf(params, "toolCall");
  const json* options = memberOf(params, "options");
  if (tool == nullptr || !tool->is_object() || options == nullptr || !options->is_array())
    return Error{ErrorCode::kInvalid, "a request for leave has a toolCall and options", 0};
  Leave leave;
  for (const json& option : *options) {
    const std::string kind = textAt(option, "kind");
    if (kind == "allow_once" && leave.allowOnce.empty()) leave.allowOnce = textAt(option, "optionId");
    if (kind == "reject_once" && leave.rejectOnce.empty()) leave.rejectOnce = textAt(option, "optionId");
  }
  const std::string title = textAt(*tool, "title");
  leave.actions = actionsOf(*tool, title, cwd);
  if (leave.actions.empty()) leave.actions = RF_TRY(callOf(*tool, title));
  for (const AgentAction& action : leave.actions) {
    if (action.target.size() > kMaxTarget || action.target.find('\0') != std::string::npos)
      return Error{ErrorCode::kInvalid, "what is asked for is too long, or holds a NUL", 0};
  }
  return leave;
}

// ---- what the editor sends

Effects AcpGuard::fromClient(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) return toClient(complaintOf(message.error()));
  if (message->kind == Message::Kind::kRequest && outstanding_.size() < kMaxOutstanding) {
    outstanding_.insert(message->id);
    if (message->method == "session/prompt") prompts_.insert(message->id);
  }
  if (message->method == "initialize" && message->kind == Message::Kind::kRequest) return initialize(*message, line);
  if (message->method == "session/cancel") return cancelSession(line);
  return toServer(inOneLine(line));
}

Effects AcpGuard::initialize(const Message& message, const std::string& line) {
  auto params = readParams(line, {"clientCapabilities", "protocolVersion", "clientInfo"});
  if (!params) {
    outstanding_.erase(message.id);
    return toClient(errorLine(message.id, Code::kInvalidParams, std::string(kSigned) + params.error().message));
  }
  initializeId_ = message.id;
  (*params)["clientCapabilities"] = {{"fs", {{"readTextFile", false}, {"writeTextFile", false}}}, {"terminal", false}};
  return toServer(withParams(line, *params));
}

// The editor owes each of its session's questions this answer, and does not know of those that are ours.
Effects AcpGuard::cancelSession(const std::string& line) {
  const auto params = readParams(line, {"sessionId"});
  const std::string session = params ? textAt(*params, "sessionId") : "";
  Effects effects = toServer(inOneLine(line));
  std::erase_if(waiting_, [&](const auto& one) {
    if (one.second.session != session) return false;
    calls_.erase({session, one.second.announced});
    effects.withdrawn.push_back(one.first);
    effects.toServer.push_back(resultLine(one.second.id, cancelled()));
    return true;
  });
  return effects;
}

// ---- what the agent sends

Effects AcpGuard::fromServer(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) return toServer(complaintOf(message.error()));
  switch (message->kind) {
    case Message::Kind::kResponse: return response(*message, line);
    case Message::Kind::kNotification:
      if (isOutside(message->method) || std::ranges::find(kHarmless, message->method) != kHarmless.end()) return {};
      if (message->method == "session/update") return update(line);
      if (message->method == "$/cancel_request") return cancelRequest(line);
      return toClient(inOneLine(line));
    case Message::Kind::kRequest: break;
  }
  if (message->method == "session/request_permission") return question(*message, line);
  if (std::ranges::find(kHarmless, message->method) != kHarmless.end()) return toClient(inOneLine(line));
  return toServer(errorLine(message->id, Code::kMethodNotFound,
                            "Ringfence: the editor would do that outside of the fence of this run, so it is not asked; "
                            "do it here"));
}

Effects AcpGuard::response(const Message& message, const std::string& line) {
  outstanding_.erase(message.id);
  if (message.id == initializeId_) {
    initializeId_.clear();
    return toClient(withoutForeignSignIn(line));
  }
  Effects effects = toClient(inOneLine(line));
  if (prompts_.erase(message.id) == 0 || usage_ == UsageFrom::kHook) return effects;
  const json answer = json::parse(line, nullptr, false);
  if (const json* result = memberOf(answer, "result")) effects.used = used_.take(*result);
  return effects;
}

// An agent can name a command that the editor runs for its person to sign in, with an environment of its choosing.
std::string AcpGuard::withoutForeignSignIn(const std::string& line) const {
  json message = json::parse(line, nullptr, false);
  if (!message.is_object() || !message.contains("result") || !message["result"].is_object()) return inOneLine(line);
  json& result = message["result"];
  const auto methods = result.find("authMethods");
  if (methods == result.end() || !methods->is_array()) return inOneLine(line);
  json kept = json::array();
  for (json& method : *methods) {
    if (!method.is_object() || (method.contains("type") && textAt(method, "type") != "agent")) continue;
    method.erase("_meta");
    kept.push_back(std::move(method));
  }
  *methods = std::move(kept);
  return inOneLine(dumped(message));
}

Effects AcpGuard::question(const Message& message, const std::string& line) {
  const auto refuse = [&](const std::string& words) {
    return toServer(
        errorLine(message.id, Code::kInvalidParams, std::string(kSigned) + words + ", so nothing is done."));
  };
  const auto params = readParams(line, {"sessionId", "toolCall", "options"});
  if (!params) return refuse(params.error().message);
  auto leave = leaveAsked(*params, cwd_);
  if (!leave) return refuse(leave.error().message);
  const bool isRepeated = std::ranges::any_of(waiting_, [&](const auto& one) { return one.second.id == message.id; });
  if (isRepeated) return refuse("a request with this id is not answered yet");
  if (waiting_.size() >= kMaxWaiting) return refuse("too many questions wait for an answer already");
  const std::string key = "leave-" + std::to_string(++questions_);
  const std::string session = textAt(*params, "sessionId");
  const json& tool = params->at("toolCall");
  Effects effects;
  std::string announced = announce(effects, session, tool);
  effects.doing = doingOf(tool);
  effects.asks.push_back({key, leave->actions});
  waiting_.emplace(key, Question{message.id, session, line, std::move(announced), *std::move(leave)});
  return effects;
}

// The id of the call, if the editor has not heard of it by now.
std::string AcpGuard::announce(Effects& effects, const std::string& session, const json& tool) {
  const std::string call = textAt(tool, "toolCallId");
  if (calls_.size() >= kMaxOutstanding) calls_.clear();
  if (call.empty() || !calls_.insert({session, call}).second) return "";
  // A question may leave out what a call has, and says null for what it does not change.
  json told{{"title", textAt(tool, "kind")}};
  for (const auto& [name, value] : tool.items()) {
    if (!value.is_null()) told[name] = value;
  }
  told["sessionUpdate"] = "tool_call";
  told["status"] = "pending";
  effects.toClient.push_back(updateLine(session, told));
  return call;
}

Effects AcpGuard::cancelRequest(const std::string& line) {
  const auto params = readParams(line, {"requestId"});
  if (!params) return {};
  const json* named = memberOf(*params, "requestId");
  const std::string id = named == nullptr ? std::string() : dumped(*named);
  const auto found = std::ranges::find_if(waiting_, [&](const auto& one) { return one.second.id == id; });
  if (found == waiting_.end()) return toClient(inOneLine(line));
  Effects effects = toServer(errorLine(id, Code::kCancelled, "Ringfence: cancelled"));
  effects.withdrawn.push_back(found->first);
  waiting_.erase(found);
  return effects;
}

Effects AcpGuard::update(const std::string& line) {
  Effects effects = toClient(inOneLine(line));
  const auto params = readParams(line, {});
  const json* told = params ? memberOf(*params, "update") : nullptr;
  if (told == nullptr) return effects;
  const std::string what = textAt(*told, "sessionUpdate"), status = textAt(*told, "status");
  const Call call{textAt(*params, "sessionId"), textAt(*told, "toolCallId")};
  const bool hasEnded = status == "completed" || status == "failed";
  if (what == "tool_call") {
    effects.doing = doingOf(*told);
    if (!hasEnded && calls_.size() < kMaxOutstanding) calls_.insert(call);
  }
  if (hasEnded) calls_.erase(call);
  return effects;
}

// ---- what Ringfence answers

Effects AcpGuard::answered(const std::string& key, const AgentVerdict& verdict) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  const Question question = std::move(found->second);
  waiting_.erase(found);
  const bool isYes = verdict.allowed && verdict.outcome != "rewritten";
  // Nobody spoke about it, or the agent offers no leave for once: it is its person's affair, in the editor.
  if (isYes && (hook::isUnspoken(verdict) || question.leave.allowOnce.empty()))
    return toClient(inOneLine(question.line));
  const auto tellEditor = [&](Effects& effects, const json& next) {
    if (!question.announced.empty()) effects.toClient.push_back(updateLine(question.session, next));
  };
  if (isYes) {
    Effects effects = toServer(resultLine(question.id, selected(question.leave.allowOnce)));
    tellEditor(effects, nextOf(question.announced, "in_progress"));
    return effects;
  }
  json answer = question.leave.rejectOnce.empty() ? cancelled() : selected(question.leave.rejectOnce);
  const std::string words = verdict.allowed ? "something else is to be done instead, but this agent cannot be told it, "
                                              "so nothing is done."
                                            : hook::wordsOf(verdict);
  answer["_meta"] = {{"ringfence", {{"outcome", verdict.outcome}, {"message", std::string(kSigned) + words}}}};
  Effects effects = toServer(resultLine(question.id, answer));
  effects.doing = std::string(kSigned) + words;
  tellEditor(effects, refusedCall(question.announced, question.line, effects.doing));
  calls_.erase({question.session, question.announced});
  return effects;
}

Effects AcpGuard::left() {
  Effects effects;
  for (const auto& [key, question] : waiting_) {
    effects.withdrawn.push_back(key);
    effects.toServer.push_back(resultLine(question.id, cancelled()));
  }
  waiting_.clear();
  return effects;
}

Effects AcpGuard::ended(std::string_view words) {
  Effects effects;
  for (const auto& [key, question] : waiting_) effects.withdrawn.push_back(key);
  waiting_.clear();
  for (const std::string& id : outstanding_)
    effects.toClient.push_back(errorLine(id, Code::kRefused, std::string(kSigned) + std::string(words)));
  outstanding_.clear();
  return effects;
}

}  // namespace ringfence::rpc
