// The policies that `ringfence policy …` looks at, read once: shipped and the system's, the user's own, the project's.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/load.h"
#include "sdk/base/result.h"
#include "ui/cli/policy_command.h"

namespace ringfence::cli {

inline constexpr const char* kDefaultPolicy = "coding";
inline constexpr std::string_view kProjectFile = ".ringfence.toml";

class PolicyShelf {
 public:
  // `directories` stand in for those of `world` when there are any.
  static Result<PolicyShelf> open(const std::vector<std::string>& directories, const PolicyWorld& world);

  const policy::Sources& sources() const { return sources_; }
  // The project's file counts as one that its user trusts.
  void trustProject() { sources_.projectTrusted = true; }

  // A name, or a file: by itself, or where it stands when it is one of the directories' or a project's.
  Result<std::variant<policy::Loaded, std::vector<policy::Diagnostic>>> load(const std::string& word) const;

 private:
  policy::Sources sources_;
  std::vector<std::string> directories_;
};

// The narrowest rules under which a run would not have been stopped or asked, from its log (policy/learn.h). `word`:
// the policy that it had, by name or file; empty: the one that the run says, of a file as long as that is what it was.
// (policy_learn.cc)
PolicyOutcome learnFromRun(const std::string& run, const std::string& word, const PolicyShelf& shelf,
                           const PolicyWorld& world);

}  // namespace ringfence::cli
