#include "sandbox/plan/masks.h"

#include <algorithm>
#include <utility>

#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

struct SplitPattern {
  std::string target;  // up to the first component with a glob character
  std::string glob;    // the rest, or empty
};

SplitPattern split(const std::string& pattern) {
  const std::size_t first = pattern.find_first_of("*?");
  if (first == std::string::npos) return {pattern, ""};
  const std::size_t slash = pattern.rfind('/', first);
  // Brackets and backslashes are plain characters in a policy, but not where globs are expanded.
  std::string glob;
  for (const char c : pattern.substr(slash + 1)) {
    if (c == '[' || c == '\\') glob += '\\';
    glob += c;
  }
  return {slash == 0 ? "/" : pattern.substr(0, slash), std::move(glob)};
}

// Something of the host is at `target`, or may be below it.
bool touches(const std::vector<Grant>& grants, const SplitPattern& pattern) {
  // A private home is Ringfence's own: what a rule protects is the real one.
  const Grant* above = findGrant(grants, pattern.target);
  if (above != nullptr && above->kind != GrantKind::kHome) return true;
  if (pattern.glob.empty()) return false;
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return grant.kind != GrantKind::kHome && isWithin(grant.path, pattern.target);
  });
}

}  // namespace

MaskKind maskKindOf(const policy::PathRule& rule) {
  return policy::isSecretPattern(rule) ? MaskKind::kEmpty : MaskKind::kReadOnly;
}

Result<Masks> makeMasks(const policy::Document& document, const LaunchRequest& request,
                        const std::vector<Grant>& grants) {
  const policy::Places places{.workspace = request.workspace, .home = homeInside(request.caller)};
  Masks masks;
  for (const policy::PathRule& rule : document.files.forbid) {
    const SplitPattern pattern = split(throughRootLinks(request, policy::expandPattern(rule.pattern, places)));
    if (!isNormalPath(pattern.target)) {
      return Error{ErrorCode::kInvalid, "forbid rule " + escapeForDisplay(rule.pattern) + " (" +
                                            originText(rule.origin) + "): is no absolute path without \"..\""};
    }
    if (!touches(grants, pattern)) {
      masks.absent.push_back(rule);
      continue;
    }
    const MaskKind kind = maskKindOf(rule);
    const Grant* above = findGrant(grants, pattern.target);
    const bool readOnlyAnyway =
        kind == MaskKind::kReadOnly && pattern.glob.empty() && above != nullptr && above->access == Access::kReadOnly;
    if (readOnlyAnyway) continue;
    masks.steps.push_back(
        {.target = pattern.target, .glob = pattern.glob, .kind = kind, .origin = originText(rule.origin)});
  }
  for (std::string place : request.protectedPaths) {
    while (place.size() > 1 && place.ends_with('/')) place.pop_back();
    const Grant* above = findGrant(grants, place);
    if (above == nullptr || above->kind == GrantKind::kHome) continue;
    masks.steps.push_back({.target = place, .glob = "", .kind = MaskKind::kEmpty, .origin = "Ringfence"});
  }
  return masks;
}

}  // namespace ringfence::sandbox
