// Between a client of the Model Context Protocol and a server that it uses: each call of a tool is asked about before
// the server hears of it. Everything else passes as it is, the server's own questions (sampling, elicitation, roots)
// too: they are the client's to answer. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

#include "sdk/hook/event.h"
#include "sdk/hook/request.h"
#include "sdk/rpc/mediator.h"
#include "sdk/rpc/message.h"

namespace ringfence::rpc {

class McpGuard : public Mediator {
 public:
  // The tools are asked about as `server`.TOOL.
  explicit McpGuard(std::string server) : server_(std::move(server)) {}

  Effects fromClient(const std::string& line) override;
  Effects fromServer(const std::string& line) override;
  Effects answered(const std::string& key, const AgentVerdict& verdict) override;
  Effects left() override;
  Effects ended(std::string_view words) override;

 private:
  struct Call {
    std::string id, line;
    bool isTask = false;  // its answer would be the task, not the result
    hook::Event event;
    hook::Request request;
  };
  Effects call(const Message& message, const std::string& line);
  Effects pass(const Message& message, const std::string& line);
  Effects cancel(const std::string& line);
  std::string refusal(const Call& call, const std::string& words);
  std::string doing() const;

  std::string server_;
  std::map<std::string, Call> waiting_;  // by key
  std::set<std::string> outstanding_;    // ids that the server owes an answer
  std::uint64_t calls_ = 0, refused_ = 0;
  std::string last_;
};

}  // namespace ringfence::rpc
