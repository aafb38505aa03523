// Between an editor and an agent that speak the Agent Client Protocol: what the agent would ask the editor's person it
// is answered by the policy of its run, or by its person in Ringfence. What an editor does for an agent it does outside
// of the agent's fence: so the agent is told that this editor reads, writes and runs nothing for it, and requests for
// it are refused. Everything else passes as it is.
//
// An agent may first name a call of a tool in its question for leave, which the editor does not get when it is answered
// here, and tell the call's end nevertheless (Gemini CLI does). So the editor is told of such a call, and of a no.
// Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sdk/rpc/mediator.h"
#include "sdk/rpc/message.h"
#include "sdk/rpc/used.h"

namespace ringfence::rpc {

// What an agent asks leave for, in the words of `guard`.
struct Leave {
  std::vector<AgentAction> actions;   // never empty
  std::string allowOnce, rejectOnce;  // ids of those options; empty: there is none of that kind
};
// Of the parameters of session/request_permission. Fails with kInvalid.
Result<Leave> leaveAsked(const nlohmann::json& params, const std::string& cwd);

// From whom it is known what the agent's calls to models used.
enum class UsageFrom {
  kAnswers,  // its own to the editor's prompts
  kHook,     // its hook, so that what its answers have would be counted twice
};

class AcpGuard : public Mediator {
 public:
  explicit AcpGuard(std::string cwd, UsageFrom usage = UsageFrom::kAnswers) : cwd_(std::move(cwd)), usage_(usage) {}

  // The client is the editor, the server the agent.
  Effects fromClient(const std::string& line) override;
  Effects fromServer(const std::string& line) override;
  Effects answered(const std::string& key, const AgentVerdict& verdict) override;
  Effects left() override;
  Effects ended(std::string_view words) override;

 private:
  using Call = std::pair<std::string, std::string>;  // of a tool: its session, and its id there
  struct Question {
    std::string id, session, line;
    std::string announced;  // the id of its call where the editor has it from us
    Leave leave;
  };
  Effects initialize(const Message& message, const std::string& line);
  Effects cancelSession(const std::string& line);
  Effects cancelRequest(const std::string& line);
  Effects question(const Message& message, const std::string& line);
  Effects update(const std::string& line);
  Effects response(const Message& message, const std::string& line);
  std::string announce(Effects& effects, const std::string& session, const nlohmann::json& tool);
  std::string withoutForeignSignIn(const std::string& line) const;

  std::string cwd_;
  UsageFrom usage_;
  std::string initializeId_;                 // that the agent owes an answer
  std::map<std::string, Question> waiting_;  // by key
  std::set<std::string> outstanding_;        // ids that the agent owes an answer
  std::set<std::string> prompts_;            // those of them that are the editor's prompts
  std::set<Call> calls_;                     // that the editor has heard of, and of no end of theirs
  AcpUsed used_;
  std::uint64_t questions_ = 0;
};

}  // namespace ringfence::rpc
