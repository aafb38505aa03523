#include "policy/rule_book.h"

#include <algorithm>
#include <utility>

#include "policy/words.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

bool hasGlob(std::string_view pattern) { return pattern.find_first_of("*?") != std::string_view::npos; }

bool isAtOrBelow(std::string_view path, std::string_view place) {
  if (place == "/") return true;
  return !place.empty() && path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

Verdict byPath(Decision decision, const char* key, const PathRule& rule, std::string why) {
  Verdict verdict;
  verdict.decision = decision;
  verdict.origin = rule.origin;
  verdict.rule = std::string(key) + " " + rule.pattern;
  verdict.why = std::move(why);
  return verdict;
}

std::string joined(const std::string& place, std::string_view rest) {
  return place == "/" && !rest.empty() ? std::string(rest) : place + std::string(rest);
}

}  // namespace

const Origin& originOf(const Document& document, const std::string& key) {
  static const Origin kBuiltIn;
  const auto found = document.origins.find(key);
  return found == document.origins.end() ? kBuiltIn : found->second;
}

Verdict notGranted(std::string why) {
  Verdict verdict;
  verdict.rule = "not granted";
  verdict.why = std::move(why);
  return verdict;
}

Verdict grantedBy(const Grant& grant) {
  Verdict verdict;
  verdict.decision = Decision::kAllow;
  verdict.origin = grant.origin;
  verdict.rule = "grant " + (grant.id == 0 ? std::string() : std::to_string(grant.id) + " ") + wordOf(grant.operation) +
                 " " + escapeForDisplay(grant.target);
  verdict.why = grant.why.empty() ? "granted before" : grant.why;
  return verdict;
}

Verdict leadsAstray(Verdict rewrite, const std::string& target, const Verdict& there) {
  rewrite.decision = Decision::kForbid;
  rewrite.why =
      "the rewrite leads to " + escapeForDisplay(target) + ", which is not allowed without asking (" + there.rule + ")";
  return rewrite;
}

std::size_t RuleBook::Rules::find(const SplitPath& path) const {
  if (set.empty()) return PathSet::kNone;
  const std::size_t found = set.find(path);
  return found == PathSet::kNone ? found : index[found];
}

RuleBook::RuleBook(const Document& document, const Places& places) : document_(document), places_(places) {
  const SplitPath workspace(places_.workspace);
  if (workspace.isNormal()) workspace_ = workspace.text();
  const Files& files = document.files;
  addAll(forbid_, files.forbid);
  for (std::size_t i = 0; i < files.forbid.size(); ++i) {
    if (isSecretPattern(files.forbid[i])) add(forbidSecret_, files.forbid[i].pattern, i);
  }
  addAsked(ask_, askGlobs_, files.ask);
  addAsked(askRead_, askReadGlobs_, files.askRead);
  addAll(write_, files.write);
  addAll(read_, files.read);
  if (document.mode == Mode::kAudit) addAll(auditRead_, document.auditRead);
  for (std::size_t i = 0; i < document.grants.size(); ++i) {
    const Grant& grant = document.grants[i];
    // A grant is no pattern: a path with such a character in a name is asked for each time.
    if (hasGlob(grant.target)) continue;
    if (grant.operation == Operation::kWrite) add(grantWrite_, grant.target, i);
    if (grant.operation == Operation::kRead) add(grantRead_, grant.target, i);
  }
  for (std::size_t i = 0; i < files.rewrite.size(); ++i) {
    add(files.rewrite[i].content ? rewriteContent_ : rewriteTo_, files.rewrite[i].pattern, i);
  }
  for (std::size_t i = 0; i < document.exec.size(); ++i) {
    if (document.exec[i].match.empty()) continue;
    const std::string_view program = document.exec[i].match.front();
    exec_[program.substr(program.rfind('/') + 1)].push_back(i);
  }
}

void RuleBook::add(Rules& rules, const std::string& pattern, std::size_t index) const {
  rules.set.add(expandPattern(pattern, places_));
  rules.index.push_back(index);
}

void RuleBook::addAll(Rules& rules, const std::vector<PathRule>& list) const {
  for (std::size_t i = 0; i < list.size(); ++i) add(rules, list[i].pattern, i);
}

