// Paths as text. Pure: what a path names on this machine is the business of whoever opens it.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::sandbox {

// Absolute, no empty, "." or ".." component, no control character, no "/" at the end; "/" itself is normal.
bool isNormalPath(std::string_view path);
// `path` is `root` or below it. Both normal.
bool isWithin(std::string_view path, std::string_view root);
std::string joinPath(std::string_view root, std::string_view relative);
std::string parentPath(std::string_view path);
bool hasGlob(std::string_view pattern);
// Order in which mounts may be made: what is above comes before what is below.
bool mountsBefore(std::string_view left, std::string_view right);

}  // namespace ringfence::sandbox
