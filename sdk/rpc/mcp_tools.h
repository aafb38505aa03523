// Ringfence as a server of the Model Context Protocol for an agent inside a fence: `approve` answers in an agent's
// stead what it would ask its person, `request_permission` asks before something is done, `explain_denial` says what
// was denied. Pure.
#pragma once

#include <map>
#include <string>

#include "sdk/hook/event.h"
#include "sdk/hook/request.h"
#include "sdk/rpc/mediator.h"
#include "sdk/rpc/message.h"

namespace ringfence::rpc {

class McpTools : public Mediator {
 public:
  // `cwd`: what relative paths are relative to. `absent`: why there is nobody to ask; empty: there is somebody.
  McpTools(std::string cwd, std::string absent) : cwd_(std::move(cwd)), absent_(std::move(absent)) {}

  Effects fromClient(const std::string& line) override;
  Effects fromServer(const std::string&) override { return {}; }
  Effects answered(const std::string& key, const AgentVerdict& verdict) override;
  Effects found(const std::string& key, const std::string& denial, const std::string& trouble) override;
  Effects left() override;
  Effects ended(std::string_view) override { return left(); }

 private:
  enum class Tool { kApprove, kRequestPermission, kExplainDenial };
  struct Call {
    std::string id;
    Tool tool = Tool::kApprove;
    hook::Event event;
    hook::Request request;
  };
  Effects request(const Message& message, const std::string& line);
  Effects initialize(const Message& message, const std::string& line);
  Effects call(const Message& message, const std::string& line);
  Effects wait(Call call);
  Effects cancel(const std::string& line);

  std::string cwd_, absent_;
  bool isInitialized_ = false;
  std::map<std::string, Call> waiting_;  // by key
  std::uint64_t calls_ = 0;
};

}  // namespace ringfence::rpc
