// /proc/PID/mounts as values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct MountEntry {
  std::string source, target, type;
  std::vector<std::string> options;
};

// Octal escapes (\040) are undone. Lines with too few fields are left out.
std::vector<MountEntry> parseMountTable(std::string_view text);
Result<std::vector<MountEntry>> readMountTable(int root, const std::string& path);

// Words separated by blanks or newlines.
std::vector<std::string> splitWords(std::string_view text);

}  // namespace ringfence::sandbox
