#include "sdk/rpc/message.h"

#include <array>
#include <utility>

#include "sdk/base/json_writer.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 6> kMembers{"jsonrpc", "id", "method", "params", "result", "error"};

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

}  // namespace

Result<Message> readMessage(std::string_view line) {
  const Outline outline = RF_TRY(outlineOf(line, kMembers));
  const auto id = outline.find("id");
  const auto method = outline.find("method");
  const bool hasId = id != outline.end();
  const bool hasResult = outline.contains("result");
  const bool isAnswer = hasResult || outline.contains("error");
  if ((method != outline.end()) == isAnswer) return invalid("the message is neither a request nor an answer");
  if (hasResult && outline.contains("error")) return invalid("the message has both a result and an error");
  const std::string shown = hasId ? id->second.json : std::string();
  if (hasId && (shown.empty() || shown.size() > kMaxId || (shown == "null" && !isAnswer)))
    return invalid("the id of the message is no whole number and no text of at most " + std::to_string(kMaxId) +
                   " bytes");
  if (isAnswer && !hasId) return invalid("the message answers nothing: it has no id");
  if (isAnswer) return Message{Message::Kind::kResponse, "", shown};
  if (method->second.text.empty()) return invalid("the method of the message is no text, or an empty one");
  return Message{hasId ? Message::Kind::kRequest : Message::Kind::kNotification, method->second.text, shown};
}

Result<json> readParams(std::string_view line, std::initializer_list<std::string_view> names) {
  json message = json::parse(line.begin(), line.end(), nullptr, false);
  const auto params = message.is_object() ? message.find("params") : message.end();
  if (!message.is_object() || params == message.end()) return json::object();
  if (!params->is_object()) return invalid("the parameters are no object");
  RF_TRY(checkNames(*params, names, "the parameters have"));
  return std::move(*params);
}

std::string withParams(std::string_view line, const json& params) {
  json message = json::parse(line.begin(), line.end(), nullptr, false);
  if (message.is_object()) message["params"] = params;
  return inOneLine(dumped(message));
}

std::string errorLine(std::string_view id, Code code, std::string_view words) {
  JsonWriter out;
  out.beginObject().field("jsonrpc", "2.0").key("id").raw(id.empty() ? "null" : id);
  out.key("error").beginObject().field("code", static_cast<int>(code)).field("message", words).endObject().endObject();
  return std::move(out).take();
}

std::string resultLine(std::string_view id, const json& result) {
  JsonWriter out;
  out.beginObject().field("jsonrpc", "2.0").key("id").raw(id.empty() ? "null" : id);
  out.key("result").raw(dumped(result)).endObject();
  return std::move(out).take();
}

}  // namespace ringfence::rpc
