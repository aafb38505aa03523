#include "sandbox/kernel/masks.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <bitset>
#include <cerrno>
#include <memory>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kMaxVisited = 100'000;
constexpr int kMaxDepth = 64;
constexpr std::size_t kBufferSize = 32 << 10;

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

// fnmatch is slow, and most patterns are a name or a beginning of one.
bool matchesName(const std::string& pattern, const std::string& name) {
  const std::size_t special = pattern.find_first_of("*?[\\");
  if (special == std::string::npos) return pattern == name;
  if (pattern[special] == '*' && special + 1 == pattern.size())
    return name.compare(0, special, pattern, 0, special) == 0;
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

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
  if (n == path.size() || !matchesName(pattern[p], path[n])) return false;
  return matchFrom(pattern, p + 1, path, n + 1, budget);
}

bool matchParts(const Parts& pattern, const Parts& path) {
  if (pattern.size() == 2 && pattern[0] == "**" && pattern[1] != "**")
    return !path.empty() && matchesName(pattern[1], path.back());
  int budget = 10'000;
  return matchFrom(pattern, 0, path, 0, budget);
}

bool isLowerHex(char letter) { return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f'); }

// ".git/objects/xx": git's own content, each file under its hash.
bool isGitContent(const Parts& path) {
  const std::size_t count = path.size();
  if (count < 3 || path[count - 3] != ".git" || path[count - 2] != "objects") return false;
  const std::string& name = path.back();
  return name.size() == 2 && isLowerHex(name[0]) && isLowerHex(name[1]);
}

class Walk {
 public:
  explicit Walk(const std::vector<GlobQuery>& queries) : queries_(queries), expansions_(queries.size()) {
    for (const auto& query : queries) {
      patterns_.push_back(split(query.pattern));
      expectFirst(patterns_.back());
      onlyHides_ = onlyHides_ && query.hides;
    }
  }

  Result<void> visit(UniqueFd directory, Parts& path) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kBufferSize);
    for (;;) {
      const ssize_t got = ::getdents64(directory.get(), buffer.get(), kBufferSize);
      if (got < 0) cutAll();  // Removed meanwhile, or a disk that fails: what was not read is not known.
      if (got <= 0) return {};
      for (ssize_t at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer.get() + at);
        at += entry->d_reclen;
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (++visited_ > kMaxVisited) {
          cutAll();
          return {};
        }
        RF_TRY(visitEntry(directory.get(), *entry, path));
      }
    }
  }

  std::vector<GlobExpansion> take() { return std::move(expansions_); }

 private:
  // Most names begin with no letter that a pattern begins with: they are not looked at any further.
  void expectFirst(const Parts& pattern) {
    const bool anywhere = pattern.size() == 2 && pattern[0] == "**" && pattern[1] != "**";
    const auto first = anywhere ? static_cast<unsigned char>(pattern[1][0]) : static_cast<unsigned char>('*');
    if (first == '*' || first == '?' || first == '[' || first == '\\')
      expected_.set();
    else
      expected_.set(first);
  }

  Result<void> visitEntry(int directory, const dirent64& entry, Parts& path) {
    const bool mayMatch = expected_.test(static_cast<unsigned char>(entry.d_name[0]));
    const unsigned char kind = kindOf(directory, entry);
    if (kind == DT_LNK || (!mayMatch && kind != DT_DIR)) return {};
    path.emplace_back(entry.d_name);
    const bool hidden = mayMatch && matchAll(path);
    if (kind == DT_DIR && !hidden && !(onlyHides_ && isGitContent(path)))
      RF_TRY(descend(directory, entry.d_name, path));
    path.pop_back();
    return {};
  }

  // True when the entry is taken away.
  bool matchAll(const Parts& path) {
    bool hidden = false;
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      if (!matchParts(patterns_[i], path)) continue;
      if (expansions_[i].matches.size() >= queries_[i].maxMatches) {
        expansions_[i].cut = true;
        continue;
      }
      expansions_[i].matches.push_back(joined(path));
      hidden = hidden || queries_[i].hides;
    }
    return hidden;
  }

  Result<void> descend(int directory, const char* name, Parts& path) {
    if (path.size() >= kMaxDepth) {
      cutAll();
      return {};
    }
    auto child = openAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (child) return visit(std::move(*child), path);
    // Replaced or removed meanwhile: nothing is there under this name as a directory.
    if (child.error().sysErrno != ENOENT) cutAll();
    return {};
  }

  void cutAll() {
    for (auto& expansion : expansions_) expansion.cut = true;
  }

  static unsigned char kindOf(int directory, const dirent64& entry) {
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

  const std::vector<GlobQuery>& queries_;
  std::vector<Parts> patterns_;
  std::vector<GlobExpansion> expansions_;
  std::bitset<256> expected_;  // first bytes of names that may match
  std::uint32_t visited_ = 0;
  bool onlyHides_ = true;  // what tools obey may lie in a submodule's folder that is called like git's content
};

}  // namespace

bool matchesGlob(std::string_view pattern, std::string_view path) { return matchParts(split(pattern), split(path)); }

Result<std::vector<GlobExpansion>> expandGlobs(int directory, const std::vector<GlobQuery>& queries) {
  Walk walk(queries);
  Parts path;
  UniqueFd start = RF_TRY(openAt(directory, ".", O_RDONLY | O_DIRECTORY));
  RF_TRY(walk.visit(std::move(start), path));
  return walk.take();
}

}  // namespace ringfence::sandbox
