// A document with its patterns expanded and its rules indexed: what evaluate() and Judge judge by. Borrows the
// document. Internal to policy/.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/evaluate.h"
#include "policy/match.h"
#include "policy/path_set.h"

namespace ringfence::policy {

class RuleBook {
 public:
  RuleBook(const Document& document, const Places& places);
  RuleBook(const RuleBook&) = delete;
  RuleBook& operator=(const RuleBook&) = delete;

  Verdict judge(const Action& action) const;
  Decision decide(Operation operation, std::string_view path) const;

 private:
  enum class Rewrites { kFollow, kIgnore };
  // Which list the deciding rule is in, before any word is made of it.
  enum class Source {
    kNotNormal,
    kNothing,
    kReadOnlyWorkspace,
    kForbid,
    kGrant,
    kAsk,
    kAskRead,
    kRewrite,
    kWorkspace,
    kWrite,
    kRead,
    kAuditRead,
  };
  struct Finding {
    Decision decision = Decision::kForbid;
    Source source = Source::kNothing;
    std::size_t index = 0;  // of the rule in its list
  };
  // Patterns, and of each the place of its rule in the document.
  struct Rules {
    PathSet set;
    std::vector<std::size_t> index;
    std::size_t find(const SplitPath& path) const;
  };

  void add(Rules& rules, const std::string& pattern, std::size_t index) const;
  void addAll(Rules& rules, const std::vector<PathRule>& list) const;
  void addAsked(Rules& plain, Rules& globs, const std::vector<PathRule>& list) const;

  // Files: rule_book.cc.
  Finding allowing(Operation operation, const SplitPath& path) const;
  Finding asking(Operation operation, const Finding& otherwise, const SplitPath& path) const;
  Finding findPath(Operation operation, const SplitPath& path, Rewrites rewrites) const;
  Verdict verdictOf(Operation operation, const Finding& finding) const;
  Verdict rewritten(Operation operation, const PathRewrite& rule, const SplitPath& path) const;
  Verdict judgePath(Operation operation, std::string_view path, Rewrites rewrites) const;

  // Programs and hosts: rule_book_actions.cc.
  std::vector<std::size_t> execRules(const std::string& executable, const std::string& claimed) const;
  Verdict judgeExec(const Action& action, Rewrites rewrites) const;
  Verdict rewritten(const ExecRule& rule, const Action& action) const;
  Verdict judgeCall(const std::string& tool) const;
  Verdict judgeConnect(const std::string& target, Rewrites rewrites) const;
  Verdict judgeUnasked(const Endpoint& endpoint) const;
  Verdict rewritten(const HostRewrite& rule, const Endpoint& endpoint) const;

  const Document& document_;
  const Places places_;
  std::string workspace_;  // without a slash at its end; empty: not known
  Rules forbid_;
  Rules forbidSecret_;
  Rules ask_;
  Rules askGlobs_;
  Rules askRead_;
  Rules askReadGlobs_;
  Rules write_;
  Rules read_;
  Rules auditRead_;
  Rules grantWrite_;
  Rules grantRead_;
  Rules rewriteTo_;
  Rules rewriteContent_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> exec_;  // by base name of the program
};

// Internal to the two files of RuleBook.
Verdict notGranted(std::string why);
const Origin& originOf(const Document& document, const std::string& key);
Verdict grantedBy(const Grant& grant);
// The verdict of a rewrite that leads to what is not allowed outright.
Verdict leadsAstray(Verdict rewrite, const std::string& target, const Verdict& there);

}  // namespace ringfence::policy
