// evaluate(document, action) -> verdict: one pure function, the only place that judges.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/document.h"

namespace ringfence::policy {

struct Action {
  Operation operation = Operation::kRead;
  std::string target;             // absolute path, or "host:port"
  std::vector<std::string> argv;  // kExec
  bool operator==(const Action&) const = default;
};

// What patterns stand for on this machine.
struct Places {
  std::string workspace;  // absolute
  std::string home;       // absolute
};

struct Verdict {
  Decision decision = Decision::kForbid;
  Origin origin;     // of the rule that decided; empty file: the built-in default "not granted"
  std::string rule;  // its text: "files.forbid **/.env*"
  std::string why;
};

// Forbid over ask over rewrite over allow; what nothing grants is forbidden. Within that:
// - the workspace may be read; a `forbid` that is no secret pattern forbids changes only;
// - a program that no rule names may be executed when it may be read;
// - addresses of private networks and of this machine are forbidden unless a rule says them literally.
// Says nothing about what a fence brings along itself (/proc, a private /tmp and home).
Verdict evaluate(const Document& document, const Places& places, const Action& action);

// Whether `path` (absolute, normalised) is matched by a pattern of the policy format. "**" crosses directories, "*" and
// "?" do not. What a pattern matches, it matches with everything below it. Names compare byte by byte.
bool matchesPath(const std::string& pattern, const Places& places, const std::string& path);

// The same for one pattern and many paths: what follows from the pattern alone is found once.
class PathPattern {
 public:
  PathPattern(const std::string& pattern, const Places& places);
  bool matches(std::string_view path) const;

 private:
  std::string expanded_;
  std::size_t placeLength_ = 0;  // of its beginning without any glob; a path that is not below it cannot match
};

// "~/x" and "$WORKSPACE/x" made absolute; "**/x" becomes "WORKSPACE/**/x". Empty when the place is not known.
std::string expandPattern(const std::string& pattern, const Places& places);

// What a `forbid` does to what it matches. True: it is hidden (an empty node in its place), as for ".env" files and
// keys. False: it stays readable and cannot be changed, as for what tools outside run or obey later: anything of ".git"
// and the settings of editors and agents.
bool isSecretPattern(const PathRule& rule);

}  // namespace ringfence::policy
