// One line of the stream of Claude Code (--input-format and --output-format stream-json): a message of the
// conversation, or one of its control protocol. What a line is refused for is in sdk/rpc/outline.h. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/rpc/outline.h"

namespace ringfence::rpc {

struct ControlLine {
  enum class Kind { kRequest, kResponse, kCancel, kOther };
  Kind kind = Kind::kOther;
  std::string type;     // as it stands there
  std::string id;       // of the request that it is, answers or takes back; else empty
  std::string subtype;  // of a request
  nlohmann::json body;  // of a request what is asked for, of a response what is said; else null
};

// Fails with kInvalid: what is wrong with the line.
Result<ControlLine> readControlLine(std::string_view line);

// A half of a character, as JavaScript writes a text that it cut in two, is no JSON to most readers: in the same
// document a sign of replacement stands for it.
std::string withoutHalfCharacters(std::string line);

std::string controlAnswer(const std::string& id, const nlohmann::json& answer);
// `id` empty: it is not known, and who reads it waits for no such answer.
std::string controlError(const std::string& id, const std::string& words);

}  // namespace ringfence::rpc
