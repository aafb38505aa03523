// Between Claude Code and whoever drives it over its stdio control protocol (--permission-prompt-tool stdio): whether
// a tool may be used is answered by the policy of its run, or by its person in Ringfence, and where nobody spoke about
// it, by the driver as before. Everything else passes as it is; what a turn used is reported. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "sdk/hook/event.h"
#include "sdk/hook/request.h"
#include "sdk/rpc/control_line.h"
#include "sdk/rpc/mediator.h"
#include "sdk/rpc/used.h"

namespace ringfence::rpc {

class ClaudeGuard : public Mediator {
 public:
  explicit ClaudeGuard(std::string cwd) : cwd_(std::move(cwd)) {}

  // The client is the driver, the server the agent. A driver with one prompt sends nothing more and reads on.
  LastLine lastLine() const override { return LastLine::kIsSilent; }
  std::string unreadable(const std::string& words) const override;
  Effects fromClient(const std::string& line) override;
  Effects fromServer(const std::string& line) override;
  Effects answered(const std::string& key, const AgentVerdict& verdict) override;
  Effects left() override;
  Effects ended(std::string_view words) override;

 private:
  struct Question {
    std::string id, line;
    bool isForDriver = false;  // it has more to answer than yes or no
    hook::Event event;
    hook::Request request;
  };
  Effects question(const ControlLine& control, const std::string& line);
  Effects again(const ControlLine& control, const std::string& line);
  Effects takenBack(const ControlLine& control, const std::string& line);
  Effects response(const ControlLine& control, const std::string& line);
  // What waits ends, each with these words.
  void endAll(Effects& effects, const std::string& words);
  const std::string* keyOf(const std::string& id) const;

  std::string cwd_;
  bool hasLeft_ = false;
  std::map<std::string, Question> waiting_;  // by key
  std::set<std::string> passed_;             // ids of questions that the driver has
  std::set<std::string> ended_;              // ids of questions that ended here, which the agent may take back yet
  std::set<std::string> outstanding_;        // ids of the driver's requests that the agent owes an answer
  std::uint64_t questions_ = 0;
  ClaudeUsed used_;
};

}  // namespace ringfence::rpc
