// evaluate(document, action) -> verdict: one pure function, the only place that judges.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"

namespace ringfence::policy {

enum class Operation { kRead, kWrite, kExec, kConnect };

struct Action {
  Operation operation = Operation::kRead;
  std::string target;               // absolute path, or "host:port"
  std::vector<std::string> argv;    // kExec
};

// What patterns stand for on this machine.
struct Places {
  std::string workspace;  // absolute
  std::string home;       // absolute
};

struct Verdict {
  Decision decision = Decision::kForbid;
  Origin origin;          // of the rule that decided; empty file: the built-in default "not granted"
  std::string rule;       // its text: "files.forbid **/.env*"
  std::string why;
};

// Forbid over ask over allow; what nothing grants is forbidden.
Verdict evaluate(const Document& document, const Places& places, const Action& action);

// Whether `path` (absolute, normalised) is matched by a pattern of the policy format. "**" crosses directories, "*" does not;
// a pattern without glob characters also matches everything below it.
bool matchesPath(const std::string& pattern, const Places& places, const std::string& path);

// "~/x" and "$WORKSPACE/x" made absolute; "**/x" becomes "WORKSPACE/**/x".
std::string expandPattern(const std::string& pattern, const Places& places);

}  // namespace ringfence::policy
