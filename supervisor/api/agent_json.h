// The messages of the agent's socket (sdk/proto/agent.proto) as JSON, as protobuf maps them, with the original names of
// fields. Pure.
//
// Protobuf's own converter describes the types of a message anew for every packet, which takes ten times as long as all
// else that an agent waits for before it acts. This one knows what those messages are made of: texts, numbers, flags,
// lists of texts, messages and maps of numbers; a field of another kind is never read.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "sdk/base/result.h"

namespace ringfence::supervisor::api {

// Into an empty message. Fails with kInvalid, naming what is wrong: no JSON, a name that is no field or comes twice,
// two fields of which only one may be there, a value of another kind. `json` nests no deeper than a caller counted.
Result<void> readAgentJson(std::string_view json, google::protobuf::Message& message);

// With every number, text, flag and list that has no presence of its own, also where it is 0 or empty. Empty where it
// cannot be written: a text is not UTF-8. `message` has no maps.
std::string writeAgentJson(const google::protobuf::Message& message);

}  // namespace ringfence::supervisor::api
