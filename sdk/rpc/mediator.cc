#include "sdk/rpc/mediator.h"

#include "sdk/rpc/message.h"

namespace ringfence::rpc {

AgentVerdict notAsked(std::string why) {
  AgentVerdict verdict;
  verdict.outcome = "absent";
  verdict.say = std::move(why);
  return verdict;
}

std::string complaintOf(const Error& error) {
  const bool isText = error.message.find("is no JSON") == std::string::npos;
  return errorLine("", isText ? Code::kInvalidRequest : Code::kParseError, "Ringfence: " + error.message);
}

}  // namespace ringfence::rpc
