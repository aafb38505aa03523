// Which trees of the host a run sees, and what may never be among them.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"
#include "policy/evaluate.h"
#include "sandbox/plan/make_plan.h"

namespace ringfence::sandbox {

enum class GrantKind { kWorkspace, kHome, kPolicy, kCommandLine, kInstallTree };

// What is asked before it happens in a tree.
enum class Asking { kNothing, kChanges, kReads };

// One tree that is bound. Its path is the same outside and inside, but for the private home.
struct Grant {
  std::string path;
  Access access = Access::kReadOnly;
  GrantKind kind = GrantKind::kPolicy;
  bool idmapped = false;
  policy::Origin origin;  // of the rule, for kPolicy
  Asking asking = Asking::kNothing;
};

// "file:line", or empty.
std::string originText(const policy::Origin& origin);

// Where HOME is inside: the caller's home, or /home/NAME where that is no place for one.
std::string homeInside(const CallerAccount& caller);

// Sorted so that a tree comes before what is below it; at most one of a path. Fails with kInvalid for a path that makes
// no sense and kDenied for one that no policy may give; both name the path and where it was written.
Result<std::vector<Grant>> collectGrants(const policy::Document& document, const LaunchRequest& request);

// Where a policy asks: each path or, of a pattern with globs, the directory that it begins with.
struct AskedPlace {
  std::string path;
  Asking asking = Asking::kChanges;
  bool isPattern = false;  // asks about some of what is there, and grants nothing
};
std::vector<AskedPlace> askedPlaces(const policy::Document& document, const LaunchRequest& request);

// The grant that decides about `path` inside: the deepest one that holds it. Null: nothing of the host is there.
const Grant* findGrant(const std::vector<Grant>& grants, const std::string& path);
// `path` with a leading link of the root directory ("/bin") replaced by what it stands for.
std::string throughRootLinks(const LaunchRequest& request, const std::string& path);
// Links of the host's root that are made inside as well: those whose target is granted.
std::vector<MakeSymlink> rootLinks(const LaunchRequest& request, const std::vector<Grant>& grants);

}  // namespace ringfence::sandbox
