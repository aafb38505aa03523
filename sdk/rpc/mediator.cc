#include "sdk/rpc/mediator.h"

#include "sdk/rpc/message.h"

namespace ringfence::rpc {

Effects toClient(std::string line) {
  Effects effects;
  effects.toClient.push_back(std::move(line));
  return effects;
}

Effects toServer(std::string line) {
  Effects effects;
  effects.toServer.push_back(std::move(line));
  return effects;
}

Effects Mediator::found(const std::string&, const std::string&, const std::string&) { return {}; }

std::string Mediator::unreadable(const std::string& words) const {
  return complaintOf({ErrorCode::kInvalid, words, 0});
}

AgentVerdict notAsked(std::string why) {
  AgentVerdict verdict;
  verdict.outcome = "absent";
  verdict.say = std::move(why);
  return verdict;
}

std::string complaintOf(const Error& error) {
  const bool isText = error.message.find("is no JSON") == std::string::npos;
  return errorLine("", isText ? Code::kInvalidRequest : Code::kParseError, std::string(kSigned) + error.message);
}

}  // namespace ringfence::rpc
