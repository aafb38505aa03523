// What an agent wants to do and what it is told, as the files of tests of hooks and of JSON-RPC have them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/agent/agent.h"

namespace ringfence::test {

inline nlohmann::json shown(const AgentAction& action) {
  static constexpr const char* kNames[] = {"read", "write", "exec", "connect", "call"};
  nlohmann::json row{{"op", kNames[static_cast<std::size_t>(action.operation)]}, {"target", action.target}};
  if (!action.argv.empty()) row["argv"] = action.argv;
  if (!action.inputJson.empty()) row["input"] = nlohmann::json::parse(action.inputJson);
  if (!action.words.empty()) row["words"] = action.words;
  return row;
}

inline AgentVerdict verdictOf(const nlohmann::json& line) {
  const auto textIn = [&](const char* name) {
    return line.contains(name) ? std::optional(line[name].get<std::string>()) : std::nullopt;
  };
  AgentVerdict verdict;
  verdict.outcome = line["outcome"];
  verdict.allowed = line.value("allowed", verdict.outcome == "allowed" || verdict.outcome == "rewritten");
  verdict.say = line.value("say", "");
  verdict.rule = line.value("rule", "");
  verdict.fileLine = line.value("file_line", "");
  if (line.contains("argv")) verdict.argv = line["argv"].get<std::vector<std::string>>();
  verdict.path = textIn("path");
  verdict.host = textIn("host");
  verdict.content = textIn("content");
  verdict.inputJson = textIn("input_json");
  return verdict;
}

}  // namespace ringfence::test
