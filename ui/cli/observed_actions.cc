#include "ui/cli/observed_actions.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "ui/cli/fact_json.h"

namespace ringfence::cli {
namespace {

using nlohmann::json;

std::optional<std::string> textAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::string() : factText(*found);
}

std::optional<policy::Operation> operationOf(const std::string& name) {
  if (name == "read") return policy::Operation::kRead;
  if (name == "write") return policy::Operation::kWrite;
  if (name == "exec") return policy::Operation::kExec;
  if (name == "connect") return policy::Operation::kConnect;
  if (name == "call") return policy::Operation::kCall;
  return std::nullopt;
}

// One action; of a rename two, because both ends change. Empty: not readable.
std::vector<policy::Action> actionsOf(const json& object) {
  if (!object.is_object()) return {};
  const auto name = textAt(object, "op");
  const auto operation = operationOf(name.value_or(""));
  const auto target = textAt(object, "target");
  const auto second = textAt(object, "second");
  if (!operation || !target || target->empty() || !second) return {};
  policy::Action action{*operation, *target, {}};
  if (const auto words = object.find("argv"); words != object.end() && words->is_array()) {
    for (const json& word : *words) {
      auto text = factText(word);
      if (!text) return {};
      action.argv.push_back(*std::move(text));
    }
  }
  std::vector<policy::Action> actions{std::move(action)};
  if (*operation == policy::Operation::kWrite && second->starts_with('/')) actions.push_back({*operation, *second, {}});
  return actions;
}

const json& memberOf(const json& body, const char* name) {
  static const json kNothing;
  const auto found = body.find(name);
  return found == body.end() ? kNothing : *found;
}

}  // namespace

void ObservedActions::note(const policy::Action& action, std::uint64_t seq, std::uint64_t count) {
  const auto [found, unused] =
      seen_.try_emplace({action.operation, action.target, action.argv}, Seen{seen_.size(), seq, 0});
  found->second.count += count;
}

void ObservedActions::add(const client::LogLine& line) {
  const bool isList = line.kind == "actions-allowed";
  const bool isAnswer = line.kind == "action-answered";
  const bool isAsked = line.kind == "action-asked";
  if (!isList && !isAnswer && !isAsked && line.kind != "action-denied" && line.kind != "connection-opened") return;
  const json body = json::parse(line.bodyJson, nullptr, false);
  if (!body.is_object()) {
    ++unreadable_;
    return;
  }
  if (isAnswer) {
    const auto question = open_.find(numberOf(body, "id", 0));
    if (question == open_.end()) return;
    if (textAt(body, "outcome") == "allowed") {
      for (const policy::Action& action : question->second) note(action, line.seq, 1);
    } else {
      ++refused_;
    }
    open_.erase(question);
    return;
  }
  if (isList) {
    for (const json& one : memberOf(body, "actions")) {
      const auto actions = actionsOf(one);
      if (actions.empty()) ++unreadable_;
      for (const policy::Action& action : actions) note(action, line.seq, numberOf(one, "count", 1));
    }
    return;
  }
  const auto actions = actionsOf(memberOf(body, "action"));
  if (actions.empty()) ++unreadable_;
  if (isAsked) {
    open_[numberOf(body, "id", 0)] = actions;
    return;
  }
  for (const policy::Action& action : actions) note(action, line.seq, numberOf(body, "count", 1));
}

std::vector<policy::ObservedAction> ObservedActions::all() const {
  std::vector<policy::ObservedAction> observed(seen_.size());
  for (const auto& [key, seen] : seen_) {
    const auto& [operation, target, argv] = key;
    observed[seen.place] = {{operation, target, argv}, seen.count, "seq " + std::to_string(seen.firstSeq)};
  }
  return observed;
}

}  // namespace ringfence::cli
