// The rules that are in force, ready to judge what a deed touches. Threads may share one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evaluate.h"
#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

class EntryForm;

// Over all that a deed touches: the strictest verdict, and which of its targets it is about.
struct Ruling {
  policy::Decision decision = policy::Decision::kForbid;
  std::size_t target = 0;
  policy::Verdict verdict;  // of kAllow only its words: who allowed the change
  bool recorded = true;     // false: nothing that lasts longer than the run, so nobody is told
  // Of what was allowed before, in place of the words: what is recorded.
  std::shared_ptr<const EntryForm> entry;
};

// Which of two decisions wins over the other.
int strength(policy::Decision decision);

class Rules {
 public:
  explicit Rules(GuardRules rules);
  std::uint64_t generation() const { return generation_; }
  // No two rules of this process have the same.
  std::uint64_t serial() const { return serial_; }
  const RunId& run() const { return run_; }
  const policy::Judge& judge() const { return judge_; }
  Ruling rule(const std::vector<policy::Action>& targets) const;
  // Of a name that goes to another place: the first target goes to the second. What is in it goes along.
  Ruling ruleMove(const std::vector<policy::Action>& targets) const;

 private:
  // What the fence brings along: the policy has no word about it, and everything may be done there that the walls let.
  bool isOwnPlace(std::string_view path) const;
  // The same, and gone with the run.
  static bool isPassing(std::string_view path);
  static bool isMade(std::string_view path);
  // What only the audit allows. Somebody wants to know of it, of a read too.
  static bool isAudited(const policy::Verdict& verdict);
  policy::Verdict judgeOne(const policy::Action& target) const;
  std::optional<policy::Verdict> judgeMade(const policy::Action& target, const policy::Verdict& forbidden) const;

  RunId run_;
  std::uint64_t generation_;
  std::uint64_t serial_;
  std::string home_;
  policy::Places places_;
  bool audits_;
  // The same policy without what is forbidden as it is at launch: for what the run made itself. Null where no wall
  // holds what was there.
  std::unique_ptr<const policy::Judge> made_;
  policy::Judge judge_;
};

// The rule of a verdict, and what it puts in place of an action, as the daemon is told.
Rewrite rewriteOf(const policy::Verdict& verdict);

}  // namespace ringfence::sandbox
