#include "sandbox/plan/grants.h"

#include <algorithm>

#include "sandbox/plan/identity.h"
#include "sandbox/plan/paths.h"
#include "sandbox/plan/refusals.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

std::string at(const policy::Origin& origin) {
  const std::string text = originText(origin);
  return text.empty() ? "" : " (" + text + ")";
}

// Collects grants and judges each as it comes.
class Collector {
 public:
  Collector(const policy::Document& document, const LaunchRequest& request)
      : document_(document),
        request_(request),
        places_{request.workspace, homeInside(request.caller)},
        asked_(askedPlaces(document, request)),
        own_(usesOwnIdentity(document, request)) {
    for (const policy::PathRule& rule : document.files.forbid) {
      const std::string absolute = throughRootLinks(request, policy::expandPattern(rule.pattern, places_));
      forbids_.push_back({&rule, policy::PathPattern(absolute, places_), policy::isSecretPattern(rule)});
    }
  }

  Result<void> addWorkspace() {
    RF_TRY(checkWorkspace(request_.workspace, request_));
    const bool writable = document_.files.workspace == policy::WorkspaceAccess::kReadWrite ||
                          askingAt(request_.workspace) != Asking::kNothing;
    const Access access = writable ? Access::kReadWrite : Access::kReadOnly;
    RF_TRY(checkNotForbidden("workspace", request_.workspace, access));
    add({request_.workspace, access, GrantKind::kWorkspace, own_, {}});
    return {};
  }

  void addHome() { add({places_.home, Access::kReadWrite, GrantKind::kHome, own_, {}}); }

  Result<void> addRule(const policy::PathRule& rule, Access access) {
    const std::string what = access == Access::kReadOnly ? "read rule" : "write or ask rule";
    if (hasGlob(rule.pattern)) {
      return Error{ErrorCode::kInvalid, what + " " + escapeForDisplay(rule.pattern) + at(rule.origin) +
                                            ": a pattern cannot be mounted; name the directory that holds the files"};
    }
    const std::string path = throughRootLinks(request_, policy::expandPattern(rule.pattern, places_));
    auto checked = checkGrant(what + at(rule.origin), path, access, request_);
    if (!checked) return checked;
    // Forbid over allow: what is forbidden as a whole is not bound at all.
    if (findForbid(path, Access::kReadOnly) != nullptr) return {};
    if (access == Access::kReadWrite && findForbid(path, access) != nullptr) access = Access::kReadOnly;
    add({path, access, GrantKind::kPolicy, own_ && (access == Access::kReadWrite || isBelowHome(path)), rule.origin});
    return {};
  }

  Result<void> addExtra(const ExtraPath& extra) {
    const std::string what = extra.access == Access::kReadOnly ? "--read" : "--write";
    const std::string path = throughRootLinks(request_, extra.path);
    RF_TRY(checkAsked(what, path, extra.access));
    const bool below = isBelowHome(path);
    add({path, extra.access, GrantKind::kCommandLine, own_ && (extra.access == Access::kReadWrite || below), {}});
    return {};
  }

  Result<void> addInstallTree() {
    if (request_.installTree.empty()) return {};
    const std::string path = throughRootLinks(request_, request_.installTree);
    RF_TRY(checkAsked("tree of the command", path, Access::kReadOnly));
    const bool below = isBelowHome(path);
    add({path, Access::kReadOnly, GrantKind::kInstallTree, own_ && below, {}});
    return {};
  }

  // What is asked about is there to be changed: an answer must be able to say yes.
  Result<void> addAsked(const policy::PathRule& rule) {
    if (hasGlob(rule.pattern)) return {};
    return addRule(rule, Access::kReadWrite);
  }

  std::vector<Grant> take() {
    for (Grant& grant : grants_) {
      if (grant.kind != GrantKind::kHome) grant.asking = askingAt(grant.path);
    }
    std::stable_sort(grants_.begin(), grants_.end(),
                     [](const Grant& a, const Grant& b) { return mountsBefore(a.path, b.path); });
    std::vector<Grant> kept;
    kept.reserve(grants_.size());
    for (Grant& grant : grants_) {
      if (!isRedundant(grant, kept)) kept.push_back(std::move(grant));
    }
    return kept;
  }

 private:
  // The strongest of the rules that hold the path.
  Asking askingAt(const std::string& path) const {
    Asking strongest = Asking::kNothing;
    for (const AskedPlace& place : asked_) {
      if (!place.isPattern && isWithin(path, place.path)) strongest = std::max(strongest, place.asking);
    }
    return strongest;
  }

  bool isBelowHome(const std::string& path) const {
    const std::string& home = request_.caller.home;
    return isNormalPath(home) && home != "/" && isWithin(path, home);
  }

  // The rule that takes `access` to `path` away. One that is no secret forbids changes only.
  const policy::PathRule* findForbid(const std::string& path, Access access) const {
    for (const Forbid& forbid : forbids_) {
      if (access == Access::kReadOnly && !forbid.secret) continue;
      if (forbid.pattern.matches(path)) return forbid.rule;
    }
    return nullptr;
  }

  Result<void> checkNotForbidden(const std::string& what, const std::string& path, Access access) const {
    const policy::PathRule* rule = findForbid(path, access);
    if (rule == nullptr) return {};
    return Error{ErrorCode::kDenied,
                 what + " " + escapeForDisplay(path) + ": forbidden by " + rule->pattern + at(rule->origin)};
  }