void RuleBook::addAsked(Rules& plain, Rules& globs, const std::vector<PathRule>& list) const {
  for (std::size_t i = 0; i < list.size(); ++i) add(hasGlob(list[i].pattern) ? globs : plain, list[i].pattern, i);
}

// What is so without asking, granting and rewriting.
RuleBook::Finding RuleBook::allowing(Operation operation, const SplitPath& path) const {
  const bool writes = operation == Operation::kWrite;
  const auto by = [](Source source, std::size_t index) { return Finding{Decision::kAllow, source, index}; };
  std::size_t found = PathSet::kNone;
  if (!writes && (found = ask_.find(path)) != PathSet::kNone) return by(Source::kAsk, found);
  const bool inWorkspace = isAtOrBelow(path.text(), workspace_);
  if (inWorkspace && (!writes || document_.files.workspace == WorkspaceAccess::kReadWrite))
    return by(Source::kWorkspace, 0);
  if ((found = write_.find(path)) != PathSet::kNone) return by(Source::kWrite, found);
  if (!writes && (found = read_.find(path)) != PathSet::kNone) return by(Source::kRead, found);
  if (!writes && (found = auditRead_.find(path)) != PathSet::kNone) return by(Source::kAuditRead, found);
  return {Decision::kForbid, inWorkspace ? Source::kReadOnlyWorkspace : Source::kNothing, 0};
}

RuleBook::Finding RuleBook::asking(Operation operation, const Finding& otherwise, const SplitPath& path) const {
  const bool writes = operation == Operation::kWrite;
  const auto by = [](Source source, std::size_t index) { return Finding{Decision::kAsk, source, index}; };
  std::size_t found = askRead_.find(path);
  if (found != PathSet::kNone) return by(Source::kAskRead, found);
  if (writes && (found = ask_.find(path)) != PathSet::kNone) return by(Source::kAsk, found);
  if (otherwise.decision != Decision::kAllow) return otherwise;
  if ((found = askReadGlobs_.find(path)) != PathSet::kNone) return by(Source::kAskRead, found);
  if (writes && (found = askGlobs_.find(path)) != PathSet::kNone) return by(Source::kAsk, found);
  return otherwise;
}

RuleBook::Finding RuleBook::findPath(Operation operation, const SplitPath& path, Rewrites rewrites) const {
  if (!path.isNormal()) return {Decision::kForbid, Source::kNotNormal, 0};
  const bool writes = operation == Operation::kWrite;
  const std::size_t forbidden = (writes ? forbid_ : forbidSecret_).find(path);
  if (forbidden != PathSet::kNone) return {Decision::kForbid, Source::kForbid, forbidden};
  const Finding otherwise = allowing(operation, path);
  const Finding finding = asking(operation, otherwise, path);
  const std::size_t granted = (writes ? grantWrite_ : grantRead_).find(path);
  const Finding byGrant{Decision::kAllow, Source::kGrant, granted};
  if (finding.decision == Decision::kAsk) return granted == PathSet::kNone ? finding : byGrant;
  if (rewrites == Rewrites::kIgnore) return finding;
  const std::size_t rewrite = (writes ? rewriteTo_ : rewriteContent_).find(path);
  if (rewrite == PathSet::kNone) return finding;
  if (granted != PathSet::kNone && finding.decision == Decision::kAllow) return byGrant;
  return {Decision::kRewrite, Source::kRewrite, rewrite};
}

