#include "sdk/rpc/control_line.h"

#include <array>
#include <optional>
#include <utility>

namespace ringfence::rpc {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kMembers{"type", "request_id", "request", "response"};

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

// What stands behind "\u", or nothing.
std::optional<unsigned> unitAt(std::string_view line, std::size_t at) {
  if (at + 6 > line.size() || line[at] != '\\' || line[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (const char digit : line.substr(at + 2, 4)) {
    const char low = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit + 'a' - 'A') : digit;
    const bool isLetter = low >= 'a' && low <= 'f';
    if (!isLetter && (low < '0' || low > '9')) return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(isLetter ? low - 'a' + 10 : low - '0');
  }
  return unit;
}

bool isHigh(std::optional<unsigned> unit) { return unit && *unit >= 0xd800 && *unit <= 0xdbff; }
bool isLow(std::optional<unsigned> unit) { return unit && *unit >= 0xdc00 && *unit <= 0xdfff; }

Result<json> bodyOf(std::string_view line, const char* member) {
  json message = json::parse(line.begin(), line.end(), nullptr, false);
  const auto body = message.is_object() ? message.find(member) : message.end();
  if (!message.is_object() || body == message.end() || !body->is_object())
    return invalid(std::string("the message has no object as its ") + member);
  return std::move(*body);
}

Result<std::string> idOf(std::string id) {
  if (id.empty() || id.size() > kMaxId || id.find('\0') != std::string::npos)
    return invalid("the request_id of the message is no text of at most " + std::to_string(kMaxId) + " bytes");
  return id;
}

}  // namespace

Result<ControlLine> readControlLine(std::string_view line) {
  const Outline outline = RF_TRY(outlineOf(line, kMembers));
  const auto textOf = [&](std::string_view name) {
    const auto found = outline.find(name);
    return found == outline.end() ? std::string() : found->second.text;
  };
  ControlLine control;
  control.type = textOf("type");
  if (control.type.empty()) return invalid("the message has no type");
  if (control.type == "control_request") {
    control.kind = ControlLine::Kind::kRequest;
    control.id = RF_TRY(idOf(textOf("request_id")));
    control.body = RF_TRY(bodyOf(line, "request"));
    RF_TRY(checkNames(control.body, {"subtype", "tool_name", "input", "tool_use_id"}, "the request has"));
    control.subtype = textAt(control.body, "subtype");
    if (control.subtype.empty()) return invalid("the request has no subtype");
  } else if (control.type == "control_response") {
    control.kind = ControlLine::Kind::kResponse;
    control.body = RF_TRY(bodyOf(line, "response"));
    RF_TRY(checkNames(control.body, {"request_id", "subtype", "response"}, "the response has"));
    control.id = RF_TRY(idOf(textAt(control.body, "request_id")));
  } else if (control.type == "control_cancel_request") {
    control.kind = ControlLine::Kind::kCancel;
    control.id = RF_TRY(idOf(textOf("request_id")));
  }
  return control;
}

std::string withoutHalfCharacters(std::string line) {
  for (std::size_t at = line.find('\\'); at < line.size(); at = line.find('\\', at)) {
    const auto unit = unitAt(line, at);
    if (isHigh(unit) && isLow(unitAt(line, at + 6))) {
      at += 12;
    } else {
      if (isHigh(unit) || isLow(unit)) line.replace(at, 6, "\\ufffd");
      at += unit ? 6 : 2;
    }
  }
  return line;
}

std::string controlAnswer(const std::string& id, const json& answer) {
  return dumped(
      {{"type", "control_response"}, {"response", {{"subtype", "success"}, {"request_id", id}, {"response", answer}}}});
}

std::string controlError(const std::string& id, const std::string& words) {
  return dumped(
      {{"type", "control_response"}, {"response", {{"subtype", "error"}, {"request_id", id}, {"error", words}}}});
}

}  // namespace ringfence::rpc
