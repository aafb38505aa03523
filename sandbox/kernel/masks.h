// Globs of `forbid` rules, expanded once over a tree that may be hostile: bounded, never through a symbolic link.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/folder_memory.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

// Components are separated by '/'; "**" stands for any number of them, the rest is fnmatch(3) where a leading dot is
// nothing special.
bool matchesGlob(std::string_view pattern, std::string_view path);

struct GlobQuery {
  std::string pattern;
  std::uint32_t maxMatches = 256;
  bool hides = false;  // a directory that matches is taken away whole: nothing below it is looked at
  bool operator==(const GlobQuery&) const = default;
};
struct GlobExpansion {
  std::vector<std::string> matches;  // relative to the directory
  std::vector<std::string> links;    // names that would be matches of "**/.git/NAME" but are symbolic links
  bool cut = false;                  // there may be more: too many matches, entries or levels
};
// One walk for all queries; an expansion for each, in their order. Symbolic links are neither followed nor matches:
// what they lead to is judged under its own name. "**/.git/NAME" is answered where a ".git" is, folder or file: NAME is
// a match there whether or not it exists. Where all other queries hide, the walk does not enter ".git/objects/xx" (two
// hexadecimal digits): git keeps hundreds of folders there with nothing but content under its hash. What somebody else
// put there stays in sight. `memory`: of earlier walks, for this one to use and to add to; null: every folder is read.
Result<std::vector<GlobExpansion>> expandGlobs(int directory, const std::vector<GlobQuery>& queries,
                                               FolderMemory* memory = nullptr);

}  // namespace ringfence::sandbox
