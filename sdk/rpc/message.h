// One message of JSON-RPC 2.0 in a line, from bytes that may be anything; and the lines that answer one. What a line is
// refused for is in sdk/rpc/outline.h. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/rpc/outline.h"

namespace ringfence::rpc {

struct Message {
  enum class Kind { kRequest, kNotification, kResponse };
  Kind kind = Kind::kNotification;
  std::string method;  // empty: of a response
  std::string id;      // as JSON: a text or a whole number, of a response also null; empty: of a notification
  bool operator==(const Message&) const = default;
};

// Fails with kInvalid: what is wrong with the line.
Result<Message> readMessage(std::string_view line);
// The parameters of a message that readMessage() takes; an object without members where there are none. Fails with
// kInvalid: they are no object, or a member of this name in other letters is beside one of `names`.
Result<nlohmann::json> readParams(std::string_view line, std::initializer_list<std::string_view> names);
// The same message with other parameters.
std::string withParams(std::string_view line, const nlohmann::json& params);

// Codes of JSON-RPC and of the protocols on top of it.
enum class Code : int {
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kRefused = -32000,  // by us, with words
  kCancelled = -32800,
};
// `id` as in Message; empty: it is not known.
std::string errorLine(std::string_view id, Code code, std::string_view words);
std::string resultLine(std::string_view id, const nlohmann::json& result);

}  // namespace ringfence::rpc
