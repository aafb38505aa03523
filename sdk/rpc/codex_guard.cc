#include "sdk/rpc/codex_guard.h"

#include <algorithm>
#include <utility>

#include "sdk/hook/answer.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxItems = 256;            // whose files are kept
constexpr std::string_view kOurs = "ringfence-";  // begins the ids of requests of ours

// Codex speaks JSON-RPC without naming its version, and some who drive it take no other member.
std::string answerLine(const std::string& id, const char* member, json content) {
  return dumped({{"id", json::parse(id.empty() ? "null" : id, nullptr, false)}, {member, std::move(content)}});
}
std::string refusedLine(const std::string& id, Code code, const std::string& words) {
  return answerLine(id, "error", {{"code", static_cast<int>(code)}, {"message", std::string(kSigned) + words}});
}

bool isOurs(const std::string& id) { return id.starts_with("\"" + std::string(kOurs)); }

std::string idAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::string() : dumped(*found);
}

}  // namespace

std::string CodexGuard::unreadable(const std::string& words) const {
  json complaint = json::parse(complaintOf({ErrorCode::kInvalid, words, 0}));
  complaint.erase("jsonrpc");
  return dumped(complaint);
}

const std::string* CodexGuard::keyOf(const std::string& id) const {
  const auto found = std::ranges::find_if(waiting_, [&](const auto& one) { return one.second.id == id; });
  return found == waiting_.end() ? nullptr : &found->first;
}

// ---- what the driver sends

Effects CodexGuard::fromClient(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) return toClient(unreadable(message.error().message));
  switch (message->kind) {
    case Message::Kind::kResponse:
      // It was never asked this.
      if (keyOf(message->id) != nullptr || ours_.contains(message->id)) return {};
      return toServer(inOneLine(line));
    case Message::Kind::kNotification: return toServer(inOneLine(line));
    case Message::Kind::kRequest: break;
  }
  if (isOurs(message->id))
    return toClient(refusedLine(message->id, Code::kInvalidRequest, "this id is taken by requests of its own"));
  if (outstanding_.size() < kMaxOutstanding) outstanding_.insert(message->id);
  if (message->method.starts_with("thread/") && beginnings_.size() < kMaxOutstanding) beginnings_.insert(message->id);
  return message->method == "turn/interrupt" ? interrupt(line) : toServer(inOneLine(line));
}

// The driver does not know of the questions that are ours, and Codex waits for each.
Effects CodexGuard::interrupt(const std::string& line) {
  const auto params = readParams(line, {"threadId", "turnId"});
  const std::string thread = params ? textAt(*params, "threadId") : "";
  Effects effects = toServer(inOneLine(line));
  std::erase_if(waiting_, [&](const auto& one) {
    const auto& [key, question] = one;
    if (question.approval.thread != thread) return false;
    effects.withdrawn.push_back(key);
    ours_.insert(question.id);
    effects.toServer.push_back(answerLine(
        question.id, "result", refusalOf(question.approval.kind, "Ringfence: the turn was interrupted", Turn::kEnds)));
    return true;
  });
  return effects;
}

// ---- what Codex sends

Effects CodexGuard::fromServer(const std::string& line) {
  const auto message = readMessage(line);
  if (!message) {
    Effects effects = toServer(unreadable(message.error().message));
    effects.doing = std::string(kSigned) + "a line of the agent is not passed on: " + message.error().message;
    return effects;
  }
  switch (message->kind) {
    case Message::Kind::kResponse:
      if (told_.erase(message->id) > 0) return {};
      outstanding_.erase(message->id);
      if (beginnings_.erase(message->id) > 0) noteThread(line);
      return toClient(inOneLine(line));
    case Message::Kind::kNotification: return notification(*message, line);
    case Message::Kind::kRequest: break;
  }
  const auto kind = approvalKind(message->method);
  return kind ? question(*message, *kind, line) : toClient(inOneLine(line));
}

Effects CodexGuard::notification(const Message& message, const std::string& line) {
  // Without an id nobody can be answered.
  if (approvalKind(message.method)) return {};
  if (message.method == "serverRequest/resolved") return resolved(line);
  Effects effects = toClient(inOneLine(line));
  effects.used = usedIn(message, line);
  const bool isStart = message.method == "item/started";
  const bool isEnd = message.method == "item/completed";
  const bool isChange = message.method == "item/fileChange/patchUpdated";
  if (!isStart && !isEnd && !isChange) return effects;
  const auto params = readParams(line, {"threadId", "item", "itemId", "changes"});
  if (!params) return effects;
  const std::string thread = textAt(*params, "threadId");
  const json item = params->value("item", json::object());
  if (isChange) note(thread, {{"id", textAt(*params, "itemId")}, {"changes", params->value("changes", json())}});
  if (isEnd) changes_.erase({thread, textAt(item, "id")});
  if (!isStart) return effects;
  const std::string type = textAt(item, "type");
  if (type == "fileChange") note(thread, item);
  if (type == "commandExecution") effects.doing = "Bash: " + textAt(item, "command");
  if (type == "fileChange") effects.doing = "apply_patch";
  return effects;
}

// What a thread begins with, or goes on with: whose answers they are that are counted.
void CodexGuard::noteThread(const std::string& line) {
  const json message = json::parse(line, nullptr, false);
  const json result = message.is_object() ? message.value("result", json()) : json();
  if (!result.is_object()) return;
  const std::string thread = textAt(result.value("thread", json::object()), "id");
  const std::string model = textAt(result, "model");
  if (!thread.empty() && !model.empty()) used_.threadIs(thread, model);
}

