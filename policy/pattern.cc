#include <algorithm>
#include <string_view>
#include <vector>

#include "policy/evaluate.h"
#include "policy/path_set.h"

namespace ringfence::policy {
namespace {

// Whether the pattern matches `path` or one of the directories above it.
bool matchesParts(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  // reachable[i]: the pattern so far can have used the first i parts.
  std::vector<char> reachable(path.size() + 1, 0);
  reachable[0] = 1;
  for (const std::string_view part : pattern) {
    std::vector<char> next(path.size() + 1, 0);
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (part == "**") {
        next[i] = static_cast<char>(reachable[i] != 0 || (i > 0 && next[i - 1] != 0));
      } else if (i > 0) {
        next[i] = static_cast<char>(reachable[i - 1] != 0 && matchesName(part, path[i - 1]));
      }
    }
    reachable = std::move(next);
  }
  return std::ranges::find(reachable, 1) != reachable.end();
}

bool isNormalAbsolute(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (const std::string_view part : partsOf(path)) {
    if (part == "." || part == "..") return false;
  }
  return true;
}

// Of two separators that follow each other one is no name: such a text is not compared as it is.
bool hasEmptyPart(std::string_view path) {
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (path[i] == '/' && path[i - 1] == '/') return true;
  }
  return false;
}

std::size_t lengthOfPlace(std::string_view pattern) {
  if (hasEmptyPart(pattern)) return 0;
  const std::size_t glob = pattern.find_first_of("*?");
  std::string_view place = pattern;
  if (glob != std::string_view::npos) place = pattern.substr(0, pattern.rfind('/', glob));
  while (place.ends_with('/')) place.remove_suffix(1);
  return place.size();
}

}  // namespace

std::string expandPattern(const std::string& pattern, const Places& places) {
  const auto below = [](const std::string& place, std::string_view rest) {
    if (!place.starts_with('/')) return std::string();
    return place == "/" ? std::string(rest.empty() ? "/" : rest) : place + std::string(rest);
  };
  if (pattern == "~" || pattern.starts_with("~/")) return below(places.home, std::string_view(pattern).substr(1));
  constexpr std::string_view kWorkspace = "$WORKSPACE";
  if (pattern == kWorkspace || pattern.starts_with("$WORKSPACE/")) {
    return below(places.workspace, std::string_view(pattern).substr(kWorkspace.size()));
  }
  if (pattern.starts_with("**/")) return below(places.workspace, "/" + pattern);
  return pattern;
}

bool matchesPath(const std::string& pattern, const Places& places, const std::string& path) {
  return PathPattern(pattern, places).matches(path);
}

PathPattern::PathPattern(const std::string& pattern, const Places& places)
    : expanded_(expandPattern(pattern, places)), placeLength_(lengthOfPlace(expanded_)) {}

bool PathPattern::matches(std::string_view path) const {
  if (!expanded_.starts_with('/')) return false;
  // Most patterns begin with a place that a path is not in: then nothing needs to be taken apart.
  const std::string_view place = std::string_view(expanded_).substr(0, placeLength_);
  const bool isBelow = path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
  if (!place.empty() && !isBelow && !hasEmptyPart(path)) return false;
  return isNormalAbsolute(path) && matchesParts(partsOf(expanded_), partsOf(path));
}

bool isSecretPattern(const PathRule& rule) {
  static constexpr std::string_view kReadable[] = {
      ".git",      ".gitattributes", ".gitmodules", ".github",        ".husky",        ".pre-commit-config.yaml",
      ".vscode",   ".idea",          ".zed",        ".devcontainer",  ".claude",       ".mcp.json",
      ".cursor",   ".cursorrules",   ".codex",      ".gemini",        ".windsurf",     ".aider.conf.yml",
      ".envrc",    ".mise.toml",     "mise.toml",   ".tool-versions", ".editorconfig", ".ringfence.toml",
      "AGENTS.md", "CLAUDE.md",      "GEMINI.md"};
  return std::ranges::none_of(partsOf(rule.pattern), [](std::string_view part) {
    return std::ranges::find(kReadable, part) != std::end(kReadable);
  });
}

}  // namespace ringfence::policy
