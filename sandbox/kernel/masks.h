// Globs of `forbid` rules, expanded once over a tree that may be hostile: bounded, never through a symbolic link.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Components are separated by '/'; "**" stands for any number of them, the rest is fnmatch(3) where a leading dot is
// nothing special.
bool matchesGlob(std::string_view pattern, std::string_view path);

struct GlobExpansion {
  std::vector<std::string> matches;  // relative to the directory, no match below another match
  bool cut = false;                  // there may be more: too many matches, entries or levels
};
// Symbolic links are neither followed nor reported: what they lead to is judged under its own name.
Result<GlobExpansion> expandGlob(int directory, const std::string& pattern, std::uint32_t maxMatches);

}  // namespace ringfence::sandbox
