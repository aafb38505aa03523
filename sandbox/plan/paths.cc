#include "sandbox/plan/paths.h"

#include <algorithm>

namespace ringfence::sandbox {

bool isNormalPath(std::string_view path) {
  if (path == "/") return true;
  if (path.empty() || path.front() != '/' || path.back() == '/') return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view component = path.substr(0, path.find('/'));
    if (component.empty() || component == "." || component == "..") return false;
    path.remove_prefix(component.size());
  }
  return true;
}

bool isWithin(std::string_view path, std::string_view root) {
  if (root == "/") return true;
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

std::string joinPath(std::string_view root, std::string_view relative) {
  std::string joined(root == "/" ? "" : root);
  if (!relative.starts_with('/')) joined += '/';
  return joined += relative;
}

std::string parentPath(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

bool hasGlob(std::string_view pattern) { return pattern.find_first_of("*?") != std::string_view::npos; }

bool mountsBefore(std::string_view left, std::string_view right) {
  // A separator sorts before every other byte, so that "/a/b" comes before "/a-b".
  const auto key = [](char c) { return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c)) + 1; };
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [&](char a, char b) { return key(a) < key(b); });
}

}  // namespace ringfence::sandbox
