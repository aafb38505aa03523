// What an agent is about to do, in the words of `guard`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/base/result.h"
#include "sdk/hook/contract.h"
#include "sdk/hook/event.h"

namespace ringfence::hook {

inline constexpr std::size_t kMaxFiles = 16;  // of one patch; one of more files is asked about as a call of the tool

struct Request {
  std::vector<AgentAction> actions;  // never empty; allowed when each of them is
  // The field of the input that the one action is about, where it can be replaced; empty: none can, or, of a call, the
  // whole input is.
  std::string field;
  std::string doing;  // for whoever looks at the run
};

// Of the event before a tool is used. What no row of the agent's table knows is a call of the tool with its input.
// Fails with kInvalid: it names no tool, or a path or an address that holds a NUL.
Result<Request> requestOf(const Contract& contract, const Event& event);

// "host:port" of an http or https address; empty: it is none.
std::string endpointOf(std::string_view url);
// The same address at another host ("host" or "host:port"). `url` is one that endpointOf() takes.
std::string withHost(std::string_view url, std::string_view host);
// The paths that a patch adds, changes, deletes and moves to, each once, as they stand there.
std::vector<std::string> pathsOf(std::string_view patch);

}  // namespace ringfence::hook