Verdict RuleBook::verdictOf(Operation operation, const Finding& finding) const {
  const Files& files = document_.files;
  const bool writes = operation == Operation::kWrite;
  const auto workspace = [&](const char* value, std::string why) {
    Verdict verdict;
    verdict.decision = finding.decision;
    verdict.origin = originOf(document_, "files.workspace");
    verdict.rule = std::string("files.workspace = \"") + value + "\"";
    verdict.why = std::move(why);
    return verdict;
  };
  const auto byRule = [&](const char* key, const std::vector<PathRule>& list, std::string why) {
    return byPath(finding.decision, key, list[finding.index], std::move(why));
  };
  switch (finding.source) {
    case Source::kNotNormal: return notGranted("only an absolute path without `.` and `..` can be judged");
    case Source::kNothing:
      return notGranted(writes ? "no `files.write` covers this path" : "no `files.read` covers this path");
    case Source::kReadOnlyWorkspace: return workspace("ro", "the workspace may only be read");
    case Source::kForbid:
      return byRule("files.forbid", files.forbid,
                    isSecretPattern(files.forbid[finding.index]) ? "hidden" : "may be read, not changed");
    case Source::kGrant: return grantedBy(document_.grants[finding.index]);
    case Source::kAsk: return byRule("files.ask", files.ask, writes ? "asked before the first change" : "");
    case Source::kAskRead:
      return byRule("files.ask_read", files.askRead,
                    writes ? "asked before the first change" : "asked before the first read");
    case Source::kWorkspace:
      return workspace(files.workspace == WorkspaceAccess::kReadWrite ? "rw" : "ro", "in the workspace");
    case Source::kWrite: return byRule("files.write", files.write, "");
    case Source::kRead: return byRule("files.read", files.read, "");
    case Source::kAuditRead: return byRule("audit.read", document_.auditRead, "read for the audit");
    case Source::kRewrite: break;
  }
  return notGranted("an unknown kind of rule");
}

// What lies below what the pattern matches goes to the same place below `to`.
Verdict RuleBook::rewritten(Operation operation, const PathRewrite& rule, const SplitPath& path) const {
  Verdict verdict;
  verdict.decision = Decision::kRewrite;
  verdict.origin = rule.origin;
  verdict.rule = "files.rewrite " + rule.pattern;
  verdict.why = rule.why;
  if (operation == Operation::kRead) {
    verdict.replacement.content = rule.content;
    return verdict;
  }
  const PathPattern pattern(rule.pattern, places_);
  std::string_view matched = "/";
  for (std::size_t i = 0; i < path.size() && !pattern.matches(matched); ++i) matched = path.upTo(i);
  const std::string_view rest = path.text().substr(matched == "/" ? 0 : matched.size());
  std::string target = joined(expandPattern(rule.to, places_), rest == "/" ? std::string_view() : rest);
  const Finding there = findPath(Operation::kWrite, SplitPath(target), Rewrites::kIgnore);
  if (there.decision != Decision::kAllow)
    return leadsAstray(std::move(verdict), target, verdictOf(Operation::kWrite, there));
  verdict.replacement.path = std::move(target);
  return verdict;
}

Verdict RuleBook::judgePath(Operation operation, std::string_view text, Rewrites rewrites) const {
  const SplitPath path(text);
  const Finding finding = findPath(operation, path, rewrites);
  if (finding.source == Source::kRewrite) return rewritten(operation, document_.files.rewrite[finding.index], path);
  return verdictOf(operation, finding);
}

Decision RuleBook::decide(Operation operation, std::string_view text) const {
  const SplitPath path(text);
  const Finding finding = findPath(operation, path, Rewrites::kFollow);
  if (finding.decision == Decision::kRewrite)
    return rewritten(operation, document_.files.rewrite[finding.index], path).decision;
  return finding.decision == Decision::kAsk && document_.mode == Mode::kAudit ? Decision::kAllow : finding.decision;
}

Verdict RuleBook::judge(const Action& action) const {
  Verdict verdict = notGranted("an unknown kind of action");
  switch (action.operation) {
    case Operation::kRead:
    case Operation::kWrite: verdict = judgePath(action.operation, action.target, Rewrites::kFollow); break;
    case Operation::kExec: verdict = judgeExec(action, Rewrites::kFollow); break;
    case Operation::kConnect: verdict = judgeConnect(action.target, Rewrites::kFollow); break;
    case Operation::kCall: verdict = judgeCall(action.target); break;
  }
  if (verdict.decision == Decision::kAsk && document_.mode == Mode::kAudit) {
    verdict.decision = Decision::kAllow;
    verdict.audit = Audit::kAllowed;
  }
  return verdict;
}

}  // namespace ringfence::policy
