#include "sdk/rpc/claude_guard.h"

#include <algorithm>
#include <utility>

#include "sdk/hook/answer.h"
#include "sdk/hook/contract.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;
using Kind = ControlLine::Kind;

constexpr std::string_view kAsking = "can_use_tool";

json allowed(const json& input) { return {{"behavior", "allow"}, {"updatedInput", input}}; }

enum class Turn { kGoesOn, kEnds };
json denied(std::string_view words, Turn turn = Turn::kGoesOn) {
  json answer{{"behavior", "deny"}, {"message", std::string(kSigned) + std::string(words)}};
  if (turn == Turn::kEnds) answer["interrupt"] = true;
  return answer;
}

// A line that is none, to the side that sent it: neither waits for an answer of this name.
std::string complaint(const std::string& words) { return controlError("", std::string(kSigned) + words); }

bool flagAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

// What is asked, or why it is nothing that could be asked.
Result<std::pair<hook::Event, hook::Request>> asked(const json& body, const std::string& cwd) {
  hook::Event event;
  event.name = kAsking;
  event.cwd = cwd;
  event.tool = textAt(body, "tool_name");
  if (event.tool.empty() || event.tool.size() > hook::kMaxToolName || event.tool.find('\0') != std::string::npos)
    return Error{ErrorCode::kInvalid, "the request names no tool, or one whose name is too long or holds a NUL", 0};
  const auto input = body.find("input");
  if (input == body.end() || !input->is_object())
    return Error{ErrorCode::kInvalid, "the input of the tool is no object", 0};
  event.input = *input;
  hook::Request request = RF_TRY(hook::requestOf(*hook::findContract("claude"), event));
  for (AgentAction& action : request.actions) {
    if (action.words.empty()) action.words = textAt(body, "description");
  }
  return std::pair(std::move(event), std::move(request));
}

// For whoever looks at the run: the tools that a message of the agent is about to use.
std::string doingOf(const std::string& line) {
  const json message = json::parse(line, nullptr, false);
  if (!message.is_object() || !message.contains("message") || !message["message"].is_object()) return {};
  const auto content = message["message"].find("content");
  if (content == message["message"].end() || !content->is_array()) return {};
  std::string doing;
  for (const json& part : *content) {
    if (textAt(part, "type") != "tool_use") continue;
    doing = textAt(part, "name");
    const auto input = part.find("input");
    const std::string words = input == part.end() ? std::string() : textAt(*input, "description");
    if (!words.empty()) doing += ": " + words;
  }
  return doing;
}

}  // namespace

std::string ClaudeGuard::unreadable(const std::string& words) const { return complaint(words); }

const std::string* ClaudeGuard::keyOf(const std::string& id) const {
  const auto found = std::ranges::find_if(waiting_, [&](const auto& one) { return one.second.id == id; });
  return found == waiting_.end() ? nullptr : &found->first;
}

void ClaudeGuard::endAll(Effects& effects, const std::string& words) {
  for (const auto& [key, question] : waiting_) {
    effects.withdrawn.push_back(key);
    effects.toServer.push_back(controlAnswer(question.id, denied(words)));
    if (ended_.size() < kMaxOutstanding) ended_.insert(question.id);
  }
  waiting_.clear();
}

// ---- what the driver sends

Effects ClaudeGuard::fromClient(const std::string& text) {
  const std::string whole = withoutHalfCharacters(text);
  const auto control = readControlLine(whole);
  if (!control) return toClient(complaint(control.error().message));
  const std::string line = inOneLine(whole);
  switch (control->kind) {
    case Kind::kRequest: {
      if (outstanding_.size() < kMaxOutstanding) outstanding_.insert(control->id);
      Effects effects = toServer(line);
      if (control->subtype == "interrupt") endAll(effects, "the turn was interrupted, so it is not done.");
      return effects;
    }
    case Kind::kResponse:
      // It was never asked this.
      if (keyOf(control->id) != nullptr) return toClient(complaint("this request is not the driver's to answer"));
      passed_.erase(control->id);
      return toServer(line);
    case Kind::kCancel: outstanding_.erase(control->id); return toServer(line);
    case Kind::kOther: break;
  }
  return toServer(line);
}

// ---- what the agent sends

Effects ClaudeGuard::fromServer(const std::string& text) {
  const std::string whole = withoutHalfCharacters(text);
  const auto control = readControlLine(whole);
  if (!control) {
    Effects effects = toServer(complaint(control.error().message));
    effects.doing = std::string(kSigned) + "a line of the agent is not passed on: " + control.error().message;
    return effects;
  }
  const std::string line = inOneLine(whole);
  switch (control->kind) {
    case Kind::kRequest: return control->subtype == kAsking ? question(*control, line) : toClient(line);
    case Kind::kResponse: return response(*control, line);
    case Kind::kCancel: return takenBack(*control, line);
    case Kind::kOther: break;
  }
  Effects effects = toClient(line);
  if (control->type == "assistant") effects.doing = doingOf(line);
  if (control->type == "result") effects.used = used_.take(json::parse(line, nullptr, false));
  return effects;
}

