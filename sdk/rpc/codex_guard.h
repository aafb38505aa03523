// Between Codex as an app-server and whoever drives it: what Codex asks leave for is answered by the policy of its run,
// or by its person in Ringfence, and where nobody spoke about it, by the driver as before. Everything else passes as it
// is, the requests that nobody here knows too: who answers none of them leaves Codex waiting. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sdk/rpc/codex_approval.h"
#include "sdk/rpc/mediator.h"
#include "sdk/rpc/message.h"
#include "sdk/rpc/used.h"

namespace ringfence::rpc {

class CodexGuard : public Mediator {
 public:
  explicit CodexGuard(std::string cwd) : cwd_(std::move(cwd)) {}

  // The client is the driver, the server Codex.
  std::string unreadable(const std::string& words) const override;
  Effects fromClient(const std::string& line) override;
  Effects fromServer(const std::string& line) override;
  Effects answered(const std::string& key, const AgentVerdict& verdict) override;
  Effects left() override;
  Effects ended(std::string_view words) override;

 private:
  struct Question {
    std::string id, line;
    Approval approval;
  };
  using Item = std::pair<std::string, std::string>;  // thread and item
  Effects interrupt(const std::string& line);
  Effects question(const Message& message, ApprovalKind kind, const std::string& line);
  Effects notification(const Message& message, const std::string& line);
  void noteThread(const std::string& line);
  std::vector<AgentUsage> usedIn(const Message& message, const std::string& line);
  Effects resolved(const std::string& line);
  void note(const std::string& thread, const nlohmann::json& item);
  const std::string* keyOf(const std::string& id) const;
  void tell(Effects& effects, const Approval& approval, const std::string& words);

  std::string cwd_;
  std::map<std::string, Question> waiting_;           // by key
  std::set<std::string> ours_;                        // ids of requests that were answered here
  std::map<Item, std::vector<std::string>> changes_;  // the files of items that are not completed
  std::set<std::string> outstanding_;                 // ids of the driver's requests that Codex owes an answer
  std::set<std::string> told_;                        // ids of our own requests that Codex owes an answer
  std::set<std::string> beginnings_;                  // ids of requests for a thread that are not answered
  CodexUsed used_;
  std::uint64_t questions_ = 0, words_ = 0;
};

}  // namespace ringfence::rpc
