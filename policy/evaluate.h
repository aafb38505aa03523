// evaluate(document, action) -> verdict: one pure function, the only place that judges. Whoever judges often makes a
// Judge once and asks that.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document.h"

namespace ringfence::policy {

struct Action {
  Operation operation = Operation::kRead;
  std::string target;             // absolute path, "host:port", or the name of a tool
  std::vector<std::string> argv;  // kExec; kCall: its input, one JSON text, where it has one
  bool operator==(const Action&) const = default;
};

// What patterns stand for on this machine.
struct Places {
  std::string workspace;  // absolute
  std::string home;       // absolute
};

// What takes the place of an action, for Decision::kRewrite: what is set here and nothing else.
struct Replacement {
  std::optional<std::string> path;     // kWrite: where it goes; kExec: the program, when it is another one
  std::optional<std::string> host;     // kConnect: "host:port"
  std::optional<std::string> content;  // kRead: what the reader sees
  std::vector<std::string> argv;       // kExec
  bool operator==(const Replacement&) const = default;
};

enum class Audit { kNo, kAllowed };  // kAllowed: would be asked, and is allowed because the mode is audit

struct Verdict {
  Decision decision = Decision::kForbid;
  Origin origin;     // of the rule that decided; empty file: the built-in default "not granted"
  std::string rule;  // its text: "files.forbid **/.env*"
  std::string why;
  Replacement replacement;
  Audit audit = Audit::kNo;
  bool operator==(const Verdict&) const = default;
};

// Forbid over grant over ask over rewrite over allow; what nothing grants is forbidden. Within that:
// - the workspace may be read; a `forbid` that is no secret pattern forbids changes only;
// - a path in `ask` or `askRead` is there to be asked for; a pattern with globs adds nothing, it makes a question of
// what
//   is allowed otherwise;
// - a grant answers what would be asked or rewritten; it opens nothing else. Its end is not looked at: a grant that is
//   over is not in the document. To write is not to read: an open for both is two actions;
// - a program that no rule names may be executed when it may be read;
// - addresses of private networks and of this machine are forbidden unless a rule says them literally; a loopback port
//   is such a rule for 127.0.0.1 and localhost;
// - a tool that no rule names is judged by `tools.default`, which is to allow;
// - what a rewrite leads to must be allowed without asking, else the action is forbidden; a rewrite is not rewritten.
// Says nothing about what a fence brings along itself (/proc, a private /tmp and home).
Verdict evaluate(const Document& document, const Places& places, const Action& action);

// A policy made ready to judge many actions: the same answers as evaluate(). Threads may share one.
class Judge {
 public:
  Judge(Document document, Places places);
  Judge(Judge&&) noexcept;
  Judge& operator=(Judge&&) noexcept;
  ~Judge();

  Verdict judge(const Action& action) const;
  // judge().decision of a kRead or kWrite, without the words: for each call of an agent.
  Decision decide(Operation operation, std::string_view path) const;
  const Document& document() const;

 private:
  struct Prepared;
  std::unique_ptr<const Prepared> prepared_;
};

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
