#include "sdk/hook/answer.h"

#include <optional>
#include <utility>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::hook {
namespace {

using nlohmann::json;
using Operation = AgentAction::Operation;

constexpr std::string_view kSigned = "Ringfence: ";

std::string dumped(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string permission(const Contract& contract, std::string_view decision, std::string_view reason,
                       const std::optional<json>& input) {
  JsonWriter out;
  out.beginObject().key("hookSpecificOutput").beginObject().field("hookEventName", contract.asking);
  out.field("permissionDecision", decision);
  if (!reason.empty()) out.field("permissionDecisionReason", reason);
  if (input) out.key("updatedInput").raw(dumped(*input));
  out.endObject().endObject();
  return std::move(out).take() + "\n";
}

std::string decision(const Contract& contract, std::string_view decided, std::string_view reason,
                     const std::optional<json>& input) {
  JsonWriter out;
  out.beginObject().field("decision", decided);
  if (!reason.empty()) out.field("reason", reason);
  if (input) {
    out.key("hookSpecificOutput").beginObject().field("hookEventName", contract.asking);
    out.key("tool_input").raw(dumped(*input)).endObject();
  }
  out.endObject();
  return std::move(out).take() + "\n";
}

Answer told(const Contract& contract, std::string_view decided, std::string_view reason,
            const std::optional<json>& input) {
  switch (contract.shape) {
    case Shape::kPermission: return {.out = permission(contract, decided, reason, input), .err = {}};
    case Shape::kDecision: return {.out = decision(contract, decided, reason, input), .err = {}};
  }
  return blockade(reason);
}

std::string sentence(std::string text) {
  if (!text.empty() && std::string_view(".!?").find(text.back()) == std::string_view::npos) text += '.';
  return text;
}

Error untellable(std::string what) { return {ErrorCode::kUnsupported, std::move(what), 0}; }

// An agent that merges keeps what a person took out.
bool isTakenOut(const json& before, const json& after) {
  for (const auto& [name, value] : before.items()) {
    if (!after.contains(name)) return true;
  }
  return false;
}

Answer rewritten(const Contract& contract, const Event& event, const Request& request, const AgentVerdict& verdict) {
  const auto input = rewrittenInput(event, request, verdict);
  std::string why = input ? "" : input.error().message;
  if (input && contract.rewriting == Rewriting::kMerges && isTakenOut(event.input, *input))
    why = "this agent would keep the fields that were taken out of the input";
  if (!why.empty()) {
    return denial(contract, "something else is to be done instead, but this agent cannot be told it (" + why +
                                "), so nothing is done.");
  }
  const std::string words = std::string(kSigned) + "done with another input than asked for";
  return told(contract, "allow", sentence(verdict.say.empty() ? words : words + ": " + verdict.say), *input);
}

}  // namespace

bool isUnspoken(const AgentVerdict& verdict) {
  return verdict.outcome == "allowed" && verdict.rule.starts_with("tools.default");
}

std::string wordsOf(const AgentVerdict& verdict) {
  std::string words;
  std::string next;
  if (verdict.outcome == "forbidden") {
    words = "the policy of this run forbids it";
    next = "Do not try it again; do it in another way, or say what you need.";
  } else if (verdict.outcome == "denied") {
    words = "a person said no";
    next = "Do not try it again as it is.";
  } else if (verdict.outcome == "expired" || verdict.outcome == "unanswered") {
    words = "there is no answer, so it is not done";
    next = "It may be asked once more later; go on with something else.";
  } else if (verdict.outcome == "stopped") {
    words = "the run was held or stopped while this waited for an answer";
  } else if (verdict.outcome == "absent") {
    words = "there is nobody to ask, so it is not done";
  } else {
    words = "it could not be asked, so it is not done";
  }
  if (!verdict.say.empty()) words += ": " + verdict.say;
  words = sentence(std::move(words));
  if (!verdict.rule.empty() && !verdict.fileLine.empty())
    words += " Rule: " + verdict.rule + " (" + verdict.fileLine + ").";
  return next.empty() ? words : words + " " + next;
}

Result<json> rewrittenInput(const Event& event, const Request& request, const AgentVerdict& verdict) {
  const Operation operation = request.actions.front().operation;
  const bool isPath = operation == Operation::kRead || operation == Operation::kWrite;
  const bool isOther = (!verdict.argv.empty() && operation != Operation::kExec) || (verdict.path && !isPath) ||
                       (verdict.host && operation != Operation::kConnect) || verdict.content ||
                       (verdict.inputJson && operation != Operation::kCall);
  if (isOther) return untellable("it cannot be put into the input of this tool");
  if (operation == Operation::kCall) {
    if (!verdict.inputJson) return untellable("it has no input");
    return readObject(*verdict.inputJson);
  }
  if (request.field.empty() || request.actions.size() != 1)
    return untellable("of a change to several files no part can be replaced");
  json input = event.input;
  json& field = input[request.field];
  if (!verdict.argv.empty())
    field = verdict.argv;
  else if (verdict.path)
    field = *verdict.path;
  else if (verdict.host && field.is_string())
    field = withHost(field.get_ref<const std::string&>(), *verdict.host);
  else
    return untellable("it says nothing");
  return input;
}

Answer denial(const Contract& contract, std::string_view words) {
  const std::string reason = std::string(kSigned) + std::string(words.empty() ? "no reason is known." : words);
  return told(contract, "deny", reason, std::nullopt);
}

Answer blockade(std::string_view words) {
  return {.out = {}, .err = std::string(kSigned) + escapeForDisplay(words) + "\n", .status = kBlock};
}

Answer answerTo(const Contract& contract, const Event& event, const Request& request, const AgentVerdict& verdict) {
  if (!verdict.allowed) return denial(contract, wordsOf(verdict));
  if (verdict.outcome == "rewritten") return rewritten(contract, event, request, verdict);
  if (contract.allowing == Allowing::kSilent || isUnspoken(verdict)) return silence();
  return told(contract, "allow", verdict.say.empty() ? std::string() : std::string(kSigned) + verdict.say,
              std::nullopt);
}

}  // namespace ringfence::hook
