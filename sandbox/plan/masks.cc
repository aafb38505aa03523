#include "sandbox/plan/masks.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

// Run or read by tools outside, later: git, editors, other agents. Not secret, and git does not work without its
// config.
constexpr std::array<std::string_view, 18> kStaysReadable = {".git",
                                                             ".github",
                                                             ".gitattributes",
                                                             ".gitmodules",
                                                             ".vscode",
                                                             ".idea",
                                                             ".claude",
                                                             ".mcp.json",
                                                             ".cursor",
                                                             ".codex",
                                                             ".gemini",
                                                             ".devcontainer",
                                                             ".husky",
                                                             ".pre-commit-config.yaml",
                                                             ".ringfence.toml",
                                                             "AGENTS.md",
                                                             "CLAUDE.md",
                                                             ".editorconfig"};

struct SplitPattern {
  std::string target;  // up to the first component with a glob character
  std::string glob;    // the rest, or empty
};

SplitPattern split(const std::string& pattern) {
  const std::size_t first = pattern.find_first_of("*?[{");
  if (first == std::string::npos) return {pattern, ""};
  const std::size_t slash = pattern.rfind('/', first);
  return {slash == 0 ? "/" : pattern.substr(0, slash), pattern.substr(slash + 1)};
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

MaskKind maskKindOf(const std::string& pattern) {
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const std::string_view component = rest.substr(0, rest.find('/'));
    if (std::find(kStaysReadable.begin(), kStaysReadable.end(), component) != kStaysReadable.end()) {
      return MaskKind::kReadOnly;
    }
    rest.remove_prefix(std::min(rest.size(), component.size() + 1));
  }
  return MaskKind::kEmpty;
}

Result<Masks> makeMasks(const policy::Document& document, const policy::Places& places,
                        const std::vector<Grant>& grants) {
  Masks masks;
  for (const policy::PathRule& rule : document.files.forbid) {
    const SplitPattern pattern = split(policy::expandPattern(rule.pattern, places));
    if (!isNormalPath(pattern.target)) {
      return Error{ErrorCode::kInvalid, "forbid rule " + escapeForDisplay(rule.pattern) + " (" +
                                            originText(rule.origin) + "): is no absolute path without \"..\""};
    }
    if (!touches(grants, pattern)) {
      masks.absent.push_back(rule);
      continue;
    }
    const MaskKind kind = maskKindOf(rule.pattern);
    const Grant* above = findGrant(grants, pattern.target);
    const bool readOnlyAnyway =
        kind == MaskKind::kReadOnly && pattern.glob.empty() && above != nullptr && above->access == Access::kReadOnly;
    if (readOnlyAnyway) continue;
    masks.steps.push_back(
        {.target = pattern.target, .glob = pattern.glob, .kind = kind, .origin = originText(rule.origin)});
  }
  return masks;
}

}  // namespace ringfence::sandbox
