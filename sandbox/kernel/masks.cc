#include "sandbox/kernel/masks.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kMaxVisited = 50'000;
constexpr int kMaxDepth = 64;

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t slash = text.find('/');
    if (slash != 0) parts.emplace_back(text.substr(0, slash));
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  return parts;
}

using Parts = std::vector<std::string>;

// `budget` bounds the backtracking of several "**" in a hostile pattern.
bool matchFrom(const Parts& pattern, std::size_t p, const Parts& path, std::size_t n, int& budget) {
  if (--budget < 0) return false;
  if (p == pattern.size()) return n == path.size();
  if (pattern[p] == "**") {
    for (std::size_t skip = n; skip <= path.size(); ++skip) {
      if (matchFrom(pattern, p + 1, path, skip, budget)) return true;
    }
    return false;
  }
  if (n == path.size() || fnmatch(pattern[p].c_str(), path[n].c_str(), 0) != 0) return false;
  return matchFrom(pattern, p + 1, path, n + 1, budget);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

class Walk {
 public:
  Walk(const std::string& pattern, std::uint32_t maxMatches) : pattern_(split(pattern)), maxMatches_(maxMatches) {}

  Result<void> visit(UniqueFd fd, Parts& path) {
    std::unique_ptr<DIR, CloseDirectory> directory(fdopendir(fd.get()));
    if (!directory) return posixError(errno, "listing a directory");
    (void)fd.release();  // The stream owns it now.
    while (const dirent* entry = readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++visited_ > kMaxVisited || expansion_.matches.size() >= maxMatches_) {
        expansion_.cut = true;
        return {};
      }
      RF_TRY(visitEntry(dirfd(directory.get()), *entry, path));
      if (expansion_.cut && expansion_.matches.size() >= maxMatches_) return {};
    }
    return {};
  }

  GlobExpansion take() { return std::move(expansion_); }

 private:
  Result<void> visitEntry(int directory, const dirent& entry, Parts& path) {
    const bool isDirectory = kindOf(directory, entry) == DT_DIR;
    if (!isDirectory && kindOf(directory, entry) == DT_LNK) return {};
    path.emplace_back(entry.d_name);
    int budget = 10'000;
    if (matchFrom(pattern_, 0, path, 0, budget)) {
      expansion_.matches.push_back(joined(path));
    } else if (isDirectory) {
      if (path.size() >= kMaxDepth) {
        expansion_.cut = true;
      } else {
        auto child = openAt(directory, entry.d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        // Replaced or removed meanwhile: nothing is there under this name as a directory.
        if (child)
          RF_TRY(visit(std::move(*child), path));
        else
          expansion_.cut = expansion_.cut || child.error().sysErrno != ENOENT;
      }
    }
    path.pop_back();
    return {};
  }

  static unsigned char kindOf(int directory, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat status {};
    if (fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return S_ISDIR(status.st_mode) ? DT_DIR : S_ISLNK(status.st_mode) ? DT_LNK : DT_REG;
  }

  static std::string joined(const Parts& path) {
    std::string text;
    for (const auto& part : path) text += (text.empty() ? "" : "/") + part;
    return text;
  }

  Parts pattern_;
  std::uint32_t maxMatches_;
  std::uint32_t visited_ = 0;
  GlobExpansion expansion_;
};

}  // namespace

bool matchesGlob(std::string_view pattern, std::string_view path) {
  int budget = 10'000;
  return matchFrom(split(pattern), 0, split(path), 0, budget);
}

Result<GlobExpansion> expandGlob(int directory, const std::string& pattern, std::uint32_t maxMatches) {
  Walk walk(pattern, maxMatches);
  Parts path;
  UniqueFd start = RF_TRY(openAt(directory, ".", O_RDONLY | O_DIRECTORY));
  RF_TRY(walk.visit(std::move(start), path));
  return walk.take();
}

}  // namespace ringfence::sandbox
