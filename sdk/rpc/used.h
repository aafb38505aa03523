// What the streams of agents tell of the calls to models that they paid for, from JSON that may be anything. Where they
// tell sums so far, what came since the last ones is what is reported. Pure, but for what they remember.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sdk/agent/agent.h"

namespace ringfence::rpc {

// Of Claude Code: a message "result" has the sums of its process, by model, subagents and small helpers among them.
class ClaudeUsed {
 public:
  // What such a message adds.
  std::vector<AgentUsage> take(const nlohmann::json& result);

 private:
  struct Sums {
    std::uint64_t input = 0, output = 0, cached = 0;
    double costUsd = 0;
  };
  std::vector<AgentUsage> takeModels(const nlohmann::json& models, const std::string& session);
  std::optional<AgentUsage> takeWhole(const nlohmann::json& result, const std::string& session);

  std::map<std::string, Sums> known_;  // by model
  double costUsd_ = 0;                 // of a process that tells no models
};

// Of Codex as an app-server: thread/tokenUsage/updated has the sums of a thread and what the last answer used. A thread
// that is resumed tells the sums of its past again, which are not counted.
class CodexUsed {
 public:
  void threadIs(const std::string& thread, const std::string& model);
  void turnBegan(const std::string& turn);
  // What such a notification adds.
  std::optional<AgentUsage> take(const nlohmann::json& params);

 private:
  struct Sums {
    std::uint64_t input = 0, output = 0, cached = 0, reasoning = 0;
  };
  static std::optional<Sums> sumsIn(const nlohmann::json& usage, const char* name);
  static bool isBehind(const Sums& sums, const Sums& before);

  std::map<std::string, std::string> models_;  // by thread
  std::map<std::string, Sums> known_;          // by thread
  std::set<std::string> turns_;                // that began here
};

// Of an agent of an editor: the answer to a prompt has what that prompt used by model, where it tells it at all. The
// protocol has no place for it yet; Gemini CLI puts it into `_meta.quota`.
class AcpUsed {
 public:
  // What such an answer adds.
  std::vector<AgentUsage> take(const nlohmann::json& result);

 private:
  std::uint64_t answers_ = 0;
};

}  // namespace ringfence::rpc