  // What somebody asked for by name is refused aloud, not left out.
  Result<void> checkAsked(const std::string& what, const std::string& path, Access access) {
    RF_TRY(checkGrant(what, path, access, request_));
    return checkNotForbidden(what, path, access);
  }

  // The strongest of one path wins; the workspace and the home are what they are.
  void add(Grant grant) {
    for (Grant& known : grants_) {
      if (known.path != grant.path) continue;
      if (known.kind == GrantKind::kWorkspace || known.kind == GrantKind::kHome) return;
      if (known.access == Access::kReadOnly && grant.access == Access::kReadWrite) known = std::move(grant);
      return;
    }
    grants_.push_back(std::move(grant));
  }

  // Already there with the same or more rights through the tree above.
  static bool isRedundant(const Grant& grant, const std::vector<Grant>& kept) {
    if (grant.kind == GrantKind::kWorkspace || grant.kind == GrantKind::kHome) return false;
    const Grant* above = findGrant(kept, grant.path);
    if (above == nullptr || above->kind == GrantKind::kHome) return false;
    return above->access == Access::kReadWrite || grant.access == Access::kReadOnly;
  }

  struct Forbid {
    const policy::PathRule* rule;
    policy::PathPattern pattern;
    bool secret;
  };

  const policy::Document& document_;
  const LaunchRequest& request_;
  const policy::Places places_;
  const std::vector<AskedPlace> asked_;
  const bool own_;
  std::vector<Forbid> forbids_;
  std::vector<Grant> grants_;
};

}  // namespace

std::string originText(const policy::Origin& origin) {
  if (origin.line > 0) return origin.file + ":" + std::to_string(origin.line);
  return origin.file;  // An option of the command line.
}

std::string homeInside(const CallerAccount& caller) {
  const bool usable = isNormalPath(caller.home) && caller.home != "/" && !isWithin(caller.home, "/proc") &&
                      !isWithin(caller.home, "/sys") && !isWithin(caller.home, "/dev") &&
                      !isWithin(caller.home, "/run") && !isWithin(caller.home, "/etc") && caller.home != "/tmp";
  return usable ? caller.home : "/home/" + caller.name;
}

Result<std::vector<Grant>> collectGrants(const policy::Document& document, const LaunchRequest& request) {
  Collector collector(document, request);
  RF_TRY(collector.addWorkspace());
  collector.addHome();
  for (const policy::PathRule& rule : document.files.write) RF_TRY(collector.addRule(rule, Access::kReadWrite));
  for (const policy::PathRule& rule : document.files.ask) RF_TRY(collector.addAsked(rule));
  for (const policy::PathRule& rule : document.files.askRead) RF_TRY(collector.addAsked(rule));
  for (const policy::PathRule& rule : document.files.read) RF_TRY(collector.addRule(rule, Access::kReadOnly));
  if (document.mode == policy::Mode::kAudit) {
    for (const policy::PathRule& rule : document.auditRead) RF_TRY(collector.addRule(rule, Access::kReadOnly));
  }
  for (const ExtraPath& extra : request.extraPaths) RF_TRY(collector.addExtra(extra));
  RF_TRY(collector.addInstallTree());
  return collector.take();
}

std::vector<AskedPlace> askedPlaces(const policy::Document& document, const LaunchRequest& request) {
  const policy::Places places{request.workspace, homeInside(request.caller)};
  std::vector<AskedPlace> asked;
  const auto add = [&](const std::vector<policy::PathRule>& rules, Asking asking) {
    for (const policy::PathRule& rule : rules) {
      std::string path = throughRootLinks(request, policy::expandPattern(rule.pattern, places));
      const std::size_t glob = path.find_first_of("*?");
      if (glob != std::string::npos) path.resize(std::max<std::size_t>(path.rfind('/', glob), 1));
      if (!path.empty()) asked.push_back({std::move(path), asking, glob != std::string::npos});
    }
  };
  add(document.files.ask, Asking::kChanges);
  add(document.files.askRead, Asking::kReads);
  return asked;
}

const Grant* findGrant(const std::vector<Grant>& grants, const std::string& path) {
  const Grant* deepest = nullptr;
  for (const Grant& grant : grants) {
    if (isWithin(path, grant.path) && (deepest == nullptr || grant.path.size() > deepest->path.size()))
      deepest = &grant;
  }
  return deepest;
}

std::string throughRootLinks(const LaunchRequest& request, const std::string& path) {
  for (const auto& [link, content] : request.rootSymlinks) {
    if (!isWithin(path, link)) continue;
    return joinPath("/", content.starts_with('/') ? content.substr(1) : content) + path.substr(link.size());
  }
  return path;
}

std::vector<MakeSymlink> rootLinks(const LaunchRequest& request, const std::vector<Grant>& grants) {
  std::vector<MakeSymlink> links;
  for (const auto& [link, content] : request.rootSymlinks) {
    if (!isNormalPath(link) || parentPath(link) != "/" || link == "/") continue;
    const std::string target = throughRootLinks(request, link);
    const bool occupied = std::any_of(grants.begin(), grants.end(),
                                      [&link = link](const Grant& grant) { return isWithin(grant.path, link); });
    if (!occupied && isNormalPath(target) && findGrant(grants, target) != nullptr) links.push_back({link, content});
  }
  return links;
}

}  // namespace ringfence::sandbox
