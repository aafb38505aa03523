// Asks Ringfence for a mediator: many things at once, none of which waits for another. Nothing here blocks for longer
// than a moment, whatever the daemon does.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/rpc/mediator.h"

namespace ringfence::rpc {

class Asker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  Asker();

  // Why there is nobody to ask at all; empty inside a fence.
  std::string absent() const { return questions_.absent(); }

  void start(Ask ask);
  void withdraw(const std::string& key);
  // What is answered by now, each once. To be called when fd() is readable, and at wakeAt().
  std::vector<std::pair<std::string, AgentVerdict>> take();
  int fd() const { return asked_.empty() ? -1 : questions_.guardFd(); }
  Time wakeAt() const;  // Time::max(): not before fd() is readable

  struct Denial {
    std::string json, trouble;
  };
  Denial lastDenial();
  // Shown soon, the last one alone where there are many.
  void say(std::string words);
  // Counted soon, each once.
  void report(const std::vector<AgentUsage>& used);
  // Before the end: what is not counted yet has one more moment.
  void finish();

 private:
  struct Asked {
    std::vector<AgentAction> actions;  // with ids
    std::size_t place = 0;
  };
  void look(Time now);
  void tell(Time now);
  void makeSure(Time now);

  Agent questions_, words_;
  std::string prefix_;
  std::uint64_t count_ = 0;
  std::map<std::string, Asked> asked_;
  std::vector<std::pair<std::string, AgentVerdict>> unasked_;
  Time lookAt_{};
  int silences_ = 0;
  std::string unsaid_;
  Time sayAt_{};
  bool isUnsure_ = false;  // reports may not be counted yet
  Time sureAt_{};
};

}  // namespace ringfence::rpc
