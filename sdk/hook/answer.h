// What the agent is told, exactly as it takes it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "sdk/agent/agent.h"
#include "sdk/base/result.h"
#include "sdk/hook/contract.h"
#include "sdk/hook/event.h"
#include "sdk/hook/request.h"

namespace ringfence::hook {

// With status 0 an agent reads what is written on the standard output, with kBlock on the error output; each of them
// takes kBlock for a no, and any other status for an accident after which it goes on.
inline constexpr int kBlock = 2;

struct Answer {
  std::string out, err;
  int status = 0;
  bool operator==(const Answer&) const = default;
};

// Nothing is decided: the agent does as it would without a hook.
inline Answer silence() { return {}; }

// A no whose words reach the model. Empty words are none: then it says that there are none.
Answer denial(const Contract& contract, std::string_view words);
// The same where it is not known who asks, or where nothing can be written on the standard output.
Answer blockade(std::string_view words);

// Of a verdict that does not allow: why, and what now, for a model.
std::string wordsOf(const AgentVerdict& verdict);
// What no rule and no person spoke about is the agent's own affair, its questions to its person included.
bool isUnspoken(const AgentVerdict& verdict);
// The whole input of the tool that is to be used instead, of a verdict "rewritten". Fails with kUnsupported and why:
// what is to be done instead cannot be put into the input of this tool.
Result<nlohmann::json> rewrittenInput(const Event& event, const Request& request, const AgentVerdict& verdict);

// What was answered to all actions of the request: `verdict` is the first that does not simply allow, or else the last.
Answer answerTo(const Contract& contract, const Event& event, const Request& request, const AgentVerdict& verdict);

}  // namespace ringfence::hook
