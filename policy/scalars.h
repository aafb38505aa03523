// The small grammars of the format: sizes, percentages, names, path patterns, hosts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.h"

namespace ringfence::policy {

// Each fails with kInvalid and what is wrong with the text in words.
Result<std::uint64_t> parseSize(std::string_view text);      // "512MiB" -> bytes
Result<std::uint64_t> parseRate(std::string_view text);      // "50MiB/s" -> bytes in a second
Result<std::uint64_t> parsePercent(std::string_view text);   // "200%" -> 200
Result<std::uint64_t> parseShare(std::string_view text);     // "50%" -> 50, up to 100
Result<std::uint64_t> parseDuration(std::string_view text);  // "10m" -> 600 seconds
Result<std::uint64_t> parseMoney(std::string_view text);     // "$2.50" -> 2500000 millionths of a dollar

// Lower-case letters, digits, '.', '_', '-'; begins with a letter or digit; at most 64.
bool isPolicyName(std::string_view name);
bool isGroupName(std::string_view name);
bool isVariableName(std::string_view name);

enum class GlobUse { kForbidden, kAllowed };
// The pattern with doubled and trailing slashes removed. Fails when it is not absolute, "~/…", "$WORKSPACE/…" or (with
// globs) "**/…", has a ".." or "." part, control characters, or glob characters where they are not allowed.
Result<std::string> parsePath(std::string_view text, GlobUse globs);

// A host name in lower case without its trailing dot, possibly with "*." in front; or an IP address.
Result<std::string> parseHost(std::string_view text);

}  // namespace ringfence::policy