Effects ClaudeGuard::question(const ControlLine& control, const std::string& line) {
  if (keyOf(control.id) != nullptr || passed_.contains(control.id)) return again(control, line);
  const auto refuse = [&](const std::string& words) {
    return toServer(controlAnswer(control.id, denied(words + ", so it is not done.")));
  };
  if (hasLeft_) return refuse("whoever drives this agent has left");
  if (waiting_.size() >= kMaxWaiting) return refuse("too many questions wait for an answer already");
  if (passed_.size() >= kMaxOutstanding) return refuse("too many questions wait for the driver already");
  auto about = asked(control.body, cwd_);
  if (!about) return refuse(about.error().message);
  Question question{control.id, line, flagAt(control.body, "requires_user_interaction"), std::move(about->first),
                    std::move(about->second)};
  const std::string key = "tool-" + std::to_string(++questions_);
  Effects effects;
  effects.asks.push_back({key, question.request.actions});
  waiting_.emplace(key, std::move(question));
  return effects;
}

// The same line again is the same question. Another one under the same name is a no to both: an answer to the one
// would be taken for an answer to the other.
Effects ClaudeGuard::again(const ControlLine& control, const std::string& line) {
  const std::string* key = keyOf(control.id);
  if (key != nullptr && waiting_.at(*key).line == line) return {};
  Effects effects =
      toServer(controlAnswer(control.id, denied("a request with this id is not answered yet, so neither is done.")));
  if (key != nullptr) {
    effects.withdrawn.push_back(*key);
    waiting_.erase(std::string(*key));
  } else {
    effects.toClient.push_back(dumped({{"type", "control_cancel_request"}, {"request_id", control.id}}));
    passed_.erase(control.id);
  }
  return effects;
}

Effects ClaudeGuard::takenBack(const ControlLine& control, const std::string& line) {
  const std::string* key = keyOf(control.id);
  if (key == nullptr && ended_.erase(control.id) > 0) return {};
  if (key == nullptr) {
    passed_.erase(control.id);
    return toClient(line);
  }
  Effects effects;
  effects.withdrawn.push_back(*key);
  waiting_.erase(std::string(*key));
  return effects;
}

// To a driver that joins, the agent lists the questions that it waits for. Those that are not its own it is not told.
Effects ClaudeGuard::response(const ControlLine& control, const std::string& line) {
  outstanding_.erase(control.id);
  const auto pending = control.body.find("pending_permission_requests");
  if (pending == control.body.end() || !pending->is_array()) return toClient(line);
  json kept = json::array();
  for (const json& one : *pending) {
    if (passed_.contains(textAt(one, "request_id"))) kept.push_back(one);
  }
  if (kept.size() == pending->size()) return toClient(line);
  json message = json::parse(line, nullptr, false);
  if (message.is_object()) message["response"]["pending_permission_requests"] = std::move(kept);
  return toClient(inOneLine(dumped(message)));
}

// ---- what Ringfence answers

Effects ClaudeGuard::answered(const std::string& key, const AgentVerdict& verdict) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  const Question question = std::move(found->second);
  waiting_.erase(found);
  const auto refuse = [&](const std::string& words, Turn turn) {
    Effects effects = toServer(controlAnswer(question.id, denied(words, turn)));
    effects.doing = std::string(kSigned) + words;
    return effects;
  };
  if (!verdict.allowed)
    return refuse(hook::wordsOf(verdict), verdict.outcome == "stopped" ? Turn::kEnds : Turn::kGoesOn);
  if (verdict.outcome == "rewritten") {
    const auto input = hook::rewrittenInput(question.event, question.request, verdict);
    if (input) return toServer(controlAnswer(question.id, allowed(*input)));
    return refuse("something else is to be done instead, but this agent cannot be told it (" + input.error().message +
                      "), so nothing is done.",
                  Turn::kGoesOn);
  }
  // Nobody spoke about it, or there is more to say than yes: it is asked where it would be asked without Ringfence.
  if (hook::isUnspoken(verdict) || question.isForDriver) {
    passed_.insert(question.id);
    return toClient(question.line);
  }
  return toServer(controlAnswer(question.id, allowed(question.event.input)));
}

Effects ClaudeGuard::left() {
  hasLeft_ = true;
  Effects effects;
  endAll(effects, "whoever drives this agent has left, so it is not done.");
  return effects;
}

Effects ClaudeGuard::ended(std::string_view words) {
  Effects effects;
  for (const auto& [key, question] : waiting_) effects.withdrawn.push_back(key);
  waiting_.clear();
  for (const std::string& id : outstanding_)
    effects.toClient.push_back(controlError(id, std::string(kSigned) + std::string(words)));
  outstanding_.clear();
  return effects;
}

}  // namespace ringfence::rpc
