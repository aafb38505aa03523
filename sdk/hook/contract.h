// How each agent speaks with its hooks: which event comes before a tool is used, which of its tools touch what, and how
// it wants to be answered. A table for each agent; another agent is another table. Pure.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

namespace ringfence::hook {

// What a tool does with the field of its input that the row names.
enum class Deed {
  kReads,    // a path
  kWrites,   // a path
  kFetches,  // an address
  kRuns,     // a command; one that is a list of words is known, one that is a line for a shell is a call of the tool
  kPatches,  // a text that names the files that it changes
};
struct ToolRow {
  std::string_view tool, field;
  Deed deed;
};

// What an event says about the run.
enum class News {
  kBegins,
  kRests,  // it waits for its person, and what it did is in its own record
  kSays,   // it has a message for its person
  kEnds,
};
struct EventRow {
  std::string_view event;
  News news;
};

enum class Shape {
  kPermission,  // hookSpecificOutput with permissionDecision, its reason and updatedInput
  kDecision,    // decision and reason, and hookSpecificOutput with tool_input
};
enum class Allowing {
  kSaid,    // what is allowed is done without a question of the agent's own
  kSilent,  // it takes no such word: to be silent allows, and a rewritten input alone is told
};
enum class Rewriting {
  kReplaces,  // the input given back is the whole input
  kMerges,    // its fields replace those of the same name, and the others stay
};

struct Contract {
  std::string_view agent;
  std::string_view asking;   // the event before a tool is used
  std::string_view telling;  // the event after a piece of a model's answer, with what it used; empty: there is none
  std::span<const ToolRow> tools;
  std::span<const EventRow> events;
  Shape shape;
  Allowing allowing;
  Rewriting rewriting;
  // Its own patience with a hook where its configuration names none, after which it would go on as if it was allowed;
  // and ours, clearly shorter.
  std::chrono::seconds agentTimeout, patience;
};

// Of whoever has tools of which nobody here knows what they touch: each use is a call.
constexpr Contract withoutTools(std::string_view agent, std::string_view asking) {
  return {.agent = agent,
          .asking = asking,
          .telling = {},
          .tools = {},
          .events = {},
          .shape = Shape::kPermission,
          .allowing = Allowing::kSaid,
          .rewriting = Rewriting::kReplaces,
          .agentTimeout = {},
          .patience = {}};
}

std::span<const Contract> contracts();
const Contract* findContract(std::string_view agent);

}  // namespace ringfence::hook