std::vector<AgentUsage> CodexGuard::usedIn(const Message& message, const std::string& line) {
  const bool isTurn = message.method == "turn/started";
  if (!isTurn && message.method != "thread/tokenUsage/updated") return {};
  const auto params = readParams(line, {"threadId", "turnId", "turn", "tokenUsage"});
  if (!params) return {};
  if (isTurn) used_.turnBegan(textAt(params->value("turn", json::object()), "id"));
  const auto used = isTurn ? std::nullopt : used_.take(*params);
  return used ? std::vector{*used} : std::vector<AgentUsage>();
}

// More than are kept are not known, and asked about as a call.
void CodexGuard::note(const std::string& thread, const json& item) {
  const Item named{thread, textAt(item, "id")};
  const auto changes = item.find("changes");
  std::vector<std::string> files = changes == item.end() ? std::vector<std::string>() : changedFiles(*changes);
  if (changes_.size() < kMaxItems || changes_.contains(named)) changes_.insert_or_assign(named, std::move(files));
}

// Codex waits no longer for an answer. Of questions that the driver never saw it is told nothing.
Effects CodexGuard::resolved(const std::string& line) {
  const auto params = readParams(line, {"requestId"});
  const std::string id = params ? idAt(*params, "requestId") : "";
  if (ours_.erase(id) > 0) return {};
  const std::string* key = keyOf(id);
  if (key == nullptr) return toClient(inOneLine(line));
  Effects effects;
  effects.withdrawn.push_back(*key);
  waiting_.erase(std::string(*key));
  return effects;
}

Effects CodexGuard::question(const Message& message, ApprovalKind kind, const std::string& line) {
  const auto refuse = [&](const std::string& words) {
    const std::string said = std::string(kSigned) + words + ", so it is not done.";
    Effects effects = toServer(answerLine(message.id, "result", refusalOf(kind, said, Turn::kGoesOn)));
    effects.doing = said;
    return effects;
  };
  if (const std::string* key = keyOf(message.id)) {
    // An answer to the one would be taken for an answer to the other: it is a no to both.
    Effects effects = refuse("a request with this id is not answered yet");
    effects.withdrawn.push_back(*key);
    waiting_.erase(std::string(*key));
    return effects;
  }
  if (waiting_.size() >= kMaxWaiting) return refuse("too many questions wait for an answer already");
  const auto params =
      readParams(line, {"threadId", "turnId", "itemId", "command", "cwd", "permissions", "conversationId", "callId",
                        "fileChanges", "grantRoot", "networkApprovalContext", "kind"});
  if (!params) return refuse(params.error().message);
  const auto known = changes_.find({textAt(*params, "threadId"), textAt(*params, "itemId")});
  auto approval =
      approvalAsked(kind, *params, known == changes_.end() ? std::vector<std::string>() : known->second, cwd_);
  if (!approval) return refuse("what is asked for cannot be read: " + approval.error().message);
  const std::string key = "leave-" + std::to_string(++questions_);
  Effects effects;
  effects.asks.push_back({key, approval->actions});
  waiting_.emplace(key, Question{message.id, line, *std::move(approval)});
  return effects;
}

// ---- what Ringfence answers

Effects CodexGuard::answered(const std::string& key, const AgentVerdict& verdict) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  const Question question = std::move(found->second);
  waiting_.erase(found);
  const bool isYes = verdict.allowed && verdict.outcome != "rewritten";
  // Nobody spoke about it, or only a person at the driver may: it is asked where it would be asked without Ringfence.
  if (isYes && (hook::isUnspoken(verdict) || question.approval.isForPerson)) return toClient(inOneLine(question.line));
  if (ours_.size() < kMaxOutstanding) ours_.insert(question.id);
  if (isYes) return toServer(answerLine(question.id, "result", acceptanceOf(question.approval)));
  const std::string words =
      std::string(kSigned) + (verdict.allowed ? "something else is to be done instead, but this agent cannot be told "
                                                "it, so nothing is done."
                                              : hook::wordsOf(verdict));
  const Turn turn = verdict.outcome == "stopped" ? Turn::kEnds : Turn::kGoesOn;
  Effects effects = toServer(answerLine(question.id, "result", refusalOf(question.approval.kind, words, turn)));
  if (turn == Turn::kGoesOn) tell(effects, question.approval, words);
  effects.doing = words;
  return effects;
}

// The answer to a request has no place for words, and its model reads "rejected by user". So they follow as an input of
// the turn that goes on, in our name; where it has ended meanwhile they come too late for it.
void CodexGuard::tell(Effects& effects, const Approval& approval, const std::string& words) {
  if (approval.turn.empty() || told_.size() >= kMaxWaiting) return;
  const std::string id = std::string(kOurs) + std::to_string(++words_);
  told_.insert(dumped(id));
  effects.toServer.push_back(dumped({{"id", id},
                                     {"method", "turn/steer"},
                                     {"params",
                                      {{"threadId", approval.thread},
                                       {"expectedTurnId", approval.turn},
                                       {"input", json::array({{{"type", "text"}, {"text", words}}})}}}}));
}

Effects CodexGuard::left() {
  Effects effects;
  for (const auto& [key, question] : waiting_) {
    effects.withdrawn.push_back(key);
    effects.toServer.push_back(
        answerLine(question.id, "result",
                   refusalOf(question.approval.kind, "Ringfence: whoever drives this agent has left", Turn::kEnds)));
  }
  waiting_.clear();
  return effects;
}

Effects CodexGuard::ended(std::string_view words) {
  Effects effects;
  for (const auto& [key, question] : waiting_) effects.withdrawn.push_back(key);
  waiting_.clear();
  for (const std::string& id : outstanding_)
    effects.toClient.push_back(refusedLine(id, Code::kRefused, std::string(words)));
  outstanding_.clear();
  return effects;
}

}  // namespace ringfence::rpc
